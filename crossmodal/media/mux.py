"""A clip with music under it, as one mp4: the picture copied where players take it, the music at one loudness."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

from crossmodal.errors import MediaError
from crossmodal.media import guard
from crossmodal.media.audio import open_audio
from crossmodal.media.damage import Damage
from crossmodal.media.opening import choose_stream, clock_zero, keep_only, open_container, packets
from crossmodal.media.scaling import Scaler
from crossmodal.media.sources import OpenSource, Source, open_source
from crossmodal.media.video import VideoReader

OwnSound = Literal["off", "low", "full"]

RATE = 48_000
TARGET_LUFS, PEAK_CEILING_DBFS = -18.0, -1.0
OWN_SOUND_DB: dict[OwnSound, float] = {"off": -math.inf, "low": -15.0, "full": 0.0}
CROSSFADE = 1.0  # seconds over which a track that is shorter than the clip starts again
MAX_SIDE_PX = 1920  # of a picture that has to be encoded anew
CLOCK = 90_000
COPIED_FORMATS = ("yuv420p", "yuvj420p")


def gain_db(loudness_lufs: float | None, peak_dbfs: float | None) -> float:
    """The gain that brings a track to -18 LUFS without lifting its peak above -1 dBFS; 0 where nothing was measured.

    Example:
        >>> gain_db(-10.0, -0.1), gain_db(-30.0, -6.0)
        (-8.0, 5.0)
    """
    if loudness_lufs is None or peak_dbfs is None or not math.isfinite(loudness_lufs + peak_dbfs):
        return 0.0
    gain = TARGET_LUFS - loudness_lufs
    return min(gain, max(0.0, PEAK_CEILING_DBFS - peak_dbfs)) if gain > 0 else gain


def preview(
    clip: Source, track: Source, out: str | Path, *, start: float, own_sound: OwnSound = "off", gain: float = 0.0
) -> Path:
    """Write the picture of `clip` with `track` under it from second `start` of the track.

    Progressive 8-bit 4:2:0 H.264 that begins at its key frame is copied; everything else is encoded anew with its own
    frame times, upright, in BT.709, at even sizes of at most 1920. A track that ends before the clip starts again.

    Args:
        clip: the film.
        track: the music, or a film whose sound is taken.
        out: an mp4 to be written; it appears only once it is whole.
        start: second of the track that the first picture gets.
        own_sound: the clip's own sound: not at all, 15 dB down, or as it is.
        gain: decibels for the music, see `gain_db`.

    Raises:
        MediaError: one of the two cannot be used.
    """
    out = Path(out)
    beside = out.with_name(f".{out.name}.part")
    try:
        with open_source(clip) as opened, av.open(str(beside), "w", format="mp4") as target:
            plan = _plan(opened)
            picture = _copied(opened, plan, target) if plan.can_copy else _encoded(opened, target)
            sound = _sound(clip, track, target, plan.length, start, (own_sound, gain))
            for time, stream_packets in _in_time(picture, sound):
                target.mux(stream_packets)
                guard.alive(time if math.isfinite(time) else None)
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
    return out


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a pass over the clip's packets says: how long it lasts, and whether its picture can be copied."""

    length: float
    can_copy: bool


def _plan(opened: OpenSource) -> _Plan:
    with open_container(opened) as container:
        picture = choose_stream(container, "video", opened.name, [])
        zero, base = clock_zero(container), picture.time_base
        damage, end, first, lowest, stamped = Damage("picture"), 0.0, None, 0.0, True
        streams = [picture, *container.streams.audio[:1]]
        keep_only(container, streams)
        for packet in packets(container, streams, damage.unreadable):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None or packet.time_base is None:
                stamped = stamped and packet.stream_index != picture.index
                continue
            time = float(stamp * packet.time_base) - zero
            end = max(end, time + float((packet.duration or 0) * packet.time_base))
            if packet.stream_index == picture.index:
                first = packet.is_keyframe if first is None else first
                stamped = stamped and packet.pts is not None and packet.dts is not None
                lowest = min(lowest, time)
        is_simple = bool(first) and stamped and lowest > -0.5 * float(base) and not damage.lines()
        return _Plan(end, is_simple and _is_plain_h264(picture) and _is_progressive(opened))


def _is_plain_h264(picture: Any) -> bool:
    context = picture.codec_context
    return context.codec.canonical_name == "h264" and context.pix_fmt in COPIED_FORMATS


def _is_progressive(opened: OpenSource) -> bool:
    _, frame = next(VideoReader(opened).shown(), (0.0, None))
    return frame is not None and not frame.interlaced_frame


def _copied(opened: OpenSource, plan: _Plan, target: Any) -> Iterator[tuple[float, list[Any]]]:
    """The clip's own packets, moved so that the picture begins where a player's clock does."""
    container = open_container(opened)
    picture = choose_stream(container, "video", opened.name, [])
    stream = target.add_stream_from_template(picture)

    def run() -> Iterator[tuple[float, list[Any]]]:
        base = picture.time_base
        shift = round(clock_zero(container) / base)
        with container:
            keep_only(container, [picture])
            for packet in packets(container, [picture], Damage("picture").unreadable):
                if packet.is_discard:  # cut off by an edit list: a player does not show it
                    continue
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = stream
                yield float(packet.dts * base), [packet]

    return run()


def _encoded(
    opened: OpenSource, target: Any, max_side_px: int = MAX_SIDE_PX, b_frames: int = 3
) -> Iterator[tuple[float, list[Any]]]:
    """The clip's frames encoded as H.264, each at the time at which a player shows it."""
    reader = VideoReader(opened)
    info = reader.info.video
    assert info is not None
    width, height = _even_size(info.width, info.height, max_side_px)
    options = {"preset": "veryfast", "crf": "21", "bf": str(b_frames)}
    stream = target.add_stream("libx264", rate=Fraction(30), options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.time_base, context.thread_count = Fraction(1, CLOCK), 2
    context.color_range, context.colorspace, context.color_primaries, context.color_trc = ColorRange.MPEG, 1, 1, 1

    def run() -> Iterator[tuple[float, list[Any]]]:
        scaler, last = Scaler((width, height), False, None), -1
        pixels = np.zeros((height, width, 3), np.uint8)
        for time, frame in reader.shown():
            scaler.draw(frame, pixels)
            rgb = VideoFrame.from_ndarray(pixels, format="rgb24")
            picture = rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
            last = max(last + 1, round(time * CLOCK))
            picture.pts, picture.time_base = last, Fraction(1, CLOCK)
            yield time, stream.encode(picture)
        yield math.inf, stream.encode(None)

    return run()


def _even_size(width: int, height: int, max_side_px: int) -> tuple[int, int]:
    scale = min(1.0, max_side_px / max(width, height))
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _sound(
    clip: Source, track: Source, target: Any, length: float, start: float, levels: tuple[OwnSound, float]
) -> Iterator[tuple[float, list[Any]]]:
    """The music, with the clip's own sound below it, encoded as AAC."""
    stream = target.add_stream("aac", rate=RATE, layout="stereo")
    stream.bit_rate = 192_000
    own_sound, gain = levels

    def run() -> Iterator[tuple[float, list[Any]]]:
        n_samples, n_done = round(length * RATE), 0
        own = _OwnSound(clip, OWN_SOUND_DB[own_sound])
        for music in _cut(_looped(track, round(start * RATE)), n_samples):
            mixed = 10 ** (gain / 20) * music + own.take(music.shape[1])
            frame = AudioFrame.from_ndarray(
                np.ascontiguousarray(np.clip(mixed, -1, 1), np.float32), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts, frame.time_base = RATE, n_done, Fraction(1, RATE)
            yield n_done / RATE, stream.encode(frame)
            n_done += music.shape[1]
        yield math.inf, stream.encode(None)

    return run()


def _cut(blocks: Iterator[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
    for block in blocks:
        if n_samples <= 0:
            return
        yield block[:, :n_samples]
        n_samples -= block.shape[1]


def _looped(track: Source, skip: int) -> Iterator[np.ndarray]:
    """The track from sample `skip` on for ever: at its end it starts again, over a crossfade of at most a second."""
    tail = np.zeros((2, 0), np.float32)
    while True:
        held, n_given = np.zeros((2, 0), np.float32), 0
        for block in _from(track, skip):
            held = np.concatenate([held, block], axis=1)
            if tail.shape[1]:
                if held.shape[1] < 2 * tail.shape[1]:
                    continue
                held, tail = _crossfaded(tail, held), tail[:, :0]
            ready = held.shape[1] - round(CROSSFADE * RATE)
            if ready > 0:
                yield held[:, :ready]
                n_given, held = n_given + ready, held[:, ready:]
        n_fade = min(round(CROSSFADE * RATE), (n_given + held.shape[1]) // 4)
        ready = held.shape[1] - n_fade
        if ready > 0:  # the encoder takes no empty frame
            yield held[:, :ready]
        elif n_given == 0 and skip == 0:
            raise MediaError(str(track), "empty", "holds no sound", "Choose another track.")
        tail, skip = held[:, ready:], 0


def _crossfaded(tail: np.ndarray, head: np.ndarray) -> np.ndarray:
    """`head` with its beginning faded in under `tail`, at equal power."""
    angle = np.linspace(0, math.pi / 2, tail.shape[1], dtype=np.float32)
    joined = head.copy()
    joined[:, : tail.shape[1]] = np.cos(angle) * tail + np.sin(angle) * head[:, : tail.shape[1]]
    return joined


def _from(source: Source, skip: int) -> Iterator[np.ndarray]:
    with open_audio(source) as audio:
        for block in audio.blocks(RATE, 2):
            samples = block.samples[:, skip:]
            skip = max(0, skip - block.samples.shape[1])
            if samples.shape[1]:
                yield samples


class _OwnSound:
    """The clip's own sound in pieces of any length, silence where it has none or none is wanted."""

    def __init__(self, clip: Source, level_db: float) -> None:
        self._factor = 10 ** (level_db / 20)
        self._blocks = _from(clip, 0) if self._factor else iter(())
        self._held = np.zeros((2, 0), np.float32)

    def take(self, n_samples: int) -> np.ndarray:
        """The next (2, n_samples)."""
        while self._held.shape[1] < n_samples:
            try:
                block = next(self._blocks, None)
            except MediaError:  # a clip without sound has none to keep
                block = None
            if block is None:
                lack = n_samples - self._held.shape[1]
                self._held = np.concatenate([self._held, np.zeros((2, lack), np.float32)], axis=1)
                self._blocks = iter(())
            else:
                self._held = np.concatenate([self._held, self._factor * block], axis=1)
        taken, self._held = self._held[:, :n_samples], self._held[:, n_samples:]
        return taken


def _in_time(*sides: Iterator[tuple[float, list[Any]]]) -> Iterator[tuple[float, list[Any]]]:
    """The packets of both sides, whichever is earlier first, so that the muxer holds little."""
    heads = [next(side, None) for side in sides]
    while any(head is not None for head in heads):
        at = min((head[0], index) for index, head in enumerate(heads) if head is not None)[1]
        head = heads[at]
        assert head is not None
        yield head
        heads[at] = next(sides[at], None)
