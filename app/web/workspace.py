"""The page's private temporary folder: uploads, and what is drawn or decoded from them, gone with the process."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

PREFIX = "crossmodal-app-"


class Workspace:
    """A folder of our own for what the page needs while it runs.

    Library files are never copied into it. Folders that dead processes left are removed when a new one is made.
    """

    def __init__(self) -> None:
        sweep_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self.uploads = self._new("uploads")
        self.clips = self._new("clips")
        self.sounds = self._new("sounds")

    def _new(self, name: str) -> Path:
        (self.folder / name).mkdir()
        return self.folder / name

    def uploaded(self, path: str) -> Path | None:
        """`path` if it is a file in the folder of uploads, with no way round it; else None."""
        real = Path(os.path.realpath(path))
        inside = real.is_relative_to(os.path.realpath(self.uploads))
        return real if inside and real.is_file() else None

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep_leftovers() -> None:
    """Remove the folders of page processes that are no longer there."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).split("-", 1)[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
