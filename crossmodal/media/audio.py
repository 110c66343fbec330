"""Samples of a medium where their time stamps put them: streamed, finite, within [-1, 1], mono or stereo."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.error import FFmpegError

from crossmodal.media.damage import Damage
from crossmodal.media.info import MediaInfo
from crossmodal.media.mono import MonoMixer, side_weights
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
from crossmodal.media.sources import OpenSource, Source, open_source
from crossmodal.media.timeline import SoundClock

MAX_PLANES = 8
_SCALES = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}


class Meter(Protocol):
    """Something that wants the samples as they were decoded, such as a loudness meter."""

    def add(self, samples: np.ndarray, rate: int) -> None:
        """Take samples (C, L) float32 at `rate` hertz."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Samples (C, L) float32 in [-1, 1], and the time of the first, seconds from 0:00."""

    samples: np.ndarray
    time: float


class AudioReader:
    """The sound of a medium. Made by `open_audio`.

    Attributes:
        warnings: what was wrong with the file but could be lived with; grows while blocks are read.
        duration: seconds; the header's until `blocks` has read to the end, then measured.
    """

    def __init__(self, opened: OpenSource) -> None:
        self._opened = opened
        self._damage = Damage("sound")
        self._choice_warnings: list[str] = []
        self._silence = self._not_finite = self._clipped = 0
        self._one_side = 0.0
        with open_container(opened) as container:
            sound = choose_stream(container, "audio", opened.name, self._choice_warnings)
            self.duration = stated_duration(container, sound) or stated_duration(container)

    @property
    def warnings(self) -> list[str]:
        """What was wrong with the file but could be lived with."""
        lines = self._choice_warnings + self._damage.lines()
        if self._silence:
            lines.append(f"{self._silence} holes in the sound were filled with silence")
        if self._not_finite:
            lines.append(f"{self._not_finite} samples that are no numbers were replaced by 0")
        if self._clipped:
            lines.append(f"{self._clipped} samples beyond full scale were clipped")
        if self._one_side:
            lines.append(f"left and right cancel out for {self._one_side:.0f} s; the louder side was used")
        return lines

    @cached_property
    def info(self) -> MediaInfo:
        """Streams, length, size, tags."""
        return describe(self._opened)

    def blocks(self, rate: int = 24_000, channels: int = 1, meter: Meter | None = None) -> Iterator[AudioBlock]:
        """The sound from 0:00 to its end without holes, in blocks of about a second.

        Args:
            rate: of the samples given, hertz.
            channels: 1 or 2.
            meter: gets the samples as decoded (C, L), finite and unclipped, before mixing and resampling.

        Raises:
            MediaError: nothing can be decoded: `corrupt`, `empty`, `truncated`.
            ValueError: another number of channels.
        """
        if channels not in (1, 2) or rate < 1000:
            raise ValueError(f"blocks: rate {rate}, channels {channels}; give at least 1000 Hz, and 1 or 2 channels")
        return self._blocks(rate, channels, meter)

    def _blocks(self, rate: int, channels: int, meter: Meter | None) -> Iterator[AudioBlock]:
        self._damage, self._one_side, n_given = Damage("sound"), 0.0, 0
        self._silence = self._not_finite = self._clipped = 0
        mixed = self._mixed(channels, meter)
        for samples in _resampled(mixed, rate, channels):
            np.clip(samples, -1.0, 1.0, out=samples)
            yield AudioBlock(samples, n_given / rate)
            n_given += samples.shape[1]
        self.duration = n_given / rate

    def _mixed(self, channels: int, meter: Meter | None) -> Iterator[tuple[np.ndarray, int]]:
        """((channels, L) float32, native rate) without holes from 0:00."""
        mixer: MonoMixer | None = None
        weights = np.ones((2, 1), np.float32)
        layout = ""
        for native, rate, names in self._native():
            if meter is not None:
                meter.add(native, rate)
            if mixer is None:
                mixer = MonoMixer(rate)
            if layout != (layout := ",".join(names)):
                weights = side_weights(names)
            sides = weights @ native if len(names) > 2 else np.broadcast_to(native, (2, native.shape[1]))
            if _peak(native) > 1:
                self._clipped += int(np.count_nonzero(np.abs(native) > 1.0))
                sides = np.clip(sides, -1.0, 1.0)
            if len(names) == 1:
                yield sides[:channels], rate
            elif channels == 2:
                yield sides, rate
            else:
                yield mixer.mix(sides)[None], rate
        if mixer is not None:
            self._one_side = mixer.seconds_of_one_side

    def _native(self) -> Iterator[tuple[np.ndarray, int, list[str]]]:
        """(samples (C, L) float32 finite, rate, channel names): blocks of a second as decoded, holes filled."""
        with open_container(self._opened) as container:
            sound = choose_stream(container, "audio", self._opened.name, [])
            keep_only(container, [sound])
            clock = SoundClock(float(sound.time_base), clock_zero(container))
            fifo, rate, look, names = av.AudioFifo(), 0, None, [""]
            for frame in self._decoded(container, sound):
                if look != (look := (frame.sample_rate, frame.layout.nb_channels, frame.format.name)):
                    yield from self._drained(fifo, rate, names)
                    clock.change_rate(rate or 1, frame.sample_rate)
                    fifo, rate, names = av.AudioFifo(), frame.sample_rate, [c.name for c in frame.layout.channels]
                missing = clock.place(frame.pts, frame.samples, rate)
                if missing is None:
                    continue
                if missing:
                    yield from self._drained(fifo, rate, names)
                    yield from _silent(missing, rate, names)
                frame.pts = None
                fifo.write(frame)
                while fifo.samples >= rate and (second := fifo.read(rate)) is not None:
                    yield self._finite(second), rate, names
            if not clock.n_written:
                raise self._damage.nothing(self._opened.name)
            yield from self._drained(fifo, rate, names)
            self._silence, self._damage.jumps = clock.n_holes, clock.line.jumps
            self._damage.compare(clock.n_written / rate, checked_duration(self._opened, container, sound))

    def _drained(self, fifo: Any, rate: int, names: list[str]) -> Iterator[tuple[np.ndarray, int, list[str]]]:
        rest = fifo.read(0)
        if rest is not None:
            yield self._finite(rest), rate, names

    def _finite(self, frame: AudioFrame) -> np.ndarray:
        """(C, L) float32 of a decoded frame; what is no number becomes 0."""
        samples = _as_float(frame)
        with np.errstate(invalid="ignore", over="ignore"):
            is_finite = np.isfinite(samples.sum())  # one pass; a sum that only overflows costs a second look
        if not is_finite:
            bad = ~np.isfinite(samples)
            self._not_finite += int(np.count_nonzero(bad))
            samples = np.where(bad, np.float32(0), samples)
        return samples

    def _decoded(self, container: Any, sound: Any) -> Iterator[AudioFrame]:
        context = sound.codec_context
        for packet in packets(container, [sound], self._damage.unreadable):
            self._damage.n_packets += 1
            try:
                frames = context.decode(packet)
            except FFmpegError as error:
                self._damage.undecodable(error)
                continue
            for frame in frames:
                self._damage.n_pieces += 1
                if frame.samples and frame.sample_rate:
                    yield frame
        try:
            yield from context.decode(None)
        except FFmpegError as error:
            self._damage.undecodable(error)


def _peak(samples: np.ndarray) -> float:
    """The largest absolute value; NaN if one of them is."""
    with np.errstate(invalid="ignore"):
        return float(np.maximum(samples.max(initial=0), -samples.min(initial=0)))


def _as_float(frame: AudioFrame) -> np.ndarray:
    """(C, L) float32 of a frame in any sample format; integers are scaled to [-1, 1]."""
    if frame.format.is_planar and frame.layout.nb_channels >= MAX_PLANES:
        # PyAV 18 counts planes up to the first null pointer and runs past the end of the eight that a frame holds.
        (frame,) = av.AudioResampler(format="flt").resample(frame)
    samples, kind = frame.to_ndarray(), frame.format.name.rstrip("p")
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if kind in _SCALES:
        samples = samples.astype(np.float32) - (128 if kind == "u8" else 0)
        samples *= np.float32(1 / _SCALES[kind])
    return np.ascontiguousarray(samples, np.float32)


def _silent(n_samples: int, rate: int, names: list[str]) -> Iterator[tuple[np.ndarray, int, list[str]]]:
    """Blocks of silence of at most a second."""
    for start in range(0, n_samples, rate):
        yield np.zeros((len(names), min(rate, n_samples - start)), np.float32), rate, names


def _resampled(blocks: Iterator[tuple[np.ndarray, int]], rate: int, channels: int) -> Iterator[np.ndarray]:
    """Blocks (C, L) at `rate` of blocks at their own; a stream that changes its rate is resampled piece by piece."""
    layout = "mono" if channels == 1 else "stereo"
    resampler, native_rate = None, 0
    for samples, its_rate in blocks:
        if its_rate == rate:
            yield np.array(samples)
            continue
        if resampler is None or its_rate != native_rate:
            if resampler is not None:
                yield from (out.to_ndarray() for out in resampler.resample(None))
            resampler, native_rate = av.AudioResampler(format="fltp", layout=layout, rate=rate), its_rate
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = its_rate
        yield from (out.to_ndarray() for out in resampler.resample(frame))
    if resampler is not None:
        yield from (out.to_ndarray() for out in resampler.resample(None))


@contextmanager
def open_audio(source: Source) -> Iterator[AudioReader]:
    """Open the sound of a medium: a piece of music, or the sound of a film on the picture's clock.

    Args:
        source: path, bytes, or a seekable binary file.

    Raises:
        MediaError: what is wrong with the file, see `MediaErrorKind`.
    """
    with open_source(source) as opened:
        yield AudioReader(opened)
