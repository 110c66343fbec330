"""Pairs straight into memory: a passage of a song and the film that belongs to it, for training."""

from collections.abc import Iterator

import numpy as np

from crossmodal.demo.music import compose, play
from crossmodal.demo.pictures import plan_film

SAMPLE_RATE = 24_000
BATCH = 25  # frames
# Drawn pairs and the demo library share no song: the first number of a seed keeps them apart.
DRAWN, LIBRARY = 11, 23


def draw_pair(
    seed: int, seconds: float, size: tuple[int, int] = (64, 48), rate: int = 25
) -> tuple[Iterator[np.ndarray], np.ndarray]:
    """A passage of a new song with its pictures, in a fraction of the time that files would take.

    Args:
        seed: names the pair; no seed gives a pair of a demo library.
        seconds: length of the passage, at most 60.
        size: (width, height) of the frames; the 16:9 picture is stretched to it.
        rate: frames a second.

    Returns:
        Frames as uint8 (T, 3, H, W) RGB in batches of at most a second, drawn when asked for; and the samples,
        float32 (L,), mono, 24 kHz, as loud as the passage is in its song.
    """
    rng = np.random.default_rng([DRAWN, seed, 21])
    song = compose((DRAWN, seed))
    start = float(rng.uniform(0, max(0.0, song.sections[-1].end - seconds)))
    samples = play(song, rate=SAMPLE_RATE, channels=1, start=start, end=start + seconds)[0]
    film = plan_film(song, start, samples, rate=SAMPLE_RATE, fps=rate, seed=(DRAWN, seed))
    return _batches(film.frames((2 * size[0], 2 * size[1]))), samples


def _batches(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Pictures at half their size as (T, 3, H, W), each pixel the mean of four."""
    held: list[np.ndarray] = []
    for picture in pictures:
        four = picture.astype(np.uint16)
        rows = four[:, ::2] + four[:, 1::2]
        held.append(((rows[:, :, ::2] + rows[:, :, 1::2] + 2) >> 2).astype(np.uint8))
        if len(held) == BATCH:
            yield np.stack(held)
            held = []
    if held:
        yield np.stack(held)
