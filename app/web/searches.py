"""Searches: one a clip at a time, in a thread of its own, followed by the page, ended when nobody follows any more."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from app.web.answers import for_page
from app.web.clips import Clip
from app.web.library import Library
from app.web.words import Trouble, trouble
from crossmodal.catalogue import Catalogue
from crossmodal.errors import CatalogueError
from crossmodal.media import guard

GRACE = 10.0  # seconds that a search goes on without a page
TICK = 0.2
STEPS_A_SECOND = 10  # pictures looked at
NOT_READY = "The music is being read for this model, and none of it is ready yet. Search again in a while."
ALONE = threading.Semaphore(2)  # searches that decode at once


class Search:
    """A search for one clip.

    Args:
        clip: the clip.
        library: what is searched.
        grace: seconds that it goes on without a page.
    """

    def __init__(self, clip: Clip, library: Library, grace: float = GRACE) -> None:
        self.clip, self._library, self._grace = clip, library, grace
        self.stop = threading.Event()
        self.is_missed = False  # ended because nobody followed, not because somebody said so
        self.answer: dict[str, Any] | None = None
        self.trouble: Trouble | None = None
        self._stage, self._share, self._seen = 0, 0.0, time.monotonic()
        self._began, self._looked = time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._run, daemon=True, name="search")
        self._thread.start()
        threading.Thread(target=self._expire, daemon=True, name="expire").start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def follow(self) -> Iterator[dict[str, Any]]:
        """How far it is, a few times a second, and at last how it ended; following keeps it alive."""
        while not self.is_done:
            self._seen = time.monotonic()
            yield self.shown()
            self._thread.join(TICK)
        self._seen = time.monotonic()
        yield self.shown()

    def shown(self) -> dict[str, Any]:
        """Where it stands, for the page."""
        value: dict[str, Any] = {"clip": self.clip.shown()}
        if self.answer is not None:
            return {**value, "state": "results", "answer": self.answer}
        if self.trouble is not None:
            return {**value, "state": "trouble", "trouble": self.trouble}
        if self.is_done:
            return {**value, "state": "stopped"}
        total = round(self.clip.info.duration * STEPS_A_SECOND)
        stages = {"stage": self._stage, "share": round(self._share, 3), "done": round(self._share * total)}
        return {**value, "state": "working", **stages, "total": total, "left": self._left()}

    def _left(self) -> int | None:
        """Whole seconds left, once there is something to go by."""
        passed = time.monotonic() - self._began
        if self._stage != 1 or self._share < 0.05 or passed < 0.4:
            return 1 if self._stage > 1 else None
        return max(1, round((time.monotonic() - self._looked) * (1 - self._share) / self._share + 0.5))

    def _run(self) -> None:
        try:
            with ALONE, guard.watched(self.stop, self._reached):
                self._stage, self._looked = 1, time.monotonic()
                name = self._library.name
                matcher = self._library.named(name)
                if not matcher.count():
                    raise CatalogueError("empty" if not matcher.coverage()[1] else "other_model", NOT_READY)
                matcher.store.features(matcher.model.encoders["video"], self.clip.path)
                self._stage, self._share = 2, 1.0
                found = matcher.match_media(self.clip.path, k=10)
                self._stage = 3
                if not self.stop.is_set():
                    self.answer = {**for_page(matcher, found), "library": name}
        except guard.Stopped:
            return
        except Exception as error:  # whatever it was, the page must hear of it
            self.trouble = trouble(error, self.clip.name)

    def _reached(self, second: float) -> None:
        self._share = min(1.0, second / max(self.clip.info.duration, 0.1))

    def _expire(self) -> None:
        while not self.is_done:
            if time.monotonic() - self._seen > self._grace and not self.stop.is_set():
                self.is_missed = True
                self.stop.set()
            self._thread.join(min(TICK, self._grace))


class Searches:
    """The searches that run, and the last answer of each clip."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._running: dict[str, Search] = {}
        self._answers: dict[str, tuple[str, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def is_running(self, clip_id: str) -> bool:
        """Whether a clip is being searched for."""
        search = self._running.get(clip_id)
        return search is not None and not search.is_done

    def follow(self, clip: Clip) -> Iterator[dict[str, Any]]:
        """Search for a clip, or join the search for it that runs, and tell how far it is."""
        search = self._search_for(clip)
        for moment in search.follow():
            if moment["state"] != "stopped" or not search.is_missed:
                yield moment
        if search.is_missed and search.answer is None:  # this machine stood still for so long: the page is there
            yield from self.follow(clip)
            return
        if search.answer is not None:
            self._answers[clip.id] = (self._state(), search.answer)
        with self._lock:
            if self._running.get(clip.id) is search:
                del self._running[clip.id]

    def _search_for(self, clip: Clip) -> Search:
        with self._lock:
            search = self._running.get(clip.id)
            if search is None or search.is_done or search.stop.is_set():
                search = self._running[clip.id] = Search(clip, self._library)
            return search

    def resume(self, clip: Clip) -> Iterator[dict[str, Any]]:
        """What a page that was loaded again shows of its clip: the last answer, if the library is still the same."""
        held = self._answers.get(clip.id)
        if held is not None and held[0] == self._state() and not self.is_running(clip.id):
            yield {"clip": clip.shown(), "state": "results", "answer": held[1]}
        else:
            yield from self.follow(clip)

    def cancel(self, clip_id: str) -> None:
        """End the search for a clip."""
        search = self._running.get(clip_id)
        if search is not None:
            search.stop.set()

    def forget(self, clip_ids: list[str]) -> None:
        """End the searches for clips, and drop their answers."""
        for clip_id in clip_ids:
            self.cancel(clip_id)
            self._answers.pop(clip_id, None)

    def _state(self) -> str:
        return str(self._library.summary()["generation"])


def tracks_of(catalogue: Catalogue, first: int, limit: int) -> list[dict[str, Any]]:
    """Tracks in the order of their ids, for programs."""
    found = catalogue.tracks("audio")[first : first + limit]
    return [
        {"id": t.id, "title": t.title, "artist": t.artist, "duration": round(t.duration, 2), "licence": t.licence}
        for t in found
    ]
