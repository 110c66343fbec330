"""`crossmodal demo` as a person calls it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal.demo import DemoLibrary

pytestmark = pytest.mark.xdist_group("demo")  # what they share is made once

COMMAND = [sys.executable, "-c", "from app.cli import main; main()", "demo"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120)


def test_command_says_in_one_line_what_it_made(small_library: DemoLibrary, tmp_path: Path) -> None:
    folder = shutil.copytree(small_library.folder, tmp_path / "library")
    done = run(str(folder), "--pairs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder}: 2 pairs, 0 made now and 2 there before; listed in {folder}/manifest.jsonl\n"


def test_folder_that_is_a_file_gives_one_line_and_code_three(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = run(str(tmp_path / "taken"))
    assert done.returncode == 3 and done.stdout == ""
    assert done.stderr.strip() == f"crossmodal: {tmp_path}/taken: is a file. Name a folder for the demo library."


def test_wrong_option_gives_code_two(tmp_path: Path) -> None:
    assert run(str(tmp_path), "--pairs", "0").returncode == 2
