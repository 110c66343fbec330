"""A clip that no browser plays, as one that every browser plays: small H.264 with its own sound."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame

from crossmodal.errors import MediaError
from crossmodal.media import guard
from crossmodal.media.audio import open_audio
from crossmodal.media.info import MediaInfo
from crossmodal.media.mux import RATE, _encoded, _in_time
from crossmodal.media.sources import Source, open_source

MAX_SIDE_PX = 1280
PRIMING = 1024  # samples that an AAC encoder gives before the first; fragments have no edit list to hide them
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
CONTAINERS = {"mov": "video/mp4", "mp4": "video/mp4", "matroska": "video/webm", "webm": "video/webm"}
PLAIN_PIXELS = ("yuv420p", "yuvj420p")
CODECS = {"h264": PLAIN_PIXELS, "vp8": PLAIN_PIXELS, "vp9": PLAIN_PIXELS, "av1": (*PLAIN_PIXELS, "yuv420p10le")}


def playable_type(info: MediaInfo) -> str | None:
    """The type under which a browser plays a file as it is; None where it needs a proxy.

    Example:
        >>> from crossmodal.media import VideoStream
        >>> stream = VideoStream(0, "hevc", 640, 360, 640, 360, pixel_format="yuv420p")
        >>> playable_type(MediaInfo("a.mov", 1, "mov", 2.0, video=stream)) is None
        True
    """
    picture = info.video
    if picture is None or picture.pixel_format not in CODECS.get(_family(picture.codec), ()):
        return None
    return CONTAINERS.get(info.container)


def _family(codec: str) -> str:
    """`libdav1d` and `av1` are one codec under the names of two decoders."""
    return {"libdav1d": "av1", "libaom-av1": "av1", "libvpx": "vp8", "libvpx-vp9": "vp9"}.get(codec, codec)


def proxy(clip: Source, growing: str | Path, out: str | Path) -> Path:
    """Write a clip as H.264 of at most 1280 pixels with its own sound, upright, by its own frame times.

    Args:
        clip: the film.
        growing: an mp4 in fragments, which can be played while it is written.
        out: the same as a plain mp4, which appears once it is whole.

    Raises:
        MediaError: nothing of it can be decoded.
    """
    growing, out = Path(growing), Path(out)
    with open_source(clip) as opened, av.open(str(growing), "w", format="mp4", options=FRAGMENTED) as target:
        picture = _encoded(opened, target, MAX_SIDE_PX, b_frames=0)  # with them, fragments begin late
        sound = _own_sound(clip, target)
        for time, packets in _in_time(picture, sound):
            target.mux(packets)
            guard.alive(time if math.isfinite(time) else None)
    beside = out.with_name(f".{out.name}.part")
    with av.open(str(growing)) as source, av.open(str(beside), "w", format="mp4") as plain:
        streams = {stream.index: plain.add_stream_from_template(stream) for stream in source.streams}  # type: ignore[type-var]
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                plain.mux(packet)
                guard.alive()
    beside.replace(out)
    return out


def _own_sound(clip: Source, target: Any) -> Iterator[tuple[float, list[Any]]]:
    """The clip's sound encoded as AAC; nothing where it has none."""
    try:
        with open_audio(clip) as audio:
            next(audio.blocks(RATE, 2))
    except (MediaError, StopIteration):
        return iter(())
    stream = target.add_stream("aac", rate=RATE, layout="stereo")

    def run() -> Iterator[tuple[float, list[Any]]]:
        n_done = 0
        with open_audio(clip) as audio:
            for block in audio.blocks(RATE, 2):
                samples = np.ascontiguousarray(block.samples[:, PRIMING if n_done == 0 else 0 :], np.float32)
                n_done = n_done or PRIMING
                if not samples.shape[1]:
                    continue
                frame = AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts, frame.time_base = RATE, n_done, Fraction(1, RATE)
                yield n_done / RATE, stream.encode(frame)
                n_done += samples.shape[1]
        yield math.inf, stream.encode(None)

    return run()
