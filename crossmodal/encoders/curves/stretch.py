"""A stretch of frames without a gap, as curves at the rate of the grid."""

import numpy as np
from scipy.ndimage import median_filter

from crossmodal.encoders.curves.motion import MOVING, Frames, moving
from crossmodal.encoders.curves.picture import STILL, histograms, luma, mean, still

CURVES = (*MOVING, "cut", *STILL)
HOLD_SAME_PTS = 0.2  # seconds that one source frame may stay before it counts as a still
HOLD_SAME_PIXELS = 0.1  # the same for repeats that were encoded as frames of their own
SAME_PIXELS = 0.05 / 255  # mean difference under which a frame repeats the one before
_ROUNDING = 1e-6  # seconds


class Stretch:
    """Takes frames block by block; keeps of them only what the next block must be compared with.

    Repeats are recognised by equal presentation times, and by equal pixels: a repeat shows the motion of the frame that
    it repeats. One that stays too long is a still: it counts as a frame of its own, which does not move.
    """

    def __init__(self) -> None:
        self._times: list[np.ndarray] = []
        self._moving: list[np.ndarray] = []  # (T, 18) a block
        self._still: list[np.ndarray] = []  # (T, 15) a block
        self._jumps: list[
            np.ndarray
        ] = []  # (T, 3) a block: difference and histogram change to the frame before; motion
        self._known: Frames | None = None  # the latest distinct frames
        self._held = np.zeros((1, len(MOVING) + 1), np.float32)  # moving curves and motion of the last of them
        self._last: tuple[np.ndarray, np.ndarray, float] | None = None  # rgb, histogram and pts of the last grid frame
        self._shown_since = 0.0

    def __bool__(self) -> bool:
        return bool(self._times)

    def add(self, pixels: np.ndarray, times: np.ndarray, pts: np.ndarray) -> None:
        """Take (T, 3, 48, 64) uint8 frames of grid times (T,), with the presentation times (T,) of their sources."""
        rgb = pixels.astype(np.float32) / np.float32(255)
        light, histogram = luma(rgb), histograms(pixels)
        difference, change = self._jump(rgb, histogram)
        moments, fresh, shown = self._distinct(times.tolist(), pts.tolist(), (difference < SAME_PIXELS).tolist())
        curves = self._move(Frames(moments, rgb[fresh], light[fresh], histogram[fresh]))[shown]
        self._times.append(times)
        self._moving.append(curves[:, :-1])
        self._jumps.append(np.stack([difference, change, curves[:, -1]], 1))
        self._still.append(still(rgb, light))
        self._last = rgb[-1:], histogram[-1:], float(pts[-1])

    def finish(self, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """Times (T,) and the curves `CURVES` (T, 34) of all frames."""
        moves = np.concatenate(self._moving)
        if len(moves) > 1:
            moves[0] = moves[1]  # nothing to compare the first frame with; it moves as the second does
        cut = _cuts(np.concatenate(self._jumps), rate)
        return np.concatenate(self._times), np.column_stack([moves, cut, np.concatenate(self._still)])

    def _jump(self, rgb: np.ndarray, histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean difference (T,) and change of colours (T,) from each grid frame to the one before it."""
        last_rgb, last_histogram, _ = self._last or (rgb[:1], histogram[:1], 0.0)
        difference = mean(np.abs(rgb - np.concatenate([last_rgb, rgb[:-1]])))
        change = np.abs(histogram - np.concatenate([last_histogram, histogram[:-1]])).sum(1) / 2
        return difference, change

    def _distinct(
        self, times: list[float], pts: list[float], same: list[bool]
    ) -> tuple[np.ndarray, list[int], np.ndarray]:
        """Moments (B,) of the block's distinct frames, their numbers, and for each grid frame which it shows.

        The last (T,) counts from 0 for the distinct frame before the block.
        """
        moment = None if self._known is None else float(self._known.times[-1])
        last_pts = None if self._last is None else self._last[2]
        moments: list[float] = []
        fresh: list[int] = []
        shown = np.empty(len(times), np.int64)
        for i, (time, stamp) in enumerate(zip(times, pts, strict=True)):
            held = time - self._shown_since
            limit = HOLD_SAME_PTS if stamp == last_pts else HOLD_SAME_PIXELS if same[i] else -1.0
            if moment is None or held > limit + _ROUNDING:
                # Presentation times that stand still or run back give way to the time that has passed.
                moment = stamp if moment is None or moment < stamp != last_pts else moment + max(held, 1e-3)
                moments.append(moment)
                fresh.append(i)
                self._shown_since = time
            shown[i] = len(fresh)
            last_pts = stamp
        return np.array(moments), fresh, shown

    def _move(self, fresh: Frames) -> np.ndarray:
        """(1 + B, 19): moving curves and motion of the distinct frame before the block, then of its own."""
        held = self._held
        if len(fresh):
            frames = fresh if self._known is None else self._known.then(fresh)
            curves, motion = moving(frames, len(frames) - len(fresh))
            held = np.concatenate([held, np.column_stack([curves, motion])])
            self._known, self._held = frames.latest(), held[-1:]
        return held


def _cuts(jumps: np.ndarray, rate: float) -> np.ndarray:
    """(T,): how far a frame's change stands out of the motion within 0.5 s, times its change of colours."""
    difference, change, motion = jumps.T
    usual = median_filter(motion, size=2 * round(rate / 2) + 1, mode="nearest")
    return (np.minimum(difference / (usual + np.float32(0.02)), 10) * change).astype(np.float32)
