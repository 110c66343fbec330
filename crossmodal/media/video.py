"""Frames of a film as a player shows them: by time, upright, square pixels, scaled as they are decoded."""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError
from av.video.frame import VideoFrame

from crossmodal.errors import MediaError
from crossmodal.media.damage import Damage
from crossmodal.media.info import MediaInfo
from crossmodal.media.opening import (
    checked_duration,
    choose_stream,
    clock_zero,
    keep_only,
    open_container,
    packets,
    stated_duration,
)
from crossmodal.media.probing import describe
from crossmodal.media.scaling import GREY, Scaler
from crossmodal.media.sources import OpenSource, Source, open_source
from crossmodal.media.timeline import MAX_HOLE, Stamps, Timeline

log = logging.getLogger(__name__)

BATCH = 32  # frames
EPSILON = 1e-6  # seconds: two stamps closer than this are one
NOMINAL_RATE = 25.0  # where a file says nothing
SEEK_BACK = (0.0, 2.0, 6.0, 20.0)  # seconds before the wanted time, one after the other; then from the beginning
MAX_LEAD = 12.0  # seconds between a key frame and the start for which a window begins on the key frame


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """Frames at instants of a grid.

    Fields `pixels` uint8 (T, 3, H, W) RGB; `times` (T,) float64, the instants in seconds from 0:00; `pts` (T,) float64,
    the times from which the frames shown then are on screen: equal ones are the same frame.
    """

    pixels: np.ndarray
    times: np.ndarray
    pts: np.ndarray


@dataclass(slots=True)
class _Film:
    """A container opened for one pass, its picture, its sound, and where they end."""

    container: InputContainer
    picture: Any
    sound: Any | None
    zero: float
    picture_line: Timeline
    sound_line: Timeline
    is_at_end: bool = False


class VideoReader:
    """The picture of a film. Made by `open_video`.

    Attributes:
        warnings: what was wrong with the file but could be lived with; grows while frames are read.
        duration: seconds; the header's until `frames` has read to the end, then measured.
    """

    def __init__(self, opened: OpenSource) -> None:
        self._opened = opened
        self._damage = Damage("picture")
        self._choice_warnings: list[str] = []
        self._given_until = 0.0
        self._has_given = False
        with open_container(opened) as container:
            picture = choose_stream(container, "video", opened.name, self._choice_warnings)
            self._index = picture.index
            self.duration = stated_duration(container, picture) or stated_duration(container)

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the file but could be lived with."""
        return self._choice_warnings + self._damage.lines()

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
        from_key_frame: bool = False,
    ) -> Iterator[FrameBatch]:
        """The frames that a player shows at start, start + 1/rate, start + 2/rate, ... while the film lasts.

        Args:
            rate: instants a second; only frames on screen at one of them are scaled.
            size: pixels, (width, height) or one number for a square.
            start, end: seconds from 0:00; the end itself is left out. None: all of the film.
            bars: the whole picture with its aspect and grey bars, or stretched to `size`.
            from_key_frame: begin at the key frame before `start` instead of decoding on to `start`, where it is at most
                12 s before and was not given yet; the window keeps its length, its instants stay multiples of 1/rate.

        Raises:
            MediaError: nothing can be decoded: `corrupt`, `empty`, `truncated`, `too_large`.
            ValueError: a rate or size that is not positive.
        """
        width, height = (size, size) if isinstance(size, int) else size
        if not rate > 0 or width < 1 or height < 1 or start < 0:
            raise ValueError(f"frames: rate {rate}, size {size}, start {start} must be positive")
        grid = _Grid(rate, start, math.inf if end is None else end)
        return self._frames(grid, (width, height), bars, from_key_frame)

    def shown(self) -> Iterator[tuple[float, VideoFrame]]:
        """Every frame as decoded, with the time from which a player shows it, seconds from 0:00."""
        with self._film() as film:
            yield from self._timed(film)

    def key_frame_times(self) -> np.ndarray:
        """(K,) float64: when key frames are shown, seconds from 0:00, by reading packets and decoding nothing."""
        with self._film() as film:
            keep_only(film.container, [film.picture])
            base, times = film.picture.time_base, []
            for packet in packets(film.container, [film.picture], self._damage.unreadable):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if packet.is_keyframe and stamp is not None:
                    times.append(float(stamp * base) - film.zero)
        return np.unique(np.array(times, np.float64))

    @contextmanager
    def _film(self) -> Iterator[_Film]:
        """The file opened anew, from its beginning."""
        with open_container(self._opened) as container:
            picture = choose_stream(container, "video", self._opened.name, [])
            try:
                sound = choose_stream(container, "audio", self._opened.name, [])
            except MediaError:
                sound = None
            keep_only(container, [picture] if sound is None else [picture, sound])
            yield _Film(container, picture, sound, clock_zero(container), Timeline(), Timeline())

    def _frames(self, grid: "_Grid", size: tuple[int, int], bars: bool, from_key_frame: bool) -> Iterator[FrameBatch]:
        if grid.start == 0:
            self._damage, self._given_until = Damage("picture"), 0.0
        with self._film() as film:
            shown = self._from(film, grid.start)
            scaler = Scaler(size, bars, film.picture.sample_aspect_ratio)
            first = next(shown, None)
            if first is None:
                self._nothing(film, grid.start)
                return
            if from_key_frame and EPSILON < grid.start - first[0] <= MAX_LEAD:
                grid = grid.moved_to(max(first[0], self._given_until))
            yield from self._on_grid(film, grid, first, shown, _Batch(scaler, size))

    def _on_grid(
        self,
        film: _Film,
        grid: "_Grid",
        first: tuple[float, VideoFrame],
        shown: Iterator[tuple[float, VideoFrame]],
        batch: "_Batch",
    ) -> Iterator[FrameBatch]:
        step = 0
        on_screen: tuple[float, VideoFrame] | None = first
        while on_screen is not None and grid.instant(step) < grid.stop - EPSILON:
            following = next(shown, None)
            until = min(self._end(film) if following is None else following[0], grid.stop) - EPSILON
            drawn: np.ndarray | None = None
            while (time := grid.instant(step)) < until:
                drawn = batch.add(on_screen, time, drawn)
                step += 1
                if batch.is_full:
                    yield batch.take()
            on_screen = following
        if batch.n_frames:
            yield batch.take()
        self._given_until = max(self._given_until, grid.instant(step))
        if film.is_at_end:
            self._measured(film)

    def _from(self, film: _Film, start: float) -> Iterator[tuple[float, VideoFrame]]:
        """(time, frame) in the order of time, from the frame on screen at `start`, or a key frame before it."""
        if start <= SEEK_BACK[1]:
            yield from self._timed(film)
            return
        for back in SEEK_BACK:
            film.picture_line, film.sound_line, film.is_at_end = Timeline(), Timeline(), False
            wanted = start - back
            if wanted <= 0 or not _seek(film, wanted):
                break
            shown = self._timed(film)
            first = next(shown, None)
            if first is not None and first[0] <= start + EPSILON:
                yield first
                yield from shown
                return
        with self._film() as fresh:
            film.container, film.picture, film.sound = fresh.container, fresh.picture, fresh.sound
            yield from self._timed(film)

    def _timed(self, film: _Film) -> Iterator[tuple[float, VideoFrame]]:
        base, nominal = film.picture.time_base, 1.0 / _nominal_rate(film.picture)
        latest, stamps = -math.inf, Stamps()
        for frame in self._decoded(film):
            stamp = stamps.best(frame.pts, frame.dts)
            length = float(frame.duration * base) if frame.duration else nominal
            line = film.picture_line
            time = (line.end or 0.0) if stamp is None else float(stamp * base) - film.zero
            if line.end is not None and not stamps.has_moved:
                time = line.end
                self._damage.standing += 1
            time = line.place(time, length if 0 < length <= MAX_HOLE else nominal)
            if time < latest:
                self._damage.out_of_order += 1
                continue
            latest = time
            yield time, frame
        film.is_at_end = True

    def _decoded(self, film: _Film) -> Iterator[VideoFrame]:
        context, index = film.picture.codec_context, film.picture.index
        streams = [film.picture] if film.sound is None else [film.picture, film.sound]
        for packet in packets(film.container, streams, self._damage.unreadable):
            if packet.stream_index != index:
                _note_end(film, packet)
                continue
            self._damage.n_packets += 1
            try:
                frames = context.decode(packet)
            except FFmpegError as error:
                self._damage.undecodable(error)
                continue
            for frame in frames:
                self._damage.n_pieces += 1
                self._damage.n_corrupt += frame.is_corrupt
                yield frame
        try:
            yield from context.decode(None)
        except FFmpegError as error:
            self._damage.undecodable(error)

    def _end(self, film: _Film) -> float:
        ends = [line.end for line in (film.picture_line, film.sound_line) if line.end is not None]
        return max(ends, default=0.0)

    def _measured(self, film: _Film) -> None:
        self.duration = self._end(film)
        self._damage.jumps = film.picture_line.jumps
        stated = checked_duration(self._opened, film.container, film.picture)
        self._damage.compare(film.picture_line.end or 0.0, stated)

    def _nothing(self, film: _Film, start: float) -> None:
        """No frame came out: an error, unless a later part of a film was asked for."""
        if start > 0:
            return
        error = self._damage.last_error
        if isinstance(error, ArgumentError) and not film.picture.codec_context.width:
            trouble = "its pictures are over the limit of 64 megapixels"
            raise MediaError(self._opened.name, "too_large", trouble, "Scale it down first.") from error
        raise self._damage.nothing(self._opened.name)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Instants of a film: `start`, `start` + 1/rate, ... before `stop`, seconds."""

    rate: float
    start: float
    stop: float

    def instant(self, step: int) -> float:
        return self.start + step / self.rate

    def moved_to(self, time: float) -> "_Grid":
        """As long, from the first multiple of 1/rate that is not before `time`."""
        start = math.ceil(time * self.rate - EPSILON) / self.rate
        return _Grid(self.rate, start, start + self.stop - self.start)


class _Batch:
    """Pixels of a batch while it fills."""

    def __init__(self, scaler: Scaler, size: tuple[int, int]) -> None:
        self._scaler, self._shape = scaler, (BATCH, size[1], size[0], 3)
        self._clear()

    def _clear(self) -> None:
        self._pixels = np.full(self._shape, GREY, np.uint8)  # (T, H, W, 3)
        self._times, self._pts = np.empty(BATCH), np.empty(BATCH)
        self.n_frames = 0

    @property
    def is_full(self) -> bool:
        return self.n_frames == BATCH

    def add(self, on_screen: tuple[float, VideoFrame], time: float, drawn: np.ndarray | None) -> np.ndarray:
        """Draw a frame, or copy what was `drawn` of it before; gives what is drawn now."""
        row = self._pixels[self.n_frames]
        if drawn is None:
            self._scaler.draw(on_screen[1], row)
        else:
            row[:] = drawn
        self._times[self.n_frames], self._pts[self.n_frames] = time, on_screen[0]
        self.n_frames += 1
        return row

    def take(self) -> FrameBatch:
        n = self.n_frames
        pixels = np.ascontiguousarray(self._pixels[:n].transpose(0, 3, 1, 2))  # (T, 3, H, W)
        batch = FrameBatch(pixels, self._times[:n], self._pts[:n])
        self._clear()
        return batch


def _nominal_rate(stream: Any) -> float:
    rate = float(stream.guessed_rate or stream.average_rate or 0)
    return rate if 1 <= rate <= 1000 else NOMINAL_RATE


def _note_end(film: _Film, packet: Any) -> None:
    """A packet of the sound: it says how long the film lasts at least."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    if stamp is not None:
        base = packet.time_base
        length = float((packet.duration or 0) * base)
        film.sound_line.place(float(stamp * base) - film.zero, length if 0 < length <= MAX_HOLE else 0.0)


def _seek(film: _Film, time: float) -> bool:
    try:
        film.container.seek(int((time + film.zero) / film.picture.time_base), stream=film.picture)
    except (FFmpegError, OverflowError):
        return False
    return True


@contextmanager
def open_video(source: Source, reader: Literal["pyav", "decord"] = "pyav") -> Iterator[VideoReader]:
    """Open the picture of a film.

    Args:
        source: path, bytes, or a seekable binary file.
        reader: `pyav`, or `decord` (optional, asked for by name; its frames are not a player's in all files).

    Raises:
        MediaError: what is wrong with the file, see `MediaErrorKind`.
    """
    with open_source(source) as opened:
        if reader == "decord":
            from crossmodal.media.decord_reader import DecordReader  # optional, and heavy

            yield DecordReader(opened)  # type: ignore[misc]  # the same interface, without seeking to key frames
        else:
            yield VideoReader(opened)
