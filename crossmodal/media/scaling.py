"""One frame into pixels of a wanted size: area-averaged by the scaler while small in memory, then turned upright."""

from fractions import Fraction
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from crossmodal.media.display import Placement, Turn, place, shown_size, turn_of_matrix
from crossmodal.media.tonemap import HDR_CURVES, tone_map

GREY = 128
_UNSPECIFIED, _BT709 = 2, 1


class Scaler:
    """Makes pixels (H, W, 3) RGB of frames, all of one size whatever the frames are.

    Args:
        size: (width, height) of the result.
        bars: keep the aspect and fill with grey, or stretch.
        aspect: of one pixel of the stream, width : height; None for square.
    """

    def __init__(self, size: tuple[int, int], bars: bool, aspect: Fraction | None) -> None:
        self._size, self._bars, self._aspect = size, bars, aspect
        self._reformatter = VideoReformatter()
        self._key: tuple[Any, ...] = ()
        self._turn, self._place = Turn(), Placement(1, 1, 0, 0, 1, 1)

    def draw(self, frame: VideoFrame, pixels: np.ndarray) -> None:
        """Write a frame into pixels (H, W, 3) uint8, which hold grey where bars are to be."""
        # Not the matrix itself: reading it ties the frame into a cycle, and hundreds of frames wait for the collector.
        key = (frame.width, frame.height, frame.rotation)
        if key != self._key:
            self._key, self._turn = key, turn_of_matrix(display_matrix(frame))
            shown = shown_size(frame.width, frame.height, self._aspect, self._turn)
            self._place = place(shown, self._size, self._turn, self._bars)
        at = self._place
        upright = self._turn.apply(self._scaled(frame, at.width, at.height))
        pixels[at.top : at.top + at.shown_height, at.left : at.left + at.shown_width] = upright

    def _scaled(self, frame: VideoFrame, width: int, height: int) -> np.ndarray:
        is_hdr = frame.color_trc in HDR_CURVES
        small = self._reformatter.reformat(
            frame,
            width,
            height,
            "rgb48le" if is_hdr else "rgb24",
            src_colorspace=_colorspace(frame),
            interpolation=Interpolation.AREA,
            threads=1,
        )
        plane, n_bytes = small.planes[0], 6 if is_hdr else 3
        lines = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)  # type: ignore[arg-type]
        pixels = lines[:, : n_bytes * width]
        if is_hdr:
            pixels = tone_map(pixels.copy().view("<u2").reshape(height, width, 3), frame.color_trc)
        return pixels.reshape(height, width, 3)


def display_matrix(frame: VideoFrame) -> bytes | None:
    """The nine integers that say how a frame is shown, as bytes; None without them."""
    data: Any = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    return None if data is None else bytes(data)


def _colorspace(frame: VideoFrame) -> int | None:
    """Untagged pictures of HD size are BT.709, as players take them; smaller ones BT.601, as the scaler does."""
    if frame.colorspace == _UNSPECIFIED and (frame.width >= 1280 or frame.height > 576):
        return _BT709
    return None
