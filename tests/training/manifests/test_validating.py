"""`manifest validate`: what does not hold is told with its line, what holds is written again and leads to its files."""

import json
from pathlib import Path

import pytest

from crossmodal.errors import ManifestError, MediaError
from crossmodal.manifest import read_rows
from training.manifests.looking import look_at
from training.manifests.validating import validate, write_clean

from .conftest import Run, write_rows


def test_every_kind_of_fault_is_told_with_its_line(media: Path, tmp_path: Path) -> None:
    clip, track = media / "clip-0.mp4", media / "track-0.wav"
    rows = [
        {"id": "good", "video": clip, "audio": track},
        {"id": "own", "video": media / "own.mp4", "audio": None},
        {"id": "mute", "video": clip, "audio": None},
        {"id": "gone", "video": media / "nothing.mp4", "audio": track},
        {"id": "broken", "video": media / "broken.mp4", "audio": track},
        {"id": "silent", "video": clip, "audio": media / "silence.wav"},
        {"id": "good", "video": clip, "audio": track},
        {"id": "late", "video": clip, "audio": track, "audio_start": 8.5},
        {"id": "sound", "video": track, "audio": track},
        {"id": "address", "video": "https://example.org/a.mp4", "audio": track},
        {"id": "end", "video": clip, "audio": track, "video_end": 30},
    ]
    result = validate(write_rows(tmp_path / "m.jsonl", rows), workers=2)
    said = {note.line: (note.id, note.text) for note in result.faults}
    assert list(said) == [3, 4, 5, 6, 7, 8, 9, 10]
    words = ["sound", "no such file", "", "silent", "line 1", "past the end of track-0.wav (8.00 s)", "", "address"]
    assert all(word in said[line][1] for line, word in zip(said, words, strict=True))
    assert [said[line][0] for line in said] == [row["id"] for row in rows[2:10]]
    assert [record.line for record in result.good] == [1, 2, 11]
    assert [(note.line, "video_end (30)" in note.text) for note in result.warnings] == [(11, True)]


def test_lines_are_the_files_own_in_csv(media: Path, tmp_path: Path) -> None:
    text = f'id,video,audio,note\n1,{media}/clip-0.mp4,{media}/track-0.wav,"two\nlines"\n2,nothing.mp4,x.wav,\n'
    (tmp_path / "m.csv").write_text(text)
    assert [note.line for note in validate(tmp_path / "m.csv").faults] == [4]


def test_one_file_under_several_spellings_is_read_once(media: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.wav"
    link.symlink_to(media / "track-0.wav")
    told: list[tuple[int, int]] = []
    spellings = [media / "track-0.wav", media / "." / ".." / media.name / "track-0.wav", link]
    looks = look_at([(path, "audio") for path in spellings], progress=lambda *done: told.append(done))
    assert told == [(1, 1)] and len({looks.of(path, "audio").content_hash for path in spellings}) == 1


def test_a_look_measures_what_the_header_does_not_know(media: Path, tmp_path: Path) -> None:
    whole = (media / "own.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    looks = look_at([(media / "own.mp4", "video"), (media / "own.mp4", "audio"), (tmp_path / "cut.mp4", "video")])
    assert looks.of(media / "own.mp4", "video").duration == pytest.approx(2.0, abs=0.05)
    assert looks.of(media / "own.mp4", "audio").duration == pytest.approx(2.0, abs=0.1)
    with pytest.raises(MediaError):
        looks.of(tmp_path / "cut.mp4", "video")


@pytest.mark.parametrize("name", ["clean.jsonl", "clean.csv", "clean.parquet"])
def test_the_clean_copy_leads_to_the_same_files_from_elsewhere(media: Path, tmp_path: Path, name: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there" / "deep"
    here.mkdir()
    there.mkdir(parents=True)
    (here / "a.mp4").symlink_to(media / "clip-0.mp4")
    rows = [
        {"video": "nothing.mp4", "audio": None, "extra": "x"},
        {"video": "a.mp4", "audio": media / "track-0.wav", "labels": {"mood": ["dark"]}, "extra": "kept"},
    ]
    result = validate(write_rows(here / "m.jsonl", rows))
    write_clean(result, there / name, None)
    (row,) = read_rows(there / name).rows
    assert row.video.samefile(media / "clip-0.mp4") and row.video.name == "a.mp4"
    assert row.audio == media / "track-0.wav" and row.labels == {"mood": ("dark",)}
    assert row.id == "2" and row.model_extra == {"extra": "kept"}  # its name stays, although its line is another
    assert not validate(there / name).faults


def test_with_a_root_paths_stay_as_they_are(media: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "m.jsonl", [{"id": "a", "video": "clip-0.mp4", "audio": "track-0.wav"}])
    (tmp_path / "out").mkdir()
    write_clean(validate(path, media), tmp_path / "out" / "clean.jsonl", media)
    assert json.loads((tmp_path / "out" / "clean.jsonl").read_text())["video"] == "clip-0.mp4"


class TestCommand:
    def test_exit_codes_say_all_some_or_none(self, media: Path, tmp_path: Path, command: Run) -> None:
        good = {"id": "a", "video": media / "clip-0.mp4", "audio": media / "track-0.wav"}
        bad = {"id": "b", "video": "none.mp4", "audio": None}
        write_rows(tmp_path / "some.jsonl", [good, bad])
        some = command("manifest", "validate", "some.jsonl", "-o", "clean.csv", "--json", folder=tmp_path)
        assert some.returncode == 1 and "some.jsonl, line 2 (b): video: none.mp4" in some.stderr
        told = json.loads(some.stdout)
        assert (told["rows"], told["good"], told["out"]) == (2, 1, "clean.csv") and told["bad"][0]["line"] == 2
        all_good = command("manifest", "validate", "clean.csv", folder=tmp_path)
        assert all_good.returncode == 0 and "1 of 1 rows hold" in all_good.stdout and all_good.stderr == ""
        write_rows(tmp_path / "none.jsonl", [bad])
        none = command("manifest", "validate", "none.jsonl", "-o", "x.csv", folder=tmp_path)
        assert none.returncode == 3 and not (tmp_path / "x.csv").exists()

    def test_many_warnings_do_not_drown_the_faults(self, media: Path, tmp_path: Path, command: Run) -> None:
        good = {"video": media / "clip-0.mp4", "audio": media / "track-0.wav", "video_end": 30}
        rows = [{**good, "id": str(n)} for n in range(13)] + [{**good, "id": "gone", "video": "nothing.mp4"}]
        write_rows(tmp_path / "m.jsonl", rows)
        lines = command("manifest", "validate", "m.jsonl", folder=tmp_path).stderr.splitlines()
        assert len(lines) == 12 and all("kept, with a warning" in line for line in lines[:10])
        assert "3 more warnings" in lines[10] and "line 14 (gone)" in lines[11]
        told = json.loads(command("manifest", "validate", "m.jsonl", "--json", folder=tmp_path).stdout)
        assert len(told["warnings"]) == 13

    def test_wrong_use_is_told_in_a_line_before_any_work(self, tmp_path: Path, command: Run) -> None:
        write_rows(tmp_path / "m.jsonl", [{"id": "a", "video": "none.mp4", "audio": None}])
        assert command("manifest", "validate", "m.jsonl", "--roto", "x", folder=tmp_path).returncode == 2
        answer = command("manifest", "validate", "m.jsonl", "-o", "gone/x.csv", folder=tmp_path)
        assert answer.returncode == 3 and "there is no folder" in answer.stderr and len(answer.stderr.splitlines()) == 1


def test_an_empty_or_missing_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such file"):
        validate(tmp_path / "m.jsonl")
