"""The tutorials run: their blocks, in order, in an empty folder; the reference pages are what the code says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(r"```(console|python)\n(.*?)```", re.DOTALL)


def command_of(kind: str, body: str) -> list[str]:
    if kind == "python":
        return [sys.executable, "-c", body]
    return ["sh", "-ec", "\n".join(line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ "))]


@pytest.mark.parametrize("tutorial", ["tutorial-match.md"])
def test_every_block_of_a_tutorial_runs(tutorial: str, tmp_path: Path) -> None:
    blocks = BLOCK.findall((DOCS / tutorial).read_text(encoding="utf-8"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for kind, body in blocks:
        answer = subprocess.run(
            command_of(kind, body), cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        assert answer.returncode == 0, f"{body}\n{answer.stdout}\n{answer.stderr}"
    assert len(blocks) == 6
    assert len(json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["matches"]) == 4
    assert len((tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()) == 5


def test_the_reference_pages_are_what_the_code_says() -> None:
    answer = subprocess.run([sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
