"""The tutorials run: their blocks, in order, in an empty folder; the reference pages are what the code says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(r"```(console|python|text)\n(.*?)```", re.DOTALL)


def command_of(kind: str, body: str) -> list[str]:
    if kind == "python":
        return [sys.executable, "-c", body]
    return ["sh", "-ec", "\n".join(line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ "))]


def shape_of(line: str) -> str:
    """A line whatever its numbers, hashes and spaces are."""
    return re.sub(r"\d[\da-f.]*|nan", "#", " ".join(line.split()))


def run_tutorial(tutorial: str, folder: Path) -> int:
    """Run every block in the folder; a `text` block shows lines of what the block before it says, numbers aside.

    Returns:
        How many blocks were run.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CROSSMODAL_CACHE": str(folder / "cache")}
    said, count = "", 0
    for kind, body in BLOCK.findall((DOCS / tutorial).read_text(encoding="utf-8")):
        if kind == "text":
            missing = {shape_of(line) for line in body.splitlines()} - {shape_of(line) for line in said.splitlines()}
            assert not missing, f"{tutorial} shows what is no longer said: {missing}\n{said}"
            continue
        answer = subprocess.run(command_of(kind, body), cwd=folder, env=environment, capture_output=True, text=True)
        said, count = answer.stdout + answer.stderr, count + 1
        assert answer.returncode == 0, f"{body}\n{said}"
    return count


def test_the_tutorial_of_matching_runs(tmp_path: Path) -> None:
    assert run_tutorial("tutorial-match.md", tmp_path) == 6
    assert len(json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["matches"]) == 4
    assert len((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.timeout(1500)
def test_the_tutorial_of_training_runs(tmp_path: Path) -> None:
    assert run_tutorial("tutorial-train.md", tmp_path) == 10
    rows = [json.loads(line) for line in (tmp_path / "films.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sorted(row["split"] for row in rows) == ["test"] * 3 + ["train"] * 6 + ["val"] * 3
    assert {"README.md", "config.json"} <= {path.name for path in (tmp_path / "model").iterdir()}


def test_the_reference_pages_are_what_the_code_says() -> None:
    answer = subprocess.run([sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
