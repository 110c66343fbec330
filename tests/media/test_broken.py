"""Every broken or hostile file does what its row in the table says; twins on made media stand in the files beside."""

import csv
import math
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest

from crossmodal.errors import MediaError
from crossmodal.media import guard, open_audio, open_video

pytestmark = pytest.mark.media
GROUPS = 6
LIMIT = 30.0  # seconds a file
MIN_SAMPLES = 2_400  # 0.1 s at 24 kHz


def watch(path: Path) -> tuple[int, list[str]]:
    """(frames, warnings) of a film, after checks that hold for every file."""
    n_frames, latest = 0, -math.inf
    with open_video(path) as video:
        for batch in video.frames(25, (64, 48)):
            assert batch.pixels.shape[1:] == (3, 48, 64) and batch.pixels.dtype == np.uint8
            assert np.isfinite(batch.pts).all() and batch.pts[0] >= latest
            assert (np.diff(batch.pts) >= 0).all() and (np.diff(batch.times) > 0).all()
            n_frames, latest = n_frames + len(batch.times), batch.pts[-1]
        assert math.isfinite(video.duration) and video.duration > 0
        return n_frames, video.warnings


def listen(path: Path) -> tuple[int, list[str]]:
    """(samples, warnings) of a sound, after checks that hold for every file."""
    n_samples = 0
    with open_audio(path) as audio:
        for block in audio.blocks():
            assert block.samples.shape[0] == 1 and np.isfinite(block.samples).all()
            assert np.abs(block.samples).max(initial=0) <= 1
            assert block.time == pytest.approx(n_samples / 24_000)
            n_samples += block.samples.shape[1]
        assert math.isfinite(audio.duration) and audio.duration > 0
        return n_samples, audio.warnings


def outcome(function, path: Path, least: int) -> set[str]:
    """What a file did, in the words of the table."""
    try:
        count, warnings = guard.run(function, path)
    except MediaError as error:
        assert "\n" not in str(error) and error.remedy
        assert str(error).startswith(" ".join(path.name.split())[:50])
        return {error.kind}
    assert count > 0
    if count < least:
        return {"too little"}
    return {"ok", "partial"} if warnings else {"ok"}


def expectations(data_folder: Path) -> list[tuple[str, str, str]]:
    with (data_folder / "broken-expected.csv").open(encoding="utf-8", newline="") as file:
        return [(row["file"], row["as_video"], row["as_music"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def broken(data_folder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    with tarfile.open(data_folder / "broken.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "broken"


@pytest.mark.parametrize("group", range(GROUPS))
def test_broken_files_do_what_the_table_says(data_folder, broken, group):
    wrong = []
    for name, as_video, as_music in expectations(data_folder)[group::GROUPS]:
        for function, wanted, least in ((watch, as_video, 1), (listen, as_music, MIN_SAMPLES)):
            start = time.monotonic()
            did = outcome(function, broken / name, least)
            if not did & set(wanted.replace("error:", "").split("|")):
                wrong.append(f"{name}: {function.__name__}: {did}, not {wanted}")
            if time.monotonic() - start > LIMIT:
                wrong.append(f"{name}: {function.__name__}: took {time.monotonic() - start:.0f} s")
    assert not wrong


def test_a_broken_file_costs_only_itself(broken):
    """Good files between bad ones come out as if those were not there."""
    alone = guard.run(watch, broken / "turned-90.mp4")
    for bad in ("random-bytes.mp4", "bomb-16000.gif", "flipped-10-percent.mp4", "nested-sizes.mkv"):
        outcome(watch, broken / bad, 1)
        assert guard.run(watch, broken / "turned-90.mp4") == alone


def test_all_rows_were_looked_at(data_folder, broken):
    names = [name for name, _, _ in expectations(data_folder)]
    assert len(names) == len(set(names)) == len(list(broken.iterdir())) + 1  # does-not-exist.mp4 is not there
