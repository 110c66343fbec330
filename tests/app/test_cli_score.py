"""`crossmodal score` as a person meets it."""

import os
import subprocess
import sys
from pathlib import Path

from crossmodal.demo import make_clip, make_track


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from app.cli import main; main()", *arguments]
    environment = {**os.environ, "CROSSMODAL_CACHE": str(folder / "cache")}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, env=environment, cwd=folder)


def test_a_table_is_scored_and_scored_again_to_the_same_table(tmp_path: Path) -> None:
    make_clip(tmp_path / "-i.mp4", seconds=2.0)
    make_track(tmp_path / "a.wav", seconds=4.0)
    (tmp_path / "pairs.csv").write_text("video;audio;note;audio_start\n-i.mp4;a.wav;=1+1;1,5\nnone.mp4;a.wav;-x;\n")
    answer = run(tmp_path, "score", "pairs.csv", "-o", "scores.csv")
    assert answer.returncode == 1 and "line 3: none.mp4" in answer.stderr and "1 of 2 rows" in answer.stderr
    lines = (tmp_path / "scores.csv").read_text().splitlines()
    assert lines[0] == "video,audio,note,audio_start,score,percentile,start,status,reason"
    assert lines[1].startswith("-i.mp4,a.wav,'=1+1,1.5,") and lines[2].split(",")[7] == "error"
    run(tmp_path, "score", "scores.csv", "-o", "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "scores.csv").read_bytes()


def test_some_of_our_columns_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("video,audio,score\na,b,1\n")
    answer = run(tmp_path, "score", "pairs.csv", "-o", "out.csv")
    assert answer.returncode == 3 and "'score'" in answer.stderr and not (tmp_path / "out.csv").exists()
