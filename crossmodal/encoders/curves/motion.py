"""Measures between frames: difference, flow, change of colours and of light, each brought to 0.1 s."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from crossmodal.encoders.curves.picture import GRID, WIDTH, cells, log, mean

STRIDE = 0.105  # seconds: the farthest earlier frame that motion is taken against
REACH = 0.2  # seconds: a longer time between two frames counts as this one
LEAST = 0.02  # seconds: a shorter one as this
_FASTEST = np.array([[8.0], [8.0], [8.0], [0.25]])  # pans and zoom that least squares over a cut may not exceed

MOVING = (
    *(f"motion_{cell}" for cell in GRID),
    *("motion", "motion_rms", "pan", "pan_x", "pan_y", "zoom", "histogram_change", "luma_rise", "luma_fall"),
)


@dataclass(frozen=True, slots=True)
class Frames:
    """Distinct source frames in order.

    Args:
        times: (B,) seconds, rising.
        rgb: (B, 3, 48, 64) float32 in [0, 1].
        light: (B, 48, 64) float32, luma.
        histogram: (B, 64) float32, shares of colours.
    """

    times: np.ndarray
    rgb: np.ndarray
    light: np.ndarray
    histogram: np.ndarray

    def __len__(self) -> int:
        return len(self.times)

    def then(self, later: Self) -> "Frames":
        """These frames and the later ones."""
        parts = ((self.times, later.times), (self.rgb, later.rgb), (self.light, later.light))
        return Frames(*map(np.concatenate, (*parts, (self.histogram, later.histogram))))

    def latest(self) -> "Frames":
        """The frames that a later one may be compared with."""
        keep = slice(int(np.searchsorted(self.times, self.times[-1] - STRIDE)), None)
        return Frames(self.times[keep], self.rgb[keep], self.light[keep], self.histogram[keep])


def moving(frames: Frames, first: int) -> tuple[np.ndarray, np.ndarray]:
    """How the frames from number `first` on differ from those about 0.1 s before them.

    A difference is divided by the time that it took: half the frames a second of the same scene give the same curves.

    Returns:
        (B - first, 18), the curves `MOVING`; (B - first,), the plain mean difference.
    """
    now = np.arange(first, len(frames))
    before = _references(frames.times, now)
    apart = np.clip(frames.times[now] - frames.times[before], LEAST, REACH)
    speed = (0.1 / apart).astype(np.float32)  # (B,)
    difference = np.abs(frames.rgb[now] - frames.rgb[before]).mean(1)  # (B, 48, 64)
    whole = mean(difference) * speed
    light = (mean(frames.light[now]) - mean(frames.light[before])) * speed
    columns = [
        log(cells(difference) * speed[:, None]),
        log(whole),
        np.sqrt(mean(difference * difference)) * speed,
        _flow(frames.light[now], frames.light[before], speed),
        np.abs(frames.histogram[now] - frames.histogram[before]).sum(1) / 2 * speed,
        np.maximum(light, 0),
        np.maximum(-light, 0),
    ]
    return np.column_stack(columns).astype(np.float32), whole.astype(np.float32)


def _references(times: np.ndarray, now: np.ndarray) -> np.ndarray:
    """For each frame the one to compare with: the earliest within STRIDE, else the one before, else itself."""
    earliest = np.searchsorted(times, times[now] - STRIDE)
    return np.maximum(np.minimum(earliest, now - 1), 0)


def _flow(now: np.ndarray, before: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """(B, 4): roots of |pan|, |pan x|, |pan y| (pixels of 64 × 48 in 0.1 s), |zoom| (share of the width).

    Least squares over the picture of `Ix (vx + zx) + Iy (vy + zy) + It = 0`: Lucas and Kanade, one scale for the whole.
    """
    now, before = _halved(now), _halved(before)  # (B, 24, 32): twice the motion that a gradient can follow
    middle = (now + before) / 2
    across = (middle[:, 1:-1, 2:] - middle[:, 1:-1, :-2]) / 2
    down = (middle[:, 2:, 1:-1] - middle[:, :-2, 1:-1]) / 2
    y, x = np.mgrid[0:22, 0:30].astype(np.float32)
    outward = (across * (x - np.float32(14.5)) + down * (y - np.float32(10.5))) / np.float32(16)
    gradients = [plane.reshape(len(now), -1) for plane in (across, down, outward)]
    change = (now - before)[:, 1:-1, 1:-1].reshape(len(now), -1)
    normal = np.empty((len(now), 3, 3))
    for i, one in enumerate(gradients):
        for j, other in enumerate(gradients):
            normal[:, i, j] = (one * other).mean(1)
    normal += 1e-5 * np.eye(3)  # a picture without edges has no flow
    right = np.stack([(one * change).mean(1) for one in gradients], 1)
    velocity = np.linalg.solve(normal, -right[:, :, None].astype(np.float64))[:, :, 0] * 2 * speed[:, None]
    pan_x, pan_y, zoom = velocity.T / np.array([[1], [1], [WIDTH / 2]])
    sizes = np.abs(np.stack([np.hypot(pan_x, pan_y), pan_x, pan_y, zoom]))
    return np.sqrt(np.minimum(sizes, _FASTEST)).T.astype(np.float32)


def _halved(planes: np.ndarray) -> np.ndarray:
    """(B, 48, 64) to (B, 24, 32) by area."""
    return (planes[:, ::2, ::2] + planes[:, 1::2, ::2] + planes[:, ::2, 1::2] + planes[:, 1::2, 1::2]) / 4
