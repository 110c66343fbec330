"""Tiny clips and tracks for tests: made in milliseconds, the same from the same seed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from crossmodal.demo.containers import write_media

TRACK_RATE = 24_000


def make_clip(
    path: Path | str,
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (160, 120),
    rate: int = 25,
    cuts: tuple[float, ...] = (),
    seed: int = 0,
    sound: bool = False,
) -> Path:
    """A small moving picture; the suffix chooses container and codec.

    Args:
        path: mp4, mov, mkv, ts, webm, avi or gif.
        seconds: its length.
        size: (width, height) in pixels, even.
        rate: frames a second.
        cuts: seconds at which the picture changes altogether.
        seed: colours, shape and speed.
        sound: with a soundtrack of its own (`make_track` of the same seed), or silent.

    Returns:
        The path.
    """
    path = Path(path)
    pictures = _pictures(round(seconds * rate), size, rate, cuts, seed)
    samples = _samples(seconds, seed)[None] if sound else None
    write_media(path, pictures=pictures, size=size, rate=rate, samples=samples, sample_rate=TRACK_RATE)
    return path


def make_track(path: Path | str, *, seconds: float = 3.0, seed: int = 0, tags: dict[str, str] | None = None) -> Path:
    """A small piece of sound with a beat and a rising level; the suffix chooses container and codec.

    Args:
        path: wav, flac, m4a, mp3, opus or ogg.
        seconds: its length.
        seed: pitch, tempo and timbre.
        tags: title, artist and so on; none by default.

    Returns:
        The path.
    """
    path = Path(path)
    write_media(path, samples=_samples(seconds, seed)[None], sample_rate=TRACK_RATE, tags=tags)
    return path


def _pictures(
    n_frames: int, size: tuple[int, int], rate: int, cuts: tuple[float, ...], seed: int
) -> Iterator[np.ndarray]:
    width, height = size
    x = np.linspace(0, 1, width, dtype=np.float32)[None, None]  # (1, 1, W)
    y = np.linspace(0, 1, height, dtype=np.float32)[None, :, None]  # (1, H, 1)
    shots = [np.random.default_rng([seed, shot]).random(12).astype(np.float32) for shot in range(len(cuts) + 1)]
    for index in range(n_frames):
        time = index / rate
        look = shots[sum(time >= cut - 1e-9 for cut in cuts)]
        ground, light, speed = look[:3, None, None] * 0.6, look[3:6, None, None], 0.2 + look[6]
        ramp = 0.5 + 0.5 * np.sin(6.28 * (x * (1 + 2 * look[7]) + y * look[8] + time * speed))  # (1, H, W)
        disc = (x - 0.5 - 0.3 * np.sin(3 * time * speed)) ** 2 + (y - look[9]) ** 2 < 0.02
        yield (255 * np.where(disc, 1 - ground, ground + 0.4 * ramp * light)).astype(np.uint8)


def _samples(seconds: float, seed: int) -> np.ndarray:
    """(L,) float32 at 24 kHz: a chord under a decaying beat, with a little noise on it."""
    rng = np.random.default_rng([seed, 77])
    time = np.arange(round(seconds * TRACK_RATE)) / TRACK_RATE
    root, beat = 110 * 2 ** (rng.integers(0, 12) / 12), 60 / rng.uniform(80, 160)
    chord = sum(np.sin(6.2832 * root * ratio * time) for ratio in (1, 1.25 if seed % 2 else 1.2, 1.5, 2))
    pulse = np.exp(-6 * (time % beat) / beat)
    noise = rng.standard_normal(len(time)) * np.exp(-40 * (time % (beat / 2)))
    level = 0.4 + 0.6 * time / max(seconds, 1e-9)
    return (level * pulse * (0.12 * chord + 0.05 * noise)).astype(np.float32)
