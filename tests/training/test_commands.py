"""`crossmodal train`, `evaluate` and `calibrate` as a person runs them: exit codes, stdout, stderr."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.demo import make_clip, make_track

pytestmark = pytest.mark.xdist_group("training-commands")  # what they share is made once

TINY = ["steps=2", "batch=4", "passage=[2, 2.5]", "model.width=8", "model.dilations=[1]", "model.vector_dim=8"]


def crossmodal(*words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run the real command in a child process."""
    code = "from app.cli import main; main()"
    environment = {**os.environ, "CROSSMODAL_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pairs of 3 s, and one whose clip is no media."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = []
    for k in range(4):
        make_clip(folder / f"{k}.mp4", seconds=3.0, cuts=(0.5 + 0.4 * k,), seed=k)
        make_track(folder / f"{k}.wav", seconds=3.0, seed=k)
        rows.append({"id": f"row-{k}", "video": f"{k}.mp4", "audio": f"{k}.wav", "music_id": f"m{k}", "split": "train"})
    (folder / "bad.mp4").write_bytes(b"this is no film")
    rows.append({"id": "row-bad", "video": "bad.mp4", "audio": "0.wav", "music_id": "m4", "split": "train"})
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def run(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A trained run and its folder; the cache stands beside it."""
    folder = tmp_path_factory.mktemp("run")
    words = ("train", "--manifest", str(manifest), "--out", str(folder / "mine"), *TINY)
    return crossmodal(*words, cache=folder), folder / "mine"


def test_train_does_what_can_be_done_lists_the_rest_and_says_so(
    run: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = run
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip() == str(folder)
    assert "row-bad: " in done.stderr and "bad.mp4" in done.stderr and "Traceback" not in done.stderr
    assert {"config.json", "model.safetensors", "README.md", "log.jsonl", "state.pt"} <= {
        p.name for p in folder.iterdir()
    }
    assert len((folder / "log.jsonl").read_text().splitlines()) == 2


def test_a_folder_with_a_run_is_not_overwritten(
    run: tuple[subprocess.CompletedProcess[str], Path], manifest: Path
) -> None:
    again = crossmodal("train", "--manifest", str(manifest), "--out", str(run[1]), *TINY, cache=run[1].parent)
    assert again.returncode == 3 and "--resume" in again.stderr and again.stdout == ""


def test_evaluate_prints_one_json_object(run: tuple[subprocess.CompletedProcess[str], Path], manifest: Path) -> None:
    words = ("evaluate", str(run[1]), str(manifest), "--min-seconds", "2", "--json")
    done = crossmodal(*words, cache=run[1].parent)
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert summary["pool"] == 4 and summary["failed"][0]["id"] == "row-bad"
    assert summary["chance"]["recall@1"] == pytest.approx(0.25) and "video_to_music" in summary["searched"]


def test_calibrate_refuses_too_few_pairs_in_one_line(
    run: tuple[subprocess.CompletedProcess[str], Path], manifest: Path
) -> None:
    done = crossmodal("calibrate", str(run[1]), str(manifest), cache=run[1].parent)
    assert done.returncode == 3 and "12 different musics" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (run[1] / "calibration.json").exists()


def test_train_needs_exactly_one_kind_of_input(tmp_path: Path) -> None:
    done = crossmodal("train", "--out", str(tmp_path / "x"), cache=tmp_path)
    assert done.returncode == 3 and "--manifest" in done.stderr and "--data" in done.stderr


@pytest.mark.parametrize("words", [("train", "--manifest"), ("evaluate", "compact"), ("calibrate", "compact")])
def test_a_manifest_without_a_usable_row_is_said_with_its_first_reason(words: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "gone.csv"
    path.write_text("video,audio\ngone.mp4,gone.mp3\n")
    done = crossmodal(
        *words, str(path), "--out" if words[0] != "evaluate" else "--plots", str(tmp_path / "o"), cache=tmp_path
    )
    assert done.returncode == 3 and done.stdout == ""
    assert f"{path}: none of 1 rows can be used. The first, 2: gone.mp4: there is no such file" in done.stderr
    assert not (tmp_path / "o").exists()


def test_one_music_is_too_few_to_train_on(manifest: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    rows = [json.loads(line) | {"music_id": "same"} for line in manifest.read_text().splitlines()[:2]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("train", "--manifest", str(path), "--root", str(manifest.parent), "--out", str(tmp_path / "run"))
    done = crossmodal(*words, *TINY, cache=tmp_path)
    assert done.returncode == 3 and "2 rows that can be used, of one music: two are the least" in done.stderr
    done = crossmodal(*words, *TINY, "data.shares={one: 0}", cache=tmp_path)
    assert done.returncode == 3 and "no domain has a share above 0" in done.stderr
