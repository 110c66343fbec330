"""The page's private temporary folder: uploads and previews, gone with the process."""

import os
import secrets
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
        self.uploads = self.folder / "uploads"
        self.previews = self.folder / "previews"
        self.uploads.mkdir()
        self.previews.mkdir()

    def new_preview(self) -> Path:
        """A path for one preview, under a name that cannot be guessed."""
        return self.previews / f"{secrets.token_urlsafe(18)}.mp4"

    def preview(self, name: str) -> Path | None:
        """The preview of that name, or None."""
        path = self.previews / name
        return path if path.parent == self.previews and path.is_file() else None

    def forget_previews(self, keep: int = 24) -> None:
        """Remove all but the newest `keep` previews."""
        newest_first = sorted(self.previews.glob("*.mp4"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in newest_first[keep:]:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def sweep_leftovers() -> None:
    """Remove the folders of page processes that are no longer there."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).split("-", 1)[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
