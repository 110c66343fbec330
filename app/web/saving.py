"""`Save video`: the muxed file, with the time left while it is written."""

import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.web.clips import WORKING, Clip
from app.web.sounds import present_file
from app.web.words import trouble
from crossmodal.catalogue import Track
from crossmodal.errors import MediaError
from crossmodal.media import guard, mux

KEPT = 3  # saved videos of a clip
NO_WORD = 1.0  # seconds between two lines at the least: a client that is gone is noticed then


def saved(clip: Clip, name: str) -> Path:
    """Where a saved video of a clip stands."""
    return clip.folder / "saved" / f"{name}.mp4"


def save(clip: Clip, track: Track, name: str, *, start: float, own_sound: str) -> Iterator[dict[str, Any]]:
    """Write the clip with the track under it; lines for the page, the last with `name` or `trouble`.

    Args:
        clip, track: the two.
        name: of the file in the clip's folder, without its ending.
        start: second of the track under the clip's 0:00.
        own_sound: `off`, `low` or `full`.
    """
    said: queue.Queue[dict[str, Any]] = queue.Queue()
    stop, began = threading.Event(), time.monotonic()

    def reached(second: float) -> None:
        share = min(1.0, second / max(clip.info.duration, 0.1))
        passed = time.monotonic() - began
        said.put({"left": max(1, round(passed * (1 - share) / share + 0.5)) if share > 0.02 else None})

    def run() -> None:
        try:
            with guard.watched(stop, reached):
                _write(clip, track, saved(clip, name), start, own_sound)
            said.put({"name": name})
        except guard.Stopped:
            return
        except Exception as error:  # whatever it was, the page must hear of it
            said.put({"trouble": trouble(error, clip.name if _is_of(error, clip) else None)})

    worker = threading.Thread(target=run, daemon=True, name="save")
    worker.start()
    try:
        line: dict[str, Any] = {}
        while "name" not in line and "trouble" not in line:
            try:
                line = said.get(timeout=NO_WORD)
            except queue.Empty:
                line = {"left": None}
            yield line
    finally:
        stop.set()  # the page is gone, or all is done


def _write(clip: Clip, track: Track, out: Path, start: float, own_sound: str) -> None:
    source = present_file(track)
    if source is None:
        raise MediaError(track.path.name, "missing", "is missing", "Put it back, or choose another track.")
    out.parent.mkdir(exist_ok=True)
    for old in sorted(out.parent.glob("*.mp4"), key=lambda path: path.stat().st_mtime)[: -KEPT + 1]:
        old.unlink(missing_ok=True)
    gain = round(mux.gain_db(track.loudness_lufs, track.peak_dbfs), 2)
    guard.run(mux.preview, clip.path, source, out, limits=WORKING, start=start, own_sound=own_sound, gain=gain)


def _is_of(error: Exception, clip: Clip) -> bool:
    return isinstance(error, MediaError) and error.file == clip.path.name
