"""Procedural pairs of `crossmodal.demo`, straight into curves, without a file between."""

from collections.abc import Callable
from functools import partial

import numpy as np

from crossmodal.demo import draw_pair
from crossmodal.demo.music import compose, play
from crossmodal.encoders import AudioCurves, make_encoder
from crossmodal.features import Features, FeatureStore
from training.data.montages import Music, curves_of
from training.data.pairs import Pair

VERSION = "4"  # goes up when the demo's songs or pictures change
SECONDS, FRAME_RATE, SAMPLE_RATE = 16.0, 25, 24_000
WHOLE_SONGS = 37  # the first number of a seed: drawn pairs and the demo library have others
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


def songs(count: int, first_seed: int, store: FeatureStore) -> list[Music]:
    """`count` whole procedural songs, of a minute or more; none of them is in a demo library or in `demo_pairs`.

    Args:
        count: how many.
        first_seed: the songs are those of this seed and the following ones.
        store: their Features are kept here.
    """
    encoder = make_encoder("curves", "audio")
    music = []
    for seed in range(first_seed, first_seed + count):
        name, key = f"song-{seed}", f"song {VERSION} {seed}"
        audio = store.get(key, "audio", encoder.fingerprint)
        if audio is None:
            audio = _sound(_samples(seed), encoder.hop)
            store.put(key, "audio", encoder.fingerprint, audio)
        music.append(Music(name, name, audio, partial(_samples, seed)))
    return music


def _samples(seed: int) -> np.ndarray:
    return play(compose((WHOLE_SONGS, seed)), rate=SAMPLE_RATE, channels=1)[0]


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
