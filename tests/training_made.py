"""Tiny pairs of curves with a coupling to learn, made without media, and a trainer for them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
from crossmodal.features import Features
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.config import load_config
from training.data.pairs import Pair
from training.inputs import Material
from training.loop import Judge, Trainer
from training.runs import make_batches

TINY = ("steps=6", "batch=8", "passage=[6, 8]", "checkpoint_every=2", "optimiser.warm_up=2", "optimiser.ema_from=2")
TOWERS = {"width": 16, "dilations": [1, 2], "hidden": 16, "vector_dim": 16, "lag_channels": 2, "heads": 4}


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
        genre = {"genre": ("slow", "fast")[k % 2 : k % 2 + 1]}
        pairs.append(Pair(name, name, f"group-{k % 5}", features(video), features(audio), domain=domain, labels=genre))
    return pairs


def made_trainer(folder: Path, pairs: list[Pair], *settings: str, judge: Judge | None = None, **more: Any) -> Trainer:
    """A trainer of tiny towers, its preparation not fitted yet; `settings` as on the command line."""
    config = load_config(None, settings)
    batches = make_batches(Material({"made": pairs}), config, hop=0.1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = TwoTowerModel(compact_config(**{**TOWERS, **config.model}))
    return Trainer(model, batches, config, folder, judge=judge, **more)


def no_better(model: TwoTowerModel) -> dict[str, float]:
    """A judge to whom all models are alike."""
    return {"recall@10": 0.5}
