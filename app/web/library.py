"""The music that the page searches: the person's own, or the demo library while there is none."""

import threading
from pathlib import Path
from typing import Any, Literal

from app import demo_library
from crossmodal.catalogue import Catalogue
from crossmodal.errors import CatalogueError
from crossmodal.matching import Matcher
from crossmodal.model import TwoTowerModel

Name = Literal["own", "demo"]


class Library:
    """Opens catalogues when they are there, and says which one is searched.

    Args:
        folder: of the person's own catalogue, which may not be there yet.
        demo: of the demo library's catalogue; None: there is none, the own one is searched even while it is empty.
        model: loaded.
    """

    def __init__(self, folder: Path, demo: Path | None, model: TwoTowerModel) -> None:
        self.folder, self.demo, self.model = folder, demo, model
        self._matchers: dict[Path, Matcher] = {}
        self._lock = threading.Lock()

    def matcher(self) -> Matcher:
        """What is searched now: the own library once it holds a track.

        Raises:
            CatalogueError: `empty`, or what is wrong with the catalogue.
        """
        return self.named(self.name)

    @property
    def name(self) -> Name:
        """Of what is searched now; ids of tracks mean something only together with it."""
        return "demo" if self.is_demo else "own"

    def named(self, name: Name) -> Matcher:
        """One of the two, whichever is searched now.

        Raises:
            CatalogueError: `empty`, or what is wrong with the catalogue.
        """
        return self._open(self.demo if name == "demo" and self.demo is not None else self.folder)

    @property
    def is_demo(self) -> bool:
        """Whether the demo library is what is searched."""
        return self.demo is not None and not self._has_own()

    def examples(self) -> list[Path]:
        """The example clips."""
        return [] if self.demo is None else demo_library.example_clips(self.demo, 4)

    def summary(self) -> dict[str, Any]:
        """How much there is: tracks that can be searched, and tracks in all."""
        try:
            matcher = self.matcher()
            ready, present = matcher.coverage()
            generation = matcher.catalogue.generation()
        except CatalogueError:
            ready, present, generation = 0, 0, ""
        return {
            "ready": ready,
            "present": present,
            "is_demo": self.is_demo,
            "name": self.name,
            "generation": generation,
        }

    def close(self) -> None:
        """Close what was opened."""
        for matcher in self._matchers.values():
            matcher.close()
            matcher.catalogue.close()

    def _has_own(self) -> bool:
        try:
            return self._open(self.folder).catalogue.count() > 0
        except CatalogueError as error:
            if error.kind == "empty":
                return False
            raise

    def _open(self, folder: Path) -> Matcher:
        with self._lock:
            if folder not in self._matchers:
                try:
                    catalogue = Catalogue.open(folder)
                except CatalogueError as error:
                    if error.kind == "missing":
                        raise CatalogueError("empty", f"{folder} holds no music yet.") from error
                    raise
                self._matchers[folder] = Matcher.open(catalogue, self.model)
            return self._matchers[folder]
