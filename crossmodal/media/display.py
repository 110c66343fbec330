"""How a coded picture is shown: turned, mirrored, with square pixels, scaled into a given size."""

import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn in steps of 90 degrees, as array operations: transpose, then flip along x and along y."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @property
    def rotation(self) -> int:
        """Degrees clockwise: 0, 90, 180 or 270; a mirrored picture is mirrored left to right first."""
        if self.transpose:
            return 90 if self.flip_x else 270
        return 180 if self.flip_y else 0

    @property
    def mirrored(self) -> bool:
        """Is the picture turned over, so that writing runs backwards?"""
        return self.transpose != (self.flip_x != self.flip_y)

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """A view of pixels (H, W, 3), upright."""
        if self.transpose:
            pixels = pixels.transpose(1, 0, 2)
        return pixels[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


def turn_of_matrix(matrix: bytes | None) -> Turn:
    """The turn that a display matrix asks for, to the nearest 90 degrees; none without a matrix.

    A matrix maps (x, y) to (a x + c y, b x + d y), stored as a b u c d v x y w in native 32-bit integers.
    Source: ISO/IEC 14496-12, track header; FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX.
    """
    if matrix is None or len(matrix) < 36:
        return Turn()
    a, b, _, c, d = struct.unpack("=5i", matrix[:20])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture goes in a frame of the wanted size.

    Fields `width`, `height` are what the scaler makes, before the turn; `left`, `top`, `shown_width`, `shown_height`
    the place in the frame, after it.
    """

    width: int
    height: int
    left: int
    top: int
    shown_width: int
    shown_height: int


def shown_size(width: int, height: int, aspect: Fraction | None, turn: Turn) -> tuple[float, float]:
    """(width, height) of the picture as a player shows it: square pixels, upright; the larger side is kept or grown."""
    ratio = float(aspect) if aspect and aspect > 0 else 1.0
    wide, high = (width * ratio, float(height)) if ratio >= 1 else (float(width), height / ratio)
    return (high, wide) if turn.transpose else (wide, high)


def place(shown: tuple[float, float], size: tuple[int, int], turn: Turn, bars: bool) -> Placement:
    """Fit a picture of `shown` proportions into `size`, whole and in the middle (bars), or stretched over all of it."""
    width, height = size
    if bars:
        scale = min(width / shown[0], height / shown[1])
        inner_w = min(width, max(1, round(shown[0] * scale)))
        inner_h = min(height, max(1, round(shown[1] * scale)))
    else:
        inner_w, inner_h = width, height
    left, top = (width - inner_w) // 2, (height - inner_h) // 2
    scaled = (inner_h, inner_w) if turn.transpose else (inner_w, inner_h)
    return Placement(*scaled, left, top, inner_w, inner_h)
