"""`manifest stats`: the counts are those of the files."""

import json
import shutil
from pathlib import Path

import pytest

from training.manifests.statistics import statistics

from .conftest import Run, write_rows


@pytest.fixture
def mixed(media: Path, tmp_path: Path) -> Path:
    shutil.copy(media / "track-0.wav", tmp_path / "copy.wav")
    clip, track = media / "clip-0.mp4", media / "track-0.wav"
    rows = [
        {"id": "a", "video": clip, "audio": track, "split": "train", "music_id": "m", "labels": {"mood": ["x", "y"]}},
        {"id": "b", "video": media / "clip-1.mp4", "audio": "copy.wav", "split": "val", "labels": {"mood": "x"}},
        {"id": "c", "video": media / "clip-2.mp4", "audio": media / "track-1.wav", "audio_start": 2, "audio_end": 4},
        {"id": "d", "video": "none.mp4", "audio": media / "broken.mp4"},
        {"id": "a", "video": "", "audio": None},
        {"id": "e", "video": clip, "audio": track, "split": "train", "group": "g", "artist": "A"},
    ]
    return write_rows(tmp_path / "m.jsonl", rows)


def test_every_count_is_that_of_the_files(mixed: Path) -> None:
    found = statistics(mixed)
    assert (found.rows, found.usable) == (6, 5) and [note.line for note in found.faults] == [5]
    assert found.hours["video"] == pytest.approx(4 * 2 / 3600, abs=1e-4)  # four films of 2 s can be read
    assert found.hours["audio"] == pytest.approx((8 + 8 + 2 + 8) / 3600, abs=1e-4)
    assert found.files == {"video": 3, "audio": 2}  # the copy is the same content
    assert {name: part["rows"] for name, part in found.splits.items()} == {"train": 2, "val": 1, "none": 2}
    assert found.labels == {"mood": {"x": 2, "y": 1}} and found.unlabelled == {"mood": 3}
    assert (found.musics, found.groups, found.artists) == (1, 1, 1)
    assert found.empty == {"music_id": 4, "group": 4, "split": 2}
    assert found.duplicates == {"pair": [[1, 6]], "video": [[1, 6]], "audio": [[1, 2, 6]]}
    assert found.shared == {"audio": 1}  # the same music in train and val
    assert [Path(path).name for path in found.missing] == ["none.mp4"] and "broken.mp4" in found.unreadable[0][1]


def test_the_command_prints_one_object_or_lines(mixed: Path, command: Run) -> None:
    answer = command("manifest", "stats", mixed.name, "--json", folder=mixed.parent)
    told = json.loads(answer.stdout)
    assert answer.returncode == 1 and told["usable"] == 5 and told["shared"] == {"audio": 1}
    shown = command("manifest", "stats", mixed.name, folder=mixed.parent)
    assert "1 times the same audio in two splits" in shown.stdout and "line 5 (a)" in shown.stderr


@pytest.mark.media
def test_the_real_set_is_as_its_readme_says(data_folder: Path) -> None:
    manifests = Path(__file__).resolve().parents[3] / "data_manifests"
    found = statistics(manifests / "real.jsonl", data_folder)
    assert found.splits["train"]["rows"] == 9 and found.splits["val"]["rows"] == 24 and found.groups == 8
    assert found.splits["val"]["hours"] * 3600 == pytest.approx(298, abs=2) and found.shared == {}
    assert found.musics == 32 and not found.faults and not found.missing
