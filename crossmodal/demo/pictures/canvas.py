"""What every scene draws on: coordinates at the pixels, soft edges, palettes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter

ASPECT = 16 / 9


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """Coordinates of the pixels: y from -1 (bottom) to 1 (top), x to ±16/9 at any size; seen through a zoom."""

    width: int
    height: int
    x: np.ndarray  # (1, W)
    y: np.ndarray  # (H, 1)
    px: float  # height of a pixel in these coordinates: the width of a soft edge

    @classmethod
    def of(cls, size: tuple[int, int], zoom: float = 1.0, centre: tuple[float, float] = (0.0, 0.0)) -> "Canvas":
        """The canvas for a picture of `size` = (width, height)."""
        width, height = size
        x = ((np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1) * np.float32(ASPECT / zoom) + np.float32(
            centre[0]
        )
        y = (1 - (np.arange(height, dtype=np.float32) + 0.5) / height * 2) * np.float32(1 / zoom) + np.float32(
            centre[1]
        )
        return cls(width, height, x[None, :], y[:, None], 2 / height / zoom)

    def polar(self, centre: tuple[float, float] = (0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
        """Radius and angle (H, W) round `centre`."""
        dx, dy = self.x - np.float32(centre[0]), self.y - np.float32(centre[1])
        return np.sqrt(dx * dx + dy * dy), np.arctan2(dy, dx)

    def zeros(self) -> np.ndarray:
        """(H, W) float32."""
        return np.zeros((self.height, self.width), dtype=np.float32)

    def patch(self, cx: float, cy: float, reach: float) -> tuple[slice, slice]:
        """The rows and columns that hold a square of half-side `reach` round a point; may be empty."""
        step_x = float(self.x[0, 1] - self.x[0, 0])
        step_y = float(self.y[0, 0] - self.y[1, 0])
        left = int((cx - reach - float(self.x[0, 0])) / step_x)
        right = int((cx + reach - float(self.x[0, 0])) / step_x) + 2
        top = int((float(self.y[0, 0]) - cy - reach) / step_y)
        bottom = int((float(self.y[0, 0]) - cy + reach) / step_y) + 2
        rows = slice(min(max(top, 0), self.height), min(max(bottom, 0), self.height))
        return rows, slice(min(max(left, 0), self.width), min(max(right, 0), self.width))


@dataclass(frozen=True, slots=True)
class Moment:
    """What the music does at one frame. All but `time`, `phase` and `beat` lie in 0-1."""

    time: float  # seconds since the clip began
    phase: float  # distance travelled: runs faster where the music is louder
    level: float  # loudness
    pulse: float  # a low stroke, dying away
    spark: float  # a high stroke, dying away
    light: float  # brightness of the sound
    beat: float  # beats since the clip began


class Scene(Protocol):
    """Something to look at."""

    def draw(self, now: Moment) -> np.ndarray:
        """float32 (3, H, W) in 0-1 or a little above, before the grade; the caller may write into it."""


def inside(distance: np.ndarray, px: float) -> np.ndarray:
    """1 where a signed distance is negative, 0 where positive, with an edge one pixel wide."""
    return np.clip(np.float32(0.5) - distance * np.float32(1 / px), 0, 1)


def smooth(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """The smooth step from 0 at `low` to 1 at `high`."""
    way = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return way * way * (3 - 2 * way)


def over(tone: np.ndarray, value: float | np.ndarray, cover: np.ndarray) -> None:
    """Paint `value` over `tone` in place, where `cover` (0-1) says so."""
    tone += (value - tone) * cover


def splat(picture: np.ndarray, canvas: Canvas, at: np.ndarray, gain: np.ndarray, inks: np.ndarray, size: float) -> None:
    """Add soft dots to `picture` (3, H, W) in place.

    Args:
        at: (n, 2) places.
        gain: (n,) how bright.
        inks: (n, 3) red, green, blue.
        size: radius; dots smaller than a pixel are fainter instead.
    """
    column = (at[:, 0] - float(canvas.x[0, 0])) / float(canvas.x[0, 1] - canvas.x[0, 0])
    row = (float(canvas.y[0, 0]) - at[:, 1]) / float(canvas.y[0, 0] - canvas.y[1, 0])
    seen = (column >= 0) & (column < canvas.width - 1) & (row >= 0) & (row < canvas.height - 1)
    column, row, light = column[seen], row[seen], (gain[:, None] * inks)[seen]
    left, top = column.astype(int), row.astype(int)
    across, down = column - left, row - top
    first = top * canvas.width + left
    where = np.concatenate([first, first + 1, first + canvas.width, first + canvas.width + 1])
    share = np.concatenate([(1 - across) * (1 - down), across * (1 - down), (1 - across) * down, across * down])
    sigma = max(0.55, size / canvas.px)
    strength = min(1.0, (size / canvas.px) ** 2 * 2) * 1.6 * np.pi * sigma**2  # below a pixel a dot loses light
    for channel in range(3):
        counts = np.bincount(where, share * np.tile(light[:, channel], 4), canvas.height * canvas.width)
        dots = counts.astype(np.float32).reshape(canvas.height, canvas.width)
        picture[channel] += gaussian_filter(dots, sigma, truncate=2.2) * np.float32(strength)


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Five colours from dark to light, and what lies between them."""

    name: str
    colours: np.ndarray  # (5, 3, 1, 1) float32 in 0-1
    is_warm: bool

    def ramp(self, n_entries: int = 512) -> np.ndarray:
        """(3, n): the colours in a row, mixed in linear light."""
        at = np.linspace(0, 4, n_entries)
        linear = self.colours[:, :, 0, 0] ** 2.2
        mixed = np.stack([np.interp(at, np.arange(5), linear[:, channel]) for channel in range(3)])
        return (mixed ** (1 / 2.2)).astype(np.float32)


def tint(tone: np.ndarray, ramp: np.ndarray) -> np.ndarray:
    """Colour a (H, W) picture of tones in 0-1 by a ramp: (3, H, W)."""
    index = (np.clip(tone, 0, 1) * np.float32(ramp.shape[1] - 1)).astype(np.intp)
    return ramp.take(index, axis=1)


def _palette(name: str, hexes: str, is_warm: bool) -> Palette:
    rows = [[int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)] for code in hexes.split()]
    return Palette(name, np.array(rows, dtype=np.float32)[:, :, None, None], is_warm)


PALETTES = tuple(
    _palette(name, hexes, is_warm)
    for name, hexes, is_warm in (
        ("ember", "1B1020 5C1A33 C2413B F08A4B FCE3B4", True),
        ("clay", "2B2118 7A3E2B C8693F E9B872 F6E9D0", True),
        ("peach", "3A1F3D 8C3B5E E2725B F6B48F FFF0DC", True),
        ("honey", "1A140F 5A3A16 B27A22 E8BC4A FFF3CC", True),
        ("rose", "241623 6B2D5C C85C8E F2A7B5 FDF0EE", True),
        ("fruit", "33202A 9E2A4B E8563F F9A03F FBE8C8", True),
        ("dawn", "2A2444 7D4A78 D97B7B F5B98A FBEBCB", True),
        ("olive", "1F2114 55581F 9C9433 DDBF66 F7EFD0", True),
        ("deep sea", "04141F 0B3A53 15708A 4FB7B3 D8F2E6", False),
        ("north", "101820 27455C 4F7CA0 9CC3D5 EEF5F6", False),
        ("iris", "120A2A 38206E 6B4FC0 A79BE8 ECE9FB", False),
        ("fern", "0B1A14 1F4D3A 4C8C5A A4C57A F1F3D2", False),
        ("mint", "0E1F22 22555A 4FA08F A6D9BE F6FAEE", False),
        ("polar", "06101F 123B5D 1E8A8A 66D69B E6F8D0", False),
        ("storm", "14161C 333B4D 66738A A9B3C1 EEF0F2", False),
        ("neon", "0B0620 3A1470 7A2BD0 2FA8E0 C8F6FF", False),
    )
)
