"""`crossmodal evaluate` as a person runs it: the table, the plots, the leak test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from app.cli.evaluation_table import show_evaluation
from crossmodal.demo import make_clip, make_track

pytestmark = pytest.mark.xdist_group("evaluate-command")  # what they share is made once


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """The command on four pairs of two sources, with everything asked for."""
    folder, rows = tmp_path_factory.mktemp("pairs"), []
    for k in range(4):
        make_clip(folder / f"{k}.mp4", seconds=2.5, cuts=(0.5 + 0.4 * k,), seed=k)
        make_track(folder / f"{k}.wav", seconds=2.5, seed=k)
        row = {"id": f"row-{k}", "video": f"{k}.mp4", "audio": f"{k}.wav", "music_id": f"m{k}", "group": f"g{k // 2}"}
        rows += [{**row, "split": "val"}, {**row, "id": f"train-{k}", "split": "train"}]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["evaluate", "compact", str(folder / "pairs.jsonl"), "--split", "val", "--min-seconds", "2", "--json"]
    words += ["--plots", str(folder / "plots"), "--leaks"]
    environment = {**os.environ, "CROSSMODAL_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    code = "from app.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment)
    return run, folder


def test_json_has_everything_that_was_asked_for(done: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    run, _ = done
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert summary["pool"] == 4 and summary["leaks"]["rows"] == 4 and summary["leaks"]["is_leaking"] is False
    assert summary["baselines"]["popularity"]["aligned"]["mean_recall@10"] == 1.0  # a pool of four: all are in the ten
    assert summary["levels"]["track"]["musics"] == 4 and summary["pools"]["aligned"] == {}


def test_plots_are_written(done: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    assert {path.name for path in (done[1] / "plots").iterdir()} == {"ranks.png", "recall.png"}
    assert Image.open(done[1] / "plots" / "recall.png").width > 800


def test_the_table_fits_and_names_every_part(
    done: tuple[subprocess.CompletedProcess[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    summary = json.loads(done[0].stdout)
    show_evaluation(summary)
    text = capsys.readouterr().out
    for name in (
        "aligned",
        "searched",
        "apart",
        "chance",
        "untrained",
        "popularity",
        "start_at_zero",
        "tracks",
        "hubs",
    ):
        assert any(line.startswith(name) for line in text.splitlines()), name
    assert "no leak" in text and max(map(len, text.splitlines())) <= 140
    summary["leaks"]["is_leaking"] = True
    show_evaluation(summary)
    assert "LEAKING" in capsys.readouterr().out
