"""A film of two hours in 1080p, from file to ranked list: under two minutes on the wall, in flat memory?

Usage: long_film.py [HOURS]
"""

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from _library import catalogue_of_music
from _media import clip_1080p, looped, work_folder
from harness import THREADS, Comparison, clock, report

if TYPE_CHECKING:
    from crossmodal.matching import Matcher

LIMIT = 120.0  # seconds on the wall, on a quiet machine
HOURS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0


def main() -> None:
    import torch

    from crossmodal.matching import Matcher
    from crossmodal.media import open_video

    torch.set_num_threads(THREADS)
    film = work_folder("media") / f"film-{HOURS:g}h.mp4"
    if not film.exists():
        looped(clip_1080p(), film, HOURS * 3600)
    with open_video(film) as video:
        assert abs(video.duration - HOURS * 3600) < 120
    library = catalogue_of_music()
    with Matcher.open(library) as matcher, Watch() as watch:
        _forget(matcher, film)
        result = clock(f"film of {HOURS:g} hours, from file to list", lambda: matcher.match(film), rounds=1)
    result = Comparison(result.question, result.ours, limit=LIMIT)
    report([result], __file__, largest_child_MB=watch.child_bytes >> 20, file_MB=film.stat().st_size >> 20)
    film.unlink()


def _forget(matcher: "Matcher", film: Path) -> None:
    """Leave out what an earlier run has stored of this film, by a store of its own."""
    from crossmodal.features import FeatureStore

    matcher.store.close()
    path = film.with_suffix(".features.db")
    path.unlink(missing_ok=True)
    matcher.store = FeatureStore(path)


class Watch:
    """The largest resident set of any child while it stands open."""

    def __init__(self) -> None:
        self.child_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._stop.is_set():
            for child in psutil.Process().children(recursive=True):
                try:
                    self.child_bytes = max(self.child_bytes, child.memory_info().rss)
                except psutil.Error:
                    continue
            time.sleep(0.1)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


if __name__ == "__main__":
    main()
