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


@pytest.mark.parametrize("path", ["{uploads}/../clips/x.mp4", "/etc/hostname", "..", "", "{uploads}/link", "{uploads}"])
def test_an_upload_is_taken_only_from_its_own_folder(tmp_path, monkeypatch, path: str) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    workspace = Workspace()
    (workspace.clips / "x.mp4").write_bytes(b"x")
    (workspace.uploads / "link").symlink_to("/etc/hostname")
    (workspace.uploads / "mine.mp4").write_bytes(b"x")
    assert workspace.uploaded(path.format(uploads=workspace.uploads)) is None
    assert workspace.uploaded(f"{workspace.uploads}/../uploads/mine.mp4") == workspace.uploads / "mine.mp4"
