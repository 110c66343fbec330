"""Procedural pairs of `crossmodal.demo`, straight into curves, without a file between."""

from collections.abc import Callable

import numpy as np

from crossmodal.demo import draw_pair
from crossmodal.encoders import AudioCurves, make_encoder
from crossmodal.features import Features, FeatureStore
from training.data.montages import curves_of
from training.data.pairs import Pair

VERSION = "1"  # goes up when the demo's songs or pictures change
SECONDS, FRAME_RATE, SAMPLE_RATE = 16.0, 25, 24_000
Progress = Callable[[int, int], None]


def demo_pairs(count: int, first_seed: int, store: FeatureStore, progress: Progress | None = None) -> list[Pair]:
    """`count` procedural pairs of 16 s; none of them is in a demo library.

    Args:
        count: how many.
        first_seed: the pairs are those of this seed and the following ones.
        store: drawn ones are kept here.
        progress: told (done, count).
    """
    pairs = []
    for k in range(count):
        pairs.append(_pair(first_seed + k, store))
        if progress is not None:
            progress(k + 1, count)
    return pairs


def _pair(seed: int, store: FeatureStore) -> Pair:
    name, key = f"demo-drawn-{seed}", f"procedural {VERSION} {seed} {SECONDS}"
    encoders = make_encoder("curves", "video"), make_encoder("curves", "audio")
    video = store.get(key, "video", encoders[0].fingerprint)
    audio = store.get(key, "audio", encoders[1].fingerprint)
    if video is None or audio is None:
        frames, samples = draw_pair(seed, SECONDS, rate=FRAME_RATE)
        video, audio = curves_of(np.concatenate(list(frames)), FRAME_RATE), _sound(samples, encoders[1].hop)
        store.put(key, "video", encoders[0].fingerprint, video)
        store.put(key, "audio", encoders[1].fingerprint, audio)
    return Pair(name, name, name, video, audio, domain="demo")


def _sound(samples: np.ndarray, hop: float) -> Features:
    curves = AudioCurves(SAMPLE_RATE)
    curves.add(samples, 0.0)
    duration = len(samples) / SAMPLE_RATE
    values, seen, silent = curves.finish(duration)
    return Features(values, seen, hop, duration, silent)
