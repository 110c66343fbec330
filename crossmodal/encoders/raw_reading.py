"""What a network that is trained from raw media reads of them: guarded children give pictures or samples.

The module is imported by those children, so it loads no torch.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal.encoders.pretrained_reading import OVERRUN, is_far_off
from crossmodal.media import VideoReader, film_windows, guard, open_audio, open_video
from crossmodal.media.windows import MAX_WHOLE


@dataclass(frozen=True, slots=True)
class Frames:
    """What stands in the file that `write_frames` wrote: uint8 (n, 3, H, W).

    Args:
        numbers: (n,) int64: frame k is the one shown at k / rate seconds.
        duration: seconds, measured.
        warnings: what was wrong with the film but could be lived with.
    """

    numbers: np.ndarray
    duration: float
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a sound.

    Args:
        samples: (L,) float32; zero before 0:00 and past the end.
        end: sample of the sound, counted from 0:00, at which it ends; that of the stretch where it goes on.
    """

    samples: np.ndarray
    end: int


def read_frames(path: Path, start: float, count: int, rate: float, size: tuple[int, int]) -> np.ndarray:
    """Frames shown at `start`, `start` + 1 / rate, ...: at most `count`, fewer where the film ends.

    Args:
        path: of the film.
        start: seconds.
        count: frames.
        rate: frames a second.
        size: (width, height), pixels, whatever the aspect.

    Returns:
        uint8 (n, 3, H, W).

    Raises:
        MediaError: the file cannot be used.
    """
    with open_video(path) as video:
        end = start + (count - 0.5) / rate
        parts = []
        for batch in video.frames(rate, size, start, end, bars=False):
            guard.alive()
            parts.append(batch.pixels)
        return np.concatenate(parts) if parts else np.zeros((0, 3, size[1], size[0]), np.uint8)


def read_samples(path: Path, first: int, count: int, rate: int) -> Stretch:
    """Samples `first` to `first` + `count` of a sound, mono.

    Args:
        path: of the sound, or of a film with sound.
        first: sample, counted from 0:00 at `rate`; below 0 there is silence.
        count: samples.
        rate: samples a second.

    Raises:
        MediaError: the file cannot be used.
    """
    samples, end = np.zeros(count, np.float32), 0
    with open_audio(path) as audio:
        for block in audio.blocks(rate, 1):
            guard.alive()
            at, end = end, end + block.samples.shape[1]
            low, high = max(at, first), min(end, first + count)
            if low < high:
                samples[low - first : high - first] = block.samples[0, low - at : high - at]
            if end >= first + count:
                break
    return Stretch(samples, min(end, first + count))


def write_frames(path: Path, out: str, rate: float, size: tuple[int, int]) -> Frames:
    """Write the frames shown at 0, 1 / rate, 2 / rate, ... seconds; of a long film those in its windows only.

    Args:
        path: of the film.
        out: file that is written.
        rate: frames a second.
        size: (width, height), pixels, whatever the aspect.

    Raises:
        MediaError: the file cannot be used.
    """
    with open_video(path) as video:
        stated = video.duration
        numbers, reached = _write(video, out, film_windows(stated), rate, size)
        if reached is not None:
            length = max(reached, float(video.key_frame_times()[-1]))
            numbers, reached = _write(video, out, film_windows(length), rate, size)
        elif is_far_off(video.duration, stated):
            numbers, reached = _write(video, out, film_windows(video.duration), rate, size)
        duration = video.duration if reached is None else reached
        return Frames(np.array(numbers, np.int64), duration, tuple(video.warnings))


def _write(
    video: VideoReader, out: str, windows: list[tuple[float, float]], rate: float, size: tuple[int, int]
) -> tuple[list[int], float | None]:
    """Numbers of the frames written; and the time reached, if the film goes on far beyond its windows."""
    limit = max(windows[-1][1], MAX_WHOLE) + OVERRUN
    numbers: list[int] = []
    with Path(out).open("wb") as file:
        for start, end in windows:
            stop = None if end == windows[-1][1] else end
            first = math.ceil(start * rate - 1e-6) / rate  # a window need not begin on the grid
            for batch in video.frames(rate, size, first, stop, bars=False, from_key_frame=len(windows) > 1):
                guard.alive(float(batch.times[-1]))
                numbers += np.round(batch.times * rate).astype(np.int64).tolist()
                file.write(batch.pixels.tobytes())
                if batch.times[-1] > limit:
                    return numbers, float(batch.times[-1])
    return numbers, None
