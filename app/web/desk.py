"""All that the page works with, in one place: library, clips, searches, sounds, the job that adds music."""

import shutil
import threading
from pathlib import Path
from typing import Any

from app.web import limits
from app.web.access import Folders
from app.web.clips import WORKING, Clips
from app.web.indexing import Indexer, Order
from app.web.library import Library
from app.web.searches import Searches
from app.web.sounds import Sounds
from app.web.workspace import Workspace
from crossmodal.errors import CatalogueError, ConfigError, MediaError
from crossmodal.media import guard, pictures

SWEEP_EVERY = 600.0  # seconds
ADDED = "added"  # folder beside the catalogue for music that came through the page


class Desk:
    """Opened once, used by every visitor.

    Args:
        library: what is searched.
        workspace: for what is temporary.
        folders: who may name which.
        model_name: that new music is embedded with.
        max_upload_bytes: largest file that is taken.
    """

    def __init__(
        self, library: Library, workspace: Workspace, folders: Folders, model_name: str, max_upload_bytes: int
    ) -> None:
        self.library, self.workspace, self.folders = library, workspace, folders
        self.max_upload_bytes = max_upload_bytes
        self.clips = Clips(workspace, library.examples)
        self.searches = Searches(library)
        self.sounds = Sounds(workspace.sounds)
        self.indexer = Indexer(model_name)
        self._closing = threading.Event()
        threading.Thread(target=self._sweep, daemon=True, name="sweep").start()

    def state(self) -> dict[str, Any]:
        """What every page shows of the library and of the job that fills it."""
        examples = [{"file": path.name, "title": path.stem.lstrip("0123456789-").replace("-", " ").capitalize()}
                    for path in self.library.examples()]  # fmt: skip
        return {
            **self.library.summary(),
            "job": self.indexer.shown(self._own_catalogue()),
            "examples": examples,
            "max_upload_bytes": self.max_upload_bytes,
            "max_upload": limits.shown(self.max_upload_bytes),
        }

    def add_folder(self, typed: str, local: bool) -> None:
        """Begin to read a folder that a person typed.

        Raises:
            ConfigError: it may not be named, or is not there.
        """
        path = self.folders.check(typed, local)
        if not path.is_dir():
            raise ConfigError(f"{typed.strip()} is a file. Type its folder, or drop the file.")
        self.indexer.add(Order(self.library.folder, [path]))

    def add_files(self, uploads: list[tuple[str, str]]) -> None:
        """Keep uploaded music beside the catalogue, under the names that the person knows, and begin to read it.

        Args:
            uploads: (path, name) of each.

        Raises:
            MediaError: one of them was not uploaded to this page.
        """
        folder = self.library.folder / ADDED
        folder.mkdir(parents=True, exist_ok=True)
        for path, name in uploads:
            real = self.workspace.uploaded(path)
            if real is None:
                raise MediaError(name[:120], "refused", "was not uploaded to this page", "Drop it again.")
            shutil.move(real, _free(folder, Path(name.replace("\\", "/")).name or real.name))
        self.indexer.add(Order(self.library.folder, [folder]))

    def catch_up(self) -> None:
        """Begin to give tracks that another model was used for vectors of this one, where there are such."""
        try:
            matcher = self.library.matcher()
            ready, present = matcher.coverage()
        except CatalogueError:
            return
        if ready < present and not matcher.catalogue.read_only:
            self.indexer.add(Order(matcher.catalogue.folder))

    def example_still(self, name: str) -> Path:
        """The first frame of an example.

        Raises:
            MediaError: there is no such example.
        """
        out = self.workspace.clips / f"{Path(name).stem}.jpg"
        source = next((path for path in self.library.examples() if path.name == name), None)
        if source is None:
            raise MediaError(name[:120], "missing", "is no example")
        if not out.exists():
            guard.run(pictures.still, source, out, 480, limits=WORKING)
        return out

    def close(self) -> None:
        """End what runs."""
        self._closing.set()
        self.indexer.close()
        self.sounds.close()
        self.library.close()

    def _own_catalogue(self) -> Any:
        try:
            return self.library.matcher().catalogue
        except CatalogueError:
            return None

    def _sweep(self) -> None:
        while not self._closing.wait(SWEEP_EVERY):
            self.clips.forget_old(self.searches.is_running)


def _free(folder: Path, name: str) -> Path:
    """A path in `folder` that nothing stands under yet."""
    name = name.lstrip(".")[-150:] or "music"
    path, k = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem} ({k}){Path(name).suffix}"
        k += 1
    return path
