"""Pictures and samples into files: the suffix decides container and codec (PyAV)."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

# suffix -> (video codec, pixel format, options), audio codec
VIDEO_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    ".mp4": ("libx264", "yuv420p", {"preset": "ultrafast", "crf": "23"}),
    ".m4v": ("libx264", "yuv420p", {"preset": "ultrafast", "crf": "23"}),
    ".mov": ("libx264", "yuv420p", {"preset": "ultrafast", "crf": "23"}),
    ".mkv": ("libx264", "yuv420p", {"preset": "ultrafast", "crf": "23"}),
    ".ts": ("libx264", "yuv420p", {"preset": "ultrafast", "crf": "23"}),
    ".webm": ("libvpx", "yuv420p", {"deadline": "realtime", "cpu-used": "8", "b": "1M"}),
    ".avi": ("mpeg4", "yuv420p", {"q": "4"}),
    ".gif": ("gif", "rgb8", {}),
}
AUDIO_CODECS = {
    ".m4a": "aac",
    ".mp4": "aac",
    ".m4v": "aac",
    ".mov": "aac",
    ".mkv": "aac",
    ".ts": "aac",
    ".mp3": "libmp3lame",
    ".opus": "libopus",
    ".webm": "libopus",
    ".ogg": "libopus",
    ".flac": "flac",
    ".wav": "pcm_s16le",
    ".avi": "libmp3lame",
}
FORMATS = {".m4a": "mp4", ".m4v": "mp4", ".opus": "ogg", ".ts": "mpegts", ".mkv": "matroska"}
BIT_RATE = 128_000
# Half the time of the defaults, at a bit rate where nobody hears the difference.
FAST = {"libopus": {"compression_level": "4"}, "libmp3lame": {"compression_level": "9"}, "aac": {"aac_coder": "fast"}}


def write_media(
    path: Path,
    *,
    pictures: Iterable[np.ndarray] | None = None,
    size: tuple[int, int] = (640, 360),
    rate: int = 25,
    samples: np.ndarray | None = None,
    sample_rate: int = 44_100,
    tags: dict[str, str] | None = None,
) -> None:
    """Write pictures, samples or both into one file, single-threaded, so that the same input gives the same bytes.

    Args:
        path: where; its suffix chooses container and codecs.
        pictures: uint8 (3, H, W) RGB each; any size, scaled by bicubic to `size`.
        size: (width, height) of the file, even.
        rate: pictures a second.
        samples: float32 (C, L) in [-1, 1], C 1 or 2.
        sample_rate: of `samples`; codecs that know 48 kHz only get it resampled.
        tags: title, artist and so on.

    Raises:
        ValueError: a suffix that is not in the tables above.
    """
    suffix = path.suffix.lower()
    if (pictures is not None and suffix not in VIDEO_CODECS) or (samples is not None and suffix not in AUDIO_CODECS):
        raise ValueError(
            f"{path.name}: no codec for the suffix {suffix!r}; use one of {sorted(VIDEO_CODECS | AUDIO_CODECS)}"
        )
    options = {"fflags": "+bitexact"}
    with av.open(str(path), "w", format=FORMATS.get(suffix, suffix[1:]), options=options) as container:
        container.metadata.update(tags or {})
        video = _video_stream(container, suffix, size, rate) if pictures is not None else None
        sound = _audio_stream(container, suffix, samples, sample_rate) if samples is not None else None
        if video is not None and pictures is not None:
            _encode_pictures(container, video, pictures, size, rate)
        if sound is not None and samples is not None:
            _encode_samples(container, sound, samples, sample_rate)


def _video_stream(container: Any, suffix: str, size: tuple[int, int], rate: int) -> Any:
    codec, pixel_format, options = VIDEO_CODECS[suffix]
    stream = container.add_stream(codec, rate=rate, options=options)
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    stream.codec_context.time_base = Fraction(1, rate)
    stream.codec_context.thread_count = 1
    if pixel_format == "yuv420p":
        # Untagged small pictures are guessed to be BT.601 by some players and BT.709 by others.
        stream.codec_context.color_range, stream.codec_context.colorspace = 1, 6
    return stream


def _audio_stream(container: Any, suffix: str, samples: np.ndarray, sample_rate: int) -> Any:
    codec = AUDIO_CODECS[suffix]
    stream = container.add_stream(codec, rate=48_000 if codec == "libopus" else sample_rate)
    stream.layout = "mono" if samples.shape[0] == 1 else "stereo"
    if codec not in ("flac", "pcm_s16le"):
        stream.bit_rate = BIT_RATE
    stream.options = FAST.get(codec, {})
    stream.codec_context.thread_count = 1
    return stream


def _encode_pictures(
    container: Any, stream: Any, pictures: Iterable[np.ndarray], size: tuple[int, int], rate: int
) -> None:
    scaler = VideoReformatter()  # packed RGB on one thread: planes of RGB take ten times as long
    for index, pixels in enumerate(pictures):
        packed = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)), format="rgb24")
        frame = scaler.reformat(packed, *size, format=stream.pix_fmt, interpolation="BICUBIC", threads=1)
        frame.pts, frame.time_base = index, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _encode_samples(container: Any, stream: Any, samples: np.ndarray, sample_rate: int) -> None:
    block = sample_rate  # one second: the encoder's own buffer cuts it into its frames
    layout = "mono" if samples.shape[0] == 1 else "stereo"
    for start in range(0, samples.shape[1], block):
        part = np.ascontiguousarray(samples[:, start : start + block], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, start, Fraction(1, sample_rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
