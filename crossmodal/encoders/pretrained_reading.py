"""What a pretrained encoder reads of a medium: a guarded child writes frames or samples into a file, in flat memory.

The module is imported by those children, so it loads no torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from crossmodal.media import AudioReader, VideoReader, film_windows, guard, open_audio, open_video
from crossmodal.media.windows import MAX_WHOLE

OVERRUN = 60.0  # seconds: a film that goes on for longer than its header says is measured first
FAR_OFF = 0.1  # a header that is wrong by more than this share has laid the wrong windows
SILENCE = 10 ** (-90 / 20)  # the floor of the curves
SHORTEST = 0.1  # seconds of sound that a network is given; less is filled up with silence
WIDEST = 4  # times the short edge; a strip that is wider is squeezed


@dataclass(frozen=True, slots=True)
class Pictures:
    """What stands in the file: uint8 (T, 3, H, W).

    Args:
        times: (T,) float64 seconds, when each is shown.
        height, width: H and W.
        duration: seconds, measured.
        warnings: what was wrong with the film but could be lived with.
    """

    times: np.ndarray
    height: int
    width: int
    duration: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sound:
    """What stands in the file: float32 (L,), zero where there is a hole or nothing is looked at.

    Args:
        n_samples: L, at most.
        duration: seconds, measured.
        windows: (start, end) seconds of what is looked at.
        silent: no sample above -90 dB.
        warnings: what was wrong with the sound but could be lived with.
    """

    n_samples: int
    duration: float
    windows: list[tuple[float, float]]
    silent: bool
    warnings: tuple[str, ...]


def write_pictures(path: Path, out: str, hop: float, size: int | tuple[int, int]) -> Pictures:
    """Write the frame at the middle of each row of `hop` seconds; of a long film in its windows only.

    Args:
        path: of the film.
        out: file that is written.
        hop: seconds.
        size: of the short edge, aspect kept, or (height, width) whatever the aspect; pixels.

    Raises:
        MediaError: the file cannot be used.
    """
    with open_video(path) as video:
        width, height = _shown(video, size)
        stated = video.duration
        times, reached = _write_frames(video, out, film_windows(stated), hop, (width, height))
        if reached is not None:
            length = max(reached, float(video.key_frame_times()[-1]))
            times, reached = _write_frames(video, out, film_windows(length), hop, (width, height))
        elif is_far_off(video.duration, stated):
            times, reached = _write_frames(video, out, film_windows(video.duration), hop, (width, height))
        duration = video.duration if reached is None else reached
        return Pictures(np.array(times), height, width, duration, tuple(video.warnings))


def read_pictures(path: Path, times: list[float], size: int | tuple[int, int]) -> np.ndarray:
    """The frames shown at the instants of an even grid; fewer where the film ends.

    Args:
        path: of the film.
        times: seconds, evenly laid.
        size: as in `write_pictures`.

    Returns:
        uint8 (n, 3, H, W).

    Raises:
        MediaError: the file cannot be used.
    """
    rate = 1 / (times[1] - times[0]) if len(times) > 1 else 1.0
    with open_video(path) as video:
        width, height = _shown(video, size)
        parts = []
        for batch in video.frames(rate, (width, height), times[0], times[-1] + 0.5 / rate, bars=False):
            guard.alive()
            parts.append(batch.pixels)
        return np.concatenate(parts) if parts else np.zeros((0, 3, height, width), np.uint8)


def shown_size(size: Mapping[str, int | None]) -> int | tuple[int, int]:
    """Pixels that a processor brings pictures to: the decoder does it, and the processor has nothing to scale."""
    known = dict(size)
    short, height, width = (known.get(name) for name in ("shortest_edge", "height", "width"))
    return int(short) if short else (int(height or 0), int(width or 0))


def _shown(video: VideoReader, size: int | tuple[int, int]) -> tuple[int, int]:
    if isinstance(size, tuple | list):
        return size[1], size[0]
    picture = video.info.video
    aspect = picture.width / picture.height if picture and picture.width and picture.height else 1.0
    long = round(size * min(max(aspect, 1 / aspect), WIDEST))
    return (long, size) if aspect >= 1 else (size, long)


def is_far_off(measured: float, length: float) -> bool:
    """Whether a header that said `length` has laid the wrong windows for what lasts `measured` seconds."""
    return max(measured, length) > MAX_WHOLE and abs(measured - length) > FAR_OFF * measured


def _write_frames(
    video: VideoReader, out: str, windows: list[tuple[float, float]], hop: float, size: tuple[int, int]
) -> tuple[list[float], float | None]:
    """Times of the frames written; and the time reached, if the film goes on far beyond its windows."""
    rate = 2 / hop  # every second instant is the middle of a row
    limit = max(windows[-1][1], MAX_WHOLE) + OVERRUN
    times: list[float] = []
    first = b""
    with Path(out).open("wb") as file:
        for start, end in windows:
            stop = None if end == windows[-1][1] else end
            for batch in video.frames(rate, size, start, stop, bars=False, from_key_frame=len(windows) > 1):
                guard.alive()
                for time, pixels in zip(batch.times.tolist(), batch.pixels, strict=True):
                    if round(time * rate) % 2 == 1:
                        times.append(time)
                        file.write(pixels.tobytes())
                    elif not times and time == 0:
                        first = pixels.tobytes()
                if batch.times[-1] > limit:
                    return times, float(batch.times[-1])
        if not times:  # a film of less than half a hop
            times.append(0.0)
            file.write(first)
    return times, None


def write_sound(path: Path, out: str, rate: int, margin: float) -> Sound:
    """Write the samples of a sound, mono; of a long one only its windows and `margin` seconds round them.

    Args:
        path: of the sound, or of a film with sound.
        out: file that is written, sparse where nothing is looked at.
        rate: samples a second.
        margin: seconds.

    Raises:
        MediaError: the file cannot be used.
    """
    with open_audio(path) as audio:
        windows = film_windows(audio.duration)
        stated = audio.duration
        n_samples, peak = _write_samples(audio, out, windows, rate, margin)
        if is_far_off(audio.duration, stated):
            windows = film_windows(audio.duration)
            n_samples, peak = _write_samples(audio, out, windows, rate, margin)
        return Sound(n_samples, audio.duration, windows, peak <= SILENCE, tuple(audio.warnings))


def _write_samples(
    audio: AudioReader, out: str, windows: list[tuple[float, float]], rate: int, margin: float
) -> tuple[int, float]:
    """Samples from 0:00 to the last, and the highest."""
    end, peak = 0, 0.0
    with Path(out).open("wb") as file:
        for block in audio.blocks(rate, 1):
            samples, at = block.samples[0], round(block.time * rate)
            samples, at = samples[max(0, -at) :], max(0, at)
            if not len(samples):
                continue
            peak = max(peak, float(np.abs(samples).max()))
            end = max(end, at + len(samples))
            if len(windows) == 1 or _overlaps(at / rate, end / rate, windows, margin):
                _put(file, at, samples)
        file.truncate(4 * end)
    return end, peak


def _overlaps(start: float, end: float, windows: list[tuple[float, float]], margin: float) -> bool:
    return any(first - margin < end and start < last + margin for first, last in windows)


def _put(file: BinaryIO, at: int, samples: np.ndarray) -> None:
    file.seek(4 * at)
    file.write(samples.astype("<f4").tobytes())
