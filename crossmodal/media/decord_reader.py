"""The second reader of pictures, decord: optional, asked for by name, equal to ours on some kinds of file only.

Where a test shows equal frames: constant or variable rate in closed groups of pictures, from the container's own 0:00.
Where one shows others: transport streams. It does not read AV1, and gives up on damaged files (docs/decisions.md).
"""

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from crossmodal.errors import ConfigError, MediaError
from crossmodal.media import guard
from crossmodal.media.display import Turn, place
from crossmodal.media.info import MediaInfo
from crossmodal.media.probing import describe
from crossmodal.media.scaling import GREY
from crossmodal.media.sources import OpenSource
from crossmodal.media.video import BATCH, EPSILON, FrameBatch

THREADS = 2


class DecordReader:
    """The picture of a film by decord. Made by `open_video(source, reader="decord")`.

    Attributes:
        warnings: none; what is wrong with a file ends the reading.
        duration: seconds, by the last frame.

    Raises:
        ConfigError: decord is not installed.
        MediaError: `no_video`, `corrupt`, and what opening the file says.
    """

    def __init__(self, opened: OpenSource) -> None:
        self._opened = opened
        self._decord = _package()
        self.warnings: list[str] = []
        if self.info.video is None:
            raise MediaError(opened.name, "no_video", "has no picture", "Give a film.")
        times = self._guarded(self._stamps)
        self._starts = np.asarray(times[:, 0], np.float64)  # (F,)
        self.duration = float(times[-1, 1])

    @cached_property
    def info(self) -> MediaInfo:
        """Streams, length, size, rotation, rate, tags: as our own reader finds them."""
        return describe(self._opened)

    def key_frame_times(self) -> np.ndarray:
        """(K,) float64: when key frames are shown, seconds."""
        return self._starts[self._guarded(lambda: self._open(16, 16).get_key_indices())]

    def frames(
        self,
        rate: float,
        size: int | tuple[int, int],
        start: float = 0.0,
        end: float | None = None,
        bars: bool = True,
        from_key_frame: bool = False,
    ) -> Iterator[FrameBatch]:
        """The frames shown at start, start + 1/rate, ...; arguments and results as of `VideoReader.frames`.

        Args:
            from_key_frame: has no effect: decord reads by frame number.
        """
        width, height = (size, size) if isinstance(size, int) else size
        if not rate > 0 or width < 1 or height < 1 or start < 0:
            raise ValueError(f"frames: rate {rate}, size {size}, start {start} must be positive")
        stop = self.duration if end is None else min(end, self.duration)
        n_frames = max(0, math.ceil((stop - start) * rate - EPSILON))
        times = start + np.arange(n_frames) / rate
        return self._at(times, (width, height), bars)

    def _at(self, times: np.ndarray, size: tuple[int, int], bars: bool) -> Iterator[FrameBatch]:
        picture = self.info.video
        assert picture is not None
        at = place((picture.width, picture.height), size, Turn(), bars)
        reader = self._guarded(lambda: self._open(at.width, at.height))
        shown = np.maximum(np.searchsorted(self._starts, times + EPSILON, side="right") - 1, 0)
        for first in range(0, len(times), BATCH):
            rows = shown[first : first + BATCH]
            guard.alive()
            drawn = self._guarded(lambda rows=rows: reader.get_batch(rows).asnumpy())  # (T, h, w, 3)
            pixels = np.full((len(rows), size[1], size[0], 3), GREY, np.uint8)
            pixels[:, at.top : at.top + at.height, at.left : at.left + at.width] = drawn
            pixels = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))  # (T, 3, H, W)
            yield FrameBatch(pixels, times[first : first + BATCH], self._starts[rows])

    def _stamps(self) -> np.ndarray:
        """(F, 2): when each frame begins and ends."""
        reader = self._open(16, 16)
        stamps: np.ndarray = reader.get_frame_timestamp(range(len(reader)))
        return stamps

    def _open(self, width: int, height: int) -> Any:
        self._opened.handle.seek(0)
        return self._decord.VideoReader(self._opened.handle, width=width, height=height, num_threads=THREADS)

    def _guarded(self, read: Any) -> Any:
        try:
            return read()
        except (RuntimeError, self._decord.DECORDError, IndexError) as error:
            trouble, remedy = "decord cannot read its picture", "Use the reader pyav."
            raise MediaError(self._opened.name, "corrupt", trouble, remedy) from error


def _package() -> Any:
    try:
        import decord  # optional
    except ImportError as error:
        raise ConfigError(
            "reader 'decord' is not installed. Install crossmodal[decord], or use the reader 'pyav'."
        ) from error
    decord.logging.set_level(decord.logging.QUIET)
    return decord
