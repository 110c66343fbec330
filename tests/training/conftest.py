"""Tiny pairs of curves with a coupling to learn, made without media."""

import numpy as np
import pytest

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
from crossmodal.features import Features
from training.data.pairs import Pair


def features(values: np.ndarray) -> Features:
    """Features of curves at a hop of 0.1 s."""
    rows = values.astype(np.float16).astype(np.float32)
    return Features(rows, np.ones(len(rows), bool), 0.1, 0.1 * len(rows), False)


def coupled_pairs(count: int, *, seconds: float = 12.0, seed: int = 0, domain: str = "made") -> list[Pair]:
    """Pairs whose motion follows the loudness of their music; everything else is noise."""
    rng = np.random.default_rng(seed)
    steps, pairs = round(10 * seconds), []
    for k in range(count):
        shape = np.convolve(rng.normal(size=steps + 8), np.ones(9) / 3, "valid")  # (T,)
        video = rng.normal(0, 1, (steps, len(VIDEO_CHANNELS)))
        audio = rng.normal(0, 1, (steps, len(AUDIO_CHANNELS)))
        video[:, VIDEO_CHANNELS.index("motion")] = shape + 0.1 * rng.normal(size=steps)
        loud = -20 + 6 * shape
        audio[:, AUDIO_CHANNELS.index("log_rms")] = loud
        audio[:, AUDIO_CHANNELS.index("rms")] = 10 ** (loud / 20)
        name = f"{domain}-{k}"
        pairs.append(Pair(name, name, f"group-{k % 5}", features(video), features(audio), domain=domain))
    return pairs


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """24 coupled pairs of 12 s."""
    return coupled_pairs(24)
