"""decord as a second reader of pictures, asked for by name; its frames are a player's only in simple files.

It is wrong where a file has an edit list, an open GOP, or is an MPEG transport stream; it reads no AV1, loses a damaged
file whole, and can abort its process, so it belongs into a guarded child. `docs/media.md` says when to ask for it.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from crossmodal.errors import MediaError
from crossmodal.media import guard
from crossmodal.media.info import MediaInfo
from crossmodal.media.opening import choose_stream, open_container
from crossmodal.media.probing import describe
from crossmodal.media.scaling import GREY, Scaler
from crossmodal.media.sources import OpenSource
from crossmodal.media.video import BATCH, EPSILON, FrameBatch


class DecordReader:
    """The picture of a film, read by decord: `info`, `warnings`, `duration` and `frames` as of `VideoReader`.

    Raises:
        MediaError: `unsupported` where decord is not installed or cannot read the file, and what the file's head says.
    """

    def __init__(self, opened: OpenSource) -> None:
        self._opened = opened
        self.warnings: list[str] = []
        with open_container(opened) as container:
            choose_stream(container, "video", opened.name, self.warnings)
        self._film = _open(opened)
        stamps = self._film.get_frame_timestamp(np.arange(len(self._film)))  # (T, 2): from, until
        self._starts = stamps[:, 0] - stamps[0, 0]
        self.duration = float(stamps[-1, 1] - stamps[0, 0])

    @cached_property
    def info(self) -> MediaInfo:
        """Streams, length, size, rotation, rate, tags."""
        return describe(self._opened)

    def frames(
        self,
        rate: float,
        size: int | tuple[int, int],
        start: float = 0.0,
        end: float | None = None,
        bars: bool = True,
    ) -> Iterator[FrameBatch]:
        """The frames that decord gives for start, start + 1/rate, ...; arguments as of `VideoReader.frames`."""
        width, height = (size, size) if isinstance(size, int) else size
        until = self.duration if end is None else min(end, self.duration)
        times = start + np.arange(int(np.ceil((until - start) * rate - EPSILON))) / rate
        at = np.searchsorted(self._starts, times + EPSILON, side="right") - 1
        for first in range(0, len(times), BATCH):
            part = slice(first, first + BATCH)
            pixels = self._drawn(at[part], (width, height), bars)
            yield FrameBatch(pixels, times[part], self._starts[at[part]])

    def _drawn(self, at: np.ndarray, size: tuple[int, int], bars: bool) -> np.ndarray:
        pixels = np.full((len(at), size[1], size[0], 3), GREY, np.uint8)
        for row, index in zip(pixels, at, strict=True):
            guard.alive()
            picture = self._film[int(index)].asnumpy()
            Scaler(size, bars, self._aspect(picture)).draw(VideoFrame.from_ndarray(picture, format="rgb24"), row)
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))

    def _aspect(self, picture: np.ndarray) -> Fraction:
        """Of one pixel: decord turns pictures upright, and leaves pixels as they are."""
        shown = self.info.video
        assert shown is not None
        return Fraction(shown.width * picture.shape[0], shown.height * picture.shape[1]).limit_denominator(1000)


def _open(opened: OpenSource) -> Any:
    try:
        import decord  # optional: no wheels for Apple silicon, nor for Linux on ARM
    except ImportError as error:
        remedy = "Install it (pip install 'crossmodal[decord]'), or leave reader='decord' out."
        raise MediaError(opened.name, "unsupported", "decord is not installed", remedy) from error
    opened.handle.seek(0)
    try:
        return decord.VideoReader(BytesIO(opened.handle.read()), num_threads=1)
    except (RuntimeError, decord.DECORDError) as error:
        remedy = "Leave reader='decord' out."
        raise MediaError(opened.name, "unsupported", "decord cannot read it", remedy) from error
