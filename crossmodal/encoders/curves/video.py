"""What moves, cuts and shines in a picture, as 37 curves of ten rows a second, without learning.

Frames of 64 × 48 arrive 25 a second. Motion is taken over about 0.1 s between *distinct source frames* and divided by
the time between them: slow motion by repetition, or 12 pictures a second shown in a 25 fps grid, would read as fast
judder otherwise.
"""

import numpy as np

from crossmodal.encoders.curves.picture import HEIGHT, WIDTH
from crossmodal.encoders.curves.rows import FINE_PER_ROW, FINE_RATE, half, row_count
from crossmodal.encoders.curves.stretch import CURVES, Stretch

BLOCK = 50  # frames computed at once: fixed, so that the sizes in which frames arrive change no bit
_PEAKS = ("motion", "histogram_change", "cut")

VIDEO_CHANNELS: tuple[str, ...] = (*CURVES, *(f"{name}_max" for name in _PEAKS))


class VideoCurves:
    """The curves of one picture, fed in order of time.

    Args:
        rate: grid frames a second, at most 50.
    """

    def __init__(self, rate: float = 25.0) -> None:
        if not 0 < rate <= FINE_RATE:
            raise ValueError(f"VideoCurves: rate must be in (0, {FINE_RATE}], got {rate}")
        self._rate = rate
        self._waiting: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._n_waiting = 0
        self._stretch = Stretch()
        self._last_time: float | None = None
        self._done: list[tuple[np.ndarray, np.ndarray]] = []  # times (T,) and curves (T, 34) of finished stretches

    def add(self, pixels: np.ndarray, times: np.ndarray, pts: np.ndarray) -> None:
        """Take the next frames.

        Args:
            pixels: (T, 3, 48, 64) uint8 RGB, the whole picture stretched, without bars.
            times: (T,) seconds, grid instants, rising; a jump of more than one grid step is an unseen gap.
            pts: (T,) seconds, when the source frame shown then began; equal to its neighbour's where it is still there.
        """
        if pixels.shape[1:] != (3, HEIGHT, WIDTH) or pixels.dtype != np.uint8:
            raise ValueError(f"VideoCurves: pixels must be (T, 3, 48, 64) uint8, got {pixels.shape} {pixels.dtype}")
        times, pts = np.asarray(times, np.float64), np.asarray(pts, np.float64)
        if not len(pixels) == len(times) == len(pts):
            raise ValueError(f"VideoCurves: {len(pixels)} frames, {len(times)} times, {len(pts)} pts; all must agree")
        if not len(times):
            return
        before = times[0] if self._last_time is None else self._last_time
        gaps = np.flatnonzero(np.diff(times, prepend=before) > 1.5 / self._rate)
        self._last_time = float(times[-1])
        begin = 0
        for gap in gaps.tolist():
            self._extend(pixels[begin:gap], times[begin:gap], pts[begin:gap])
            self._end_stretch()
            begin = gap
        self._extend(pixels[begin:], times[begin:], pts[begin:])

    def finish(self, duration: float) -> tuple[np.ndarray, np.ndarray]:
        """The curves of all that was added.

        Args:
            duration: seconds of the whole medium.

        Returns:
            values (T', 37) float32, rounded to float16, zero where unseen; seen (T',) bool.
        """
        self._end_stretch()
        n_rows = row_count(duration)
        values = np.zeros((n_rows, len(VIDEO_CHANNELS)), np.float32)  # sums at first, then means
        means, peaks = values[:, : len(CURVES)], values[:, len(CURVES) :]
        counts = np.zeros(n_rows, np.int64)
        columns = [CURVES.index(name) for name in _PEAKS]
        for times, curves in self._done:
            frames, rows = self._fine(times, n_rows)
            peaks[rows[counts[rows] == 0]] = -np.inf
            np.add.at(means, rows, curves[frames])
            np.maximum.at(peaks, rows, curves[frames][:, columns])
            counts += np.bincount(rows, minlength=n_rows)
        means /= np.maximum(counts, 1)[:, None].astype(np.float32)
        return half(values), counts > 0

    def _fine(self, times: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """For each fine sample of a stretch: the frame shown then, and the row that it falls into."""
        first = np.round(times * FINE_RATE).astype(np.int64)
        end = np.append(first[1:], np.round((times[-1] + 1 / self._rate) * FINE_RATE).astype(np.int64))
        frames = np.repeat(np.arange(len(times)), end - first)
        rows = np.arange(first[0], end[-1]) // FINE_PER_ROW
        inside = (rows >= 0) & (rows < n_rows)
        return frames[inside], rows[inside]

    def _extend(self, pixels: np.ndarray, times: np.ndarray, pts: np.ndarray) -> None:
        begin = 0
        while begin < len(times):
            part = slice(begin, begin + BLOCK - self._n_waiting)
            self._waiting.append((pixels[part].copy(), times[part].copy(), pts[part].copy()))
            self._n_waiting += len(times[part])
            begin += len(times[part])
            if self._n_waiting == BLOCK:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            pixels, times, pts = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
            self._stretch.add(pixels, times, pts)
            self._waiting, self._n_waiting = [], 0

    def _end_stretch(self) -> None:
        self._flush()
        if self._stretch:
            self._done.append(self._stretch.finish(self._rate))
            self._stretch = Stretch()
