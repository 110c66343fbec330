"""What moves, cuts and shines in a picture, as 37 curves of ten rows a second, without learning.

Frames of 64 × 48 arrive 25 a second. Motion is taken over about 0.1 s between *distinct source frames* and divided by
the time between them: slow motion by repetition, or 12 pictures a second shown in a 25 fps grid, would read as fast
judder otherwise.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

from crossmodal.encoders.curves.rows import FINE_PER_ROW, FINE_RATE, half, row_count

WIDTH, HEIGHT = 64, 48
BLOCK = 50  # frames computed at once: fixed, so that the sizes in which frames arrive change no bit
STRIDE = 0.105  # seconds: the farthest earlier frame that motion is taken against
REACH = 0.2  # seconds: a longer time between two frames counts as this one
HOLD_SAME_PTS = 0.2  # seconds that one source frame may stay before it counts as a still
HOLD_SAME_PIXELS = 0.1  # the same for repeats that were encoded as frames of their own
SAME_PIXELS = 0.05 / 255  # mean difference under which a frame repeats the one before
SOFT_FLOOR = 5e-3  # added to differences before the logarithm: coding noise of stills stays near the floor

_GRID = [f"{row}{column}" for row in range(3) for column in range(3)]
_MOTION = (*(f"motion_{cell}" for cell in _GRID), "motion", "motion_rms", "pan", "pan_x", "pan_y", "zoom")
_MOVING = (*_MOTION, "histogram_change")
_CHANGE = ("luma_rise", "luma_fall")
_STILL = ("luma", "contrast", "saturation", "warmth", "green", "edges")
_MEANS = (*_MOVING, "cut", *_STILL, *_CHANGE, *(f"luma_{cell}" for cell in _GRID))
_PEAKS = ("motion", "histogram_change", "cut")

VIDEO_CHANNELS: tuple[str, ...] = (*_MEANS, *(f"{name}_max" for name in _PEAKS))

_ROW_EDGES = np.array([0, 16, 32])
_COLUMN_EDGES = np.array([0, 21, 43])
_CELL_SIZES = np.outer([16, 16, 16], [21, 22, 21]).astype(np.float32)


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
        self._segment = _Segment()
        self._last_time: float | None = None
        self._done: list[tuple[np.ndarray, np.ndarray]] = []  # (times, curves) of finished segments

    def add(self, pixels: np.ndarray, times: np.ndarray, pts: np.ndarray) -> None:
        """Take the next frames.

        Args:
            pixels: (T, 3, 48, 64) uint8 RGB.
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
        before = times[0] - 1 / self._rate if self._last_time is None else self._last_time
        steps = np.diff(times, prepend=before)
        gaps = np.flatnonzero(steps > 1.5 / self._rate)
        self._last_time = float(times[-1])
        begin = 0
        for gap in gaps.tolist():
            self._extend(pixels[begin:gap], times[begin:gap], pts[begin:gap])
            self._end_segment()
            begin = gap
        self._extend(pixels[begin:], times[begin:], pts[begin:])

    def finish(self, duration: float) -> tuple[np.ndarray, np.ndarray]:
        """The curves of all that was added.

        Args:
            duration: seconds of the whole medium.

        Returns:
            values (T', 37) float32, rounded to float16, zero where unseen; seen (T',) bool.
        """
        self._end_segment()
        n_rows = row_count(duration)
        totals = np.zeros((n_rows, len(_MEANS)), np.float64)
        peaks = np.full((n_rows, len(_PEAKS)), -np.inf, np.float32)
        weights = np.zeros(n_rows, np.int64)
        peak_columns = [_MEANS.index(name) for name in _PEAKS]
        for times, curves in self._done:
            frames, rows = self._fine(times, n_rows)
            np.add.at(totals, rows, curves[frames])
            np.maximum.at(peaks, rows, curves[frames][:, peak_columns])
            weights += np.bincount(rows, minlength=n_rows)
        seen = weights > 0
        means = totals / np.maximum(weights, 1)[:, None]
        values = np.concatenate([means, np.where(seen[:, None], peaks, 0)], 1)
        return half(values), seen

    def _fine(self, times: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """For each fine sample of a segment: the frame shown then, and the row that it falls into."""
        first = np.round(times * FINE_RATE).astype(np.int64)
        end = np.append(first[1:], np.round((times[-1] + 1 / self._rate) * FINE_RATE).astype(np.int64))
        frames = np.repeat(np.arange(len(times)), end - first)
        rows = np.arange(first[0], end[-1]) // FINE_PER_ROW
        inside = (rows >= 0) & (rows < n_rows)
        return frames[inside], rows[inside]

    def _extend(self, pixels: np.ndarray, times: np.ndarray, pts: np.ndarray) -> None:
        begin = 0
        while begin < len(times):
            end = begin + BLOCK - self._n_waiting
            part = (pixels[begin:end].copy(), times[begin:end].copy(), pts[begin:end].copy())
            self._waiting.append(part)
            self._n_waiting += len(part[1])
            begin += len(part[1])
            if self._n_waiting == BLOCK:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            pixels, times, pts = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
            self._segment.add(pixels, times, pts)
            self._waiting, self._n_waiting = [], 0

    def _end_segment(self) -> None:
        self._flush()
        if self._segment.times:
            self._done.append(self._segment.finish(self._rate))
            self._segment = _Segment()


@dataclass(slots=True)
class _Bank:
    """The latest distinct frames: what motion is taken between."""

    times: list[float]
    rgb: np.ndarray  # (B, 3, 48, 64) float32
    luma: np.ndarray  # (B, 48, 64) float32
    histogram: np.ndarray  # (B, 64) float32

    def tail(self) -> "_Bank":
        """Without the frames that nothing later can be compared with."""
        keep = sum(time >= self.times[-1] - STRIDE - REACH for time in self.times)
        return _Bank(self.times[-keep:], self.rgb[-keep:], self.luma[-keep:], self.histogram[-keep:])


class _Segment:
    """A stretch of frames without a gap, computed in blocks."""

    def __init__(self) -> None:
        self.times: list[np.ndarray] = []
        self._moving: list[np.ndarray] = []  # per block (T, moving and change)
        self._still: list[np.ndarray] = []  # per block (T, still and luma grid)
        self._jumps: list[np.ndarray] = []  # per block (T, 3): difference, histogram change to the frame before; motion
        self._bank: _Bank | None = None
        self._last_moving: np.ndarray | None = None
        self._last_linear = np.float32(0)
        self._last_rgb: np.ndarray | None = None
        self._last_histogram: np.ndarray | None = None
        self._last_pts, self._shown_since = 0.0, 0.0

    def add(self, pixels: np.ndarray, times: np.ndarray, pts: np.ndarray) -> None:
        rgb = pixels.astype(np.float32) / np.float32(255)  # (T, 3, 48, 64)
        luma = _luma(rgb)  # (T, 48, 64)
        histogram = _histograms(pixels)  # (T, 64)
        jumps = self._frame_jumps(rgb, histogram)
        bank, source = self._distinct(rgb, luma, histogram, times, pts, jumps[:, 0])
        self._moving_block(bank, source)
        self._jumps.append(np.concatenate([jumps, self._linear[:, None]], 1))
        self._still.append(_still(rgb, luma))
        self.times.append(times)
        self._last_pts = float(pts[-1])

    def finish(self, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """Times (T,) and curves (T, 34) of the segment."""
        moving, still = np.concatenate(self._moving), np.concatenate(self._still)
        jumps = np.concatenate(self._jumps)
        if len(moving) > 1:
            moving[0] = moving[1]  # nothing to compare the first frame with; it moves as the second does
        cut = _cuts(jumps, rate)
        n_moving, n_still = len(_MOVING), len(_STILL)
        parts = [moving[:, :n_moving], cut[:, None], still[:, :n_still], moving[:, n_moving:], still[:, n_still:]]
        return np.concatenate(self.times), np.concatenate(parts, 1)

    def _frame_jumps(self, rgb: np.ndarray, histogram: np.ndarray) -> np.ndarray:
        """(T, 2): mean difference and histogram change from each grid frame to the one before it."""
        previous = rgb[:1] if self._last_rgb is None else self._last_rgb
        previous_histogram = histogram[:1] if self._last_histogram is None else self._last_histogram
        difference = np.abs(rgb - np.concatenate([previous, rgb[:-1]])).reshape(len(rgb), -1).mean(1)
        change = np.abs(histogram - np.concatenate([previous_histogram, histogram[:-1]])).sum(1) / 2
        self._last_rgb, self._last_histogram = rgb[-1:], histogram[-1:]
        return np.stack([difference, change], 1)

    def _distinct(
        self,
        rgb: np.ndarray,
        luma: np.ndarray,
        histogram: np.ndarray,
        times: np.ndarray,
        pts: np.ndarray,
        difference: np.ndarray,
    ) -> tuple[_Bank, np.ndarray]:
        """The bank with this block's distinct frames, and for each grid frame the bank index that it shows (or -1)."""
        known = 0 if self._bank is None else len(self._bank.times)
        moments = [] if self._bank is None else list(self._bank.times)
        fresh: list[int] = []
        source = np.empty(len(times), np.int64)
        last_pts = self._last_pts
        for i, (time, stamp) in enumerate(zip(times.tolist(), pts.tolist(), strict=True)):
            held = time - self._shown_since
            if not moments:
                moment = stamp
            elif stamp == last_pts:
                moment = moments[-1] if held <= HOLD_SAME_PTS + 1e-6 else moments[-1] + held
            elif difference[i] < SAME_PIXELS and held <= HOLD_SAME_PIXELS + 1e-6:
                moment = moments[-1]
            else:
                moment = max(stamp, moments[-1] + 1e-3)
            if not moments or moment > moments[-1]:
                moments.append(moment)
                fresh.append(i)
                self._shown_since = time
            source[i] = known + len(fresh) - 1
            last_pts = stamp
        parts = _Bank(moments, rgb[fresh], luma[fresh], histogram[fresh])
        if self._bank is not None:
            old = self._bank
            parts = _Bank(
                moments,
                np.concatenate([old.rgb, parts.rgb]),
                np.concatenate([old.luma, parts.luma]),
                np.concatenate([old.histogram, parts.histogram]),
            )
        return parts, source - known

    def _moving_block(self, bank: _Bank, source: np.ndarray) -> None:
        """Append the moving curves of the block: those of the distinct frame that each grid frame shows."""
        known = 0 if self._bank is None else len(self._bank.times)
        current = np.arange(known, len(bank.times))
        curves, linear = _motion(bank, current)
        if self._last_moving is None:
            held, held_linear = np.zeros((1, len(_MOVING) + len(_CHANGE)), np.float32), np.zeros(1, np.float32)
        else:
            held, held_linear = self._last_moving, self._last_linear.reshape(1)
        self._moving.append(np.concatenate([held, curves])[source + 1])
        self._linear = np.concatenate([held_linear, linear])[source + 1]
        self._last_moving, self._last_linear = self._moving[-1][-1:], self._linear[-1]
        self._bank = bank.tail()


def _references(times: list[float], current: np.ndarray) -> np.ndarray:
    """For each distinct frame the one to compare with: the earliest within STRIDE, else the one before, else itself."""
    moments = np.asarray(times)
    earliest = np.searchsorted(moments, moments[current] - STRIDE)
    return np.maximum(np.minimum(earliest, current - 1), 0)


def _motion(bank: _Bank, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curves (B, 18) of the distinct frames `current`, and their plain difference a stride (B,)."""
    if not len(current):
        return np.zeros((0, len(_MOVING) + len(_CHANGE)), np.float32), np.zeros(0, np.float32)
    reference = _references(bank.times, current)
    moments = np.asarray(bank.times)
    apart = np.clip(moments[current] - moments[reference], 0.02, REACH)
    speed = (0.1 / apart).astype(np.float32)  # (B,)
    difference = np.abs(bank.rgb[current] - bank.rgb[reference]).mean(1)  # (B, 48, 64)
    grid = _cells(difference) * speed[:, None]
    flat = difference.reshape(len(current), -1)
    whole = flat.mean(1) * speed
    rms = np.sqrt((flat * flat).mean(1)) * speed
    levels = _log(np.concatenate([grid, whole[:, None]], 1))
    flow = _flow(bank.luma[current], bank.luma[reference], speed)  # (B, 4)
    change = np.abs(bank.histogram[current] - bank.histogram[reference]).sum(1) / 2 * speed
    light = (
        bank.luma[current].reshape(len(current), -1).mean(1) - bank.luma[reference].reshape(len(current), -1).mean(1)
    ) * speed
    steps = np.stack([change, np.maximum(light, 0), np.maximum(-light, 0)], 1)
    return np.concatenate([levels, rms[:, None], flow, steps], 1).astype(np.float32), whole.astype(np.float32)


def _flow(now: np.ndarray, before: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """(B, 4): roots of |pan|, |pan x|, |pan y| (pixels of 64 × 48 in 0.1 s), |zoom| (share of the width).

    Least squares over the picture of `Ix (vx + zx) + Iy (vy + zy) + It = 0`: Lucas and Kanade, one scale for the whole.
    """
    now, before = _halved(now), _halved(before)  # (B, 24, 32)
    mean = (now + before) / 2
    ix = (mean[:, 1:-1, 2:] - mean[:, 1:-1, :-2]) / 2
    iy = (mean[:, 2:, 1:-1] - mean[:, :-2, 1:-1]) / 2
    it = (now - before)[:, 1:-1, 1:-1]
    y, x = np.mgrid[0:22, 0:30].astype(np.float32)
    iz = (ix * (x - 14.5) + iy * (y - 10.5)) / np.float32(16)
    gradients = np.stack([ix, iy, iz], 1).reshape(len(now), 3, -1)  # (B, 3, P)
    normal = np.empty((len(now), 3, 3), np.float64)
    for i in range(3):
        for j in range(i, 3):
            normal[:, i, j] = normal[:, j, i] = (gradients[:, i] * gradients[:, j]).mean(1)
    right = (gradients * it.reshape(len(now), 1, -1)).mean(2).astype(np.float64)
    normal += np.eye(3) * 1e-5
    vx, vy, z = np.linalg.solve(normal, -right[..., None])[..., 0].T * speed * 2
    z = z / WIDTH
    pan = np.hypot(vx, vy)
    limits = np.array([8, 8, 8, 0.25])
    return np.sqrt(np.minimum(np.abs(np.stack([pan, vx, vy, z], 1)), limits)).astype(np.float32)


def _still(rgb: np.ndarray, luma: np.ndarray) -> np.ndarray:
    """(T, 15): light, colour and edges of each frame, then its light on the 3 × 3 grid."""
    flat = luma.reshape(len(luma), -1)
    red, green, blue = (rgb[:, c].reshape(len(rgb), -1).mean(1) for c in range(3))
    saturation = (rgb.max(1) - rgb.min(1)).reshape(len(rgb), -1).mean(1)
    across = np.abs(np.diff(luma, axis=2)).reshape(len(luma), -1).mean(1)
    down = np.abs(np.diff(luma, axis=1)).reshape(len(luma), -1).mean(1)
    columns = [flat.mean(1), flat.std(1), saturation, red - blue, green - (red + blue) / 2, _log(across + down)]
    return np.concatenate([np.stack(columns, 1), _cells(luma)], 1).astype(np.float32)


def _cuts(jumps: np.ndarray, rate: float) -> np.ndarray:
    """(T,): how far a frame's change stands out of the motion within 0.5 s, times its change of colours."""
    difference, change, motion = jumps.T
    usual = median_filter(motion, size=2 * round(rate / 2) + 1, mode="nearest")
    return (np.minimum(difference / (usual + np.float32(0.02)), 10) * change).astype(np.float32)


def _luma(rgb: np.ndarray) -> np.ndarray:
    return np.float32(0.299) * rgb[:, 0] + np.float32(0.587) * rgb[:, 1] + np.float32(0.114) * rgb[:, 2]


def _histograms(pixels: np.ndarray) -> np.ndarray:
    """(T, 64): share of the pixels in each of 4 × 4 × 4 colours."""
    red, green, blue = (pixels[:, c] >> 6 for c in range(3))
    colours = ((red << 4) | (green << 2) | blue).astype(np.int64)
    colours += 64 * np.arange(len(pixels))[:, None, None]
    counts = np.bincount(colours.reshape(-1), minlength=64 * len(pixels)).reshape(-1, 64)
    return (counts / (WIDTH * HEIGHT)).astype(np.float32)


def _cells(planes: np.ndarray) -> np.ndarray:
    """(T, 48, 64) to (T, 9): means over a 3 × 3 grid, row by row."""
    strips = np.add.reduceat(planes, _COLUMN_EDGES, axis=2)
    cells = np.add.reduceat(strips, _ROW_EDGES, axis=1) / _CELL_SIZES
    return cells.reshape(len(planes), 9)


def _halved(planes: np.ndarray) -> np.ndarray:
    """(B, 48, 64) to (B, 24, 32) by area."""
    return (planes[:, ::2, ::2] + planes[:, 1::2, ::2] + planes[:, ::2, 1::2] + planes[:, 1::2, 1::2]) / 4


def _log(values: np.ndarray) -> np.ndarray:
    """Decibels of an amplitude in [0, 1], softly floored at -46."""
    return np.float32(20) * np.log10(values + np.float32(SOFT_FLOOR))
