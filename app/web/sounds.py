"""Tracks as they are heard under a clip: decoded once each, kept while there is room, given in pieces."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossmodal.catalogue import Track
from crossmodal.errors import MediaError
from crossmodal.media import guard, heard, mux

BUDGET_BYTES = 1 << 30
MAX_PIECE = 60.0  # seconds
PATIENCE = 120.0  # seconds that a piece is waited for
POLL = 0.02


class Sound:
    """The decoded sound of one track, perhaps still growing."""

    def __init__(self, source: Path, samples: Path, gain: float) -> None:
        self.source, self.samples, self.gain = source, samples, gain
        self.n_samples: int | None = None  # known once all are there
        self.trouble: Exception | None = None
        self.used = time.monotonic()

    @property
    def is_done(self) -> bool:
        return self.n_samples is not None or self.trouble is not None

    def decode(self) -> None:
        """Fill the file of samples; for a worker thread."""
        try:
            self.n_samples = guard.run(heard.decode_samples, self.source, self.samples, self.gain)
        except (MediaError, OSError) as error:
            self.trouble = error

    def piece(self, start: float, at: float, seconds: float) -> bytes:
        """A WAV of what sounds under the clip's seconds `at` to `at + seconds`; waits until it is decoded.

        Raises:
            MediaError: the track cannot be used.
            OSError: the disk is full.
        """
        needed = round((start + at + min(seconds, MAX_PIECE) + mux.CROSSFADE) * mux.RATE) + 1
        self._wait(lambda: self.samples.exists() and heard.n_samples_there(self.samples) >= needed)
        seconds = min(seconds, MAX_PIECE)
        return heard.wav(heard.piece(self.samples, self.n_samples, start=start, at=at, seconds=seconds))

    def peaks(self) -> bytes:
        """The waveform, a byte for each fiftieth of a second; waits until all is decoded.

        Raises:
            MediaError: the track cannot be used.
            OSError: the disk is full.
        """
        self._wait(lambda: False)
        return self.samples.with_name(f"{self.samples.name}.peaks").read_bytes()

    def _wait(self, is_there: object) -> None:
        self.used, end = time.monotonic(), time.monotonic() + PATIENCE
        while not self.is_done and not is_there():  # type: ignore[operator]
            if time.monotonic() > end:
                raise MediaError(self.source.name, "timed_out", "takes too long to decode", "Try again.")
            time.sleep(POLL)
        if self.trouble is not None:
            raise self.trouble

    def remove(self) -> None:
        """Delete its files."""
        self.samples.unlink(missing_ok=True)
        self.samples.with_name(f"{self.samples.name}.peaks").unlink(missing_ok=True)


class Sounds:
    """Decoded tracks, the ones used last at hand.

    Args:
        folder: for their samples, 11 MB a minute.
        budget_bytes: what they may take together; the one in use stays in any case.
    """

    def __init__(self, folder: Path, budget_bytes: int = BUDGET_BYTES) -> None:
        self._folder, self._budget = folder, budget_bytes
        self._sounds: dict[tuple[str, float], Sound] = {}
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="sound")

    def of(self, track: Track) -> Sound:
        """The sound of a track at the loudness that all are heard at; its decoding has at least begun.

        Raises:
            MediaError: `missing`: none of its files is there.
        """
        source = present_file(track)
        if source is None:
            raise MediaError(track.path.name, "missing", "is missing", "Put it back, or choose another track.")
        gain = round(mux.gain_db(track.loudness_lufs, track.peak_dbfs), 2)
        key = (track.content_hash, gain)
        with self._lock:
            sound = self._sounds.get(key)
            if sound is None or sound.trouble is not None:
                self._make_room()
                sound = Sound(source, self._folder / f"{track.content_hash[:32]}{gain:+.2f}", gain)
                self._sounds[key] = sound
                self._workers.submit(sound.decode)
            return sound

    def _make_room(self) -> None:
        """Remove the sounds that were not used for longest until the others fit; those being decoded stay."""
        sizes = {key: _size(sound.samples) for key, sound in self._sounds.items()}
        total = sum(sizes.values())
        for key, sound in sorted(self._sounds.items(), key=lambda item: item[1].used):
            if total <= self._budget:
                return
            if sound.is_done:
                sound.remove()
                del self._sounds[key]
                total -= sizes[key]

    def close(self) -> None:
        """Begin nothing more."""
        self._workers.shutdown(wait=False, cancel_futures=True)


def present_file(track: Track) -> Path | None:
    """The first of a track's files that is there now."""
    return next((path for path in [track.path, *track.places] if path.is_file()), None)


def _size(path: Path) -> int:
    return os.stat(path).st_size if path.exists() else 0  # noqa: PTH116
