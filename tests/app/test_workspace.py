"""The page's private folder."""

import os
import subprocess
import sys

import pytest

from app.web.workspace import PREFIX, Workspace


def test_leftovers_of_a_dead_process_go_and_a_live_ones_stay(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, alive = tmp_path / f"{PREFIX}{dead.pid}-x", tmp_path / f"{PREFIX}{os.getpid()}-y"
    left.mkdir()
    alive.mkdir()
    workspace = Workspace()
    assert not left.exists() and alive.exists() and workspace.folder.stat().st_mode & 0o077 == 0
    workspace.close()
    assert not workspace.folder.exists()


@pytest.mark.parametrize("name", ["../uploads/clip.mp4", "/etc/hostname", "..", "", "nothing.mp4"])
def test_a_preview_is_served_only_from_its_own_folder(tmp_path, monkeypatch, name: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    workspace = Workspace()
    (workspace.uploads / "clip.mp4").write_bytes(b"x")
    assert workspace.preview(name) is None


def test_only_the_newest_previews_are_kept(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    workspace = Workspace()
    paths = [workspace.new_preview() for _ in range(5)]
    for age, path in enumerate(paths):
        path.write_bytes(b"x")
        os.utime(path, ns=(age, age))
    workspace.forget_previews(keep=2)
    assert [path.exists() for path in paths] == [False, False, False, True, True]
