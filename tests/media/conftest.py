"""Films whose pictures carry their number, and sounds with a click at a known second: made by PyAV, read back by us."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from crossmodal.media import open_audio, open_video

SIZE = (160, 96)
RATE = 25
GRID = (4, 4)  # blocks of one bit each: columns, rows
CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "h264": ("libx264", {"preset": "ultrafast", "crf": "20", "bf": "2"}),
    "hevc": ("libx265", {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"}),
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "b": "1M"}),
    "vp9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "1M"}),
    "av1": ("libsvtav1", {"preset": "12", "svtav1-params": "lp=1"}),
    "mpeg4": ("mpeg4", {"q": "4"}),
    "mjpeg": ("mjpeg", {"q": "4"}),
    "gif": ("gif", {}),
}
PIXELS = {"gif": "rgb8", "mjpeg": "yuvj420p"}
FORMATS = {".ts": "mpegts", ".mkv": "matroska", ".m4a": "mp4", ".opus": "ogg"}
SOUNDS = {
    ".wav": "pcm_s16le",
    ".flac": "flac",
    ".mp3": "libmp3lame",
    ".ogg": "vorbis",
    ".opus": "libopus",
    ".m4a": "aac",
}


def paint(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3): a number in blocks of black and white, one bit each."""
    bits = np.array([(number >> bit) & 1 for bit in range(GRID[0] * GRID[1])], np.uint8).reshape(GRID[1], GRID[0])
    grey = np.kron(30 + 195 * bits, np.ones((size[1] // GRID[1], size[0] // GRID[0]), np.uint8))
    return np.repeat(grey[..., None], 3, axis=2)


def read_numbers(pixels: np.ndarray) -> list[int]:
    """The numbers in pixels (T, 3, H, W) that show the whole picture without bars."""
    t, _, h, w = pixels.shape
    blocks = pixels.mean(axis=1).reshape(t, GRID[1], h // GRID[1], GRID[0], w // GRID[0])
    inner = blocks[:, :, h // GRID[1] // 4 : -(h // GRID[1] // 4), :, w // GRID[0] // 4 : -(w // GRID[0] // 4)]
    bits = (inner.mean(axis=(2, 4)) > 127).reshape(t, -1)
    return [int(sum(1 << i for i, bit in enumerate(row) if bit)) for row in bits]


def player(stamps: Sequence[float], time: float) -> int:
    """The frame that a player shows at `time`: the last whose stamp is not later, else the first."""
    return max([0] + [i for i, stamp in enumerate(stamps) if stamp <= time + 1e-6])


@dataclass
class Film:
    """What `write_film` wrote: the path, and the times at which its frames are stamped, seconds."""

    path: Path
    stamps: list[float]


def write_film(
    path: Path,
    *,
    codec: str = "h264",
    n_frames: int = 30,
    stamps: Sequence[float] | None = None,
    size: tuple[int, int] = SIZE,
    options: dict[str, str] | None = None,
    picture: Callable[[int], np.ndarray] | None = None,
    sound: np.ndarray | None = None,
    sound_start: float = 0.0,
    time_base: Fraction = Fraction(1, 1000),
    prepare: Callable[[Any], None] | None = None,
    pixel_format: str | None = None,
    container_options: dict[str, str] | None = None,
) -> Film:
    """A film of numbered pictures, or of `picture(n)`, at `stamps`; `sound` is (C, L) at 48 kHz."""
    stamps = [i / RATE for i in range(n_frames)] if stamps is None else list(stamps)
    name, defaults = CODECS[codec]
    with av.open(str(path), "w", format=FORMATS.get(path.suffix), options=container_options or {}) as container:
        stream = container.add_stream(name, rate=RATE, options={**defaults, **(options or {})})
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format or PIXELS.get(codec, "yuv420p")
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, RATE) if codec in ("mpeg4", "gif") else time_base
        if prepare is not None:
            prepare(stream)
        track = None
        if sound is not None:
            track = container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48_000)
            track.layout = "mono" if sound.shape[0] == 1 else "stereo"
        base = stream.codec_context.time_base
        for i, stamp in enumerate(stamps):
            pixels = np.ascontiguousarray(paint(i, size) if picture is None else picture(i))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb48le" if pixels.dtype == np.uint16 else "rgb24")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = round(stamp / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            _mux_sound(container, track, sound, 48_000, sound_start)
    return Film(path, stamps)


def write_sound(
    path: Path,
    samples: np.ndarray,
    rate: int = 48_000,
    *,
    codec: str | None = None,
    layout: str | None = None,
    start: float = 0.0,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A sound file of samples (C, L) float32."""
    with av.open(str(path), "w", format=FORMATS.get(path.suffix), options=options or {}) as container:
        container.metadata.update(tags or {})
        codec = codec or SOUNDS[path.suffix]
        track = container.add_stream(codec, rate=rate, options={"strict": "experimental"} if codec == "vorbis" else {})
        track.layout = layout or ("mono" if samples.shape[0] == 1 else "stereo")
        _mux_sound(container, track, samples, rate, start)
    return path


def _mux_sound(container: Any, track: Any, samples: np.ndarray, rate: int, start: float) -> None:
    for at in range(0, samples.shape[1], 4800):
        part = np.ascontiguousarray(samples[:, at : at + 4800].T, np.float32).reshape(1, -1)  # packed: (1, L * C)
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=track.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = rate, at + round(start * rate), Fraction(1, rate)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def click(seconds: float, at: float | Sequence[float], rate: int = 48_000) -> np.ndarray:
    """(1, L) float32: quiet noise, and a loud burst of 20 ms at each of the times."""
    samples = np.random.default_rng(0).standard_normal(round(seconds * rate)) * 1e-3
    for time in np.atleast_1d(at):
        first = round(time * rate)
        n = min(rate // 50, len(samples) - first)
        samples[first : first + n] += 0.5 * np.sin(2 * np.pi * 1000 * np.arange(n) / rate)
    return samples[None].astype(np.float32)


def onset(samples: np.ndarray, rate: int = 24_000, after: float = 0.0) -> float:
    """When the first burst after a time begins, seconds."""
    first = int(after * rate)
    return (first + int(np.argmax(np.abs(samples[first:]) > 0.15))) / rate


def all_frames(source: Any, rate: float = RATE, size: Any = (64, 48), **options: Any) -> tuple[Any, Any, Any, Any]:
    """(pixels, times, pts, warnings) of a whole film."""
    options.setdefault("bars", False)
    with open_video(source) as video:
        batches = list(video.frames(rate, size, **options))
        pixels = np.concatenate([b.pixels for b in batches])
        times, pts = (np.concatenate([getattr(b, name) for b in batches]) for name in ("times", "pts"))
        return pixels, times, pts, video.warnings


def all_samples(source: Any, **options: Any) -> tuple[np.ndarray, list[str]]:
    """(samples (C, L), warnings) of a whole sound, after a check that its blocks follow each other from 0:00."""
    rate = options.get("rate", 24_000)
    with open_audio(source) as audio:
        blocks = list(audio.blocks(**options))
        length = 0
        for block in blocks:
            assert block.time == pytest.approx(length / rate)
            length += block.samples.shape[1]
        return np.concatenate([b.samples for b in blocks], axis=1), audio.warnings


def run_ffmpeg(*arguments: object) -> bytes:
    """What the ffmpeg program writes to its standard output; the test is skipped without it."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("no ffmpeg program to compare with")
    command = [program, "-v", "error", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


class Tools:
    """The helpers of this file, for tests (a conftest cannot be imported)."""

    write_film = staticmethod(write_film)
    write_sound = staticmethod(write_sound)
    click, onset, player, paint = staticmethod(click), staticmethod(onset), staticmethod(player), staticmethod(paint)
    read_numbers, all_frames = staticmethod(read_numbers), staticmethod(all_frames)
    all_samples, run_ffmpeg = staticmethod(all_samples), staticmethod(run_ffmpeg)


@pytest.fixture(scope="session")
def tools() -> type[Tools]:
    """Makers and readers of test media."""
    return Tools
