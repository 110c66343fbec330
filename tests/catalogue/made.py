"""Made embeddings, contents and files, and a small random model."""

import os

import numpy as np

from crossmodal.catalogue import Content, FileState, FoundFile
from crossmodal.embedding import Embedding

RATE = 24_000


def made_embedding(seed: int, *, dim: int = 8, rows: int = 20, silent: bool = False) -> Embedding:
    """A small embedding with every part filled, from a seed."""
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(dim).astype(np.float32)
    vector = np.zeros(dim, np.float32) if silent else vector / np.linalg.norm(vector)
    n_segments = 0 if silent else 2
    return Embedding(
        vector=vector,
        segments=np.repeat(vector[None], n_segments, 0),
        times=np.arange(n_segments, dtype=np.float32) * 6,
        sequence=rng.standard_normal((rows, 3, 2)).astype(np.float32),
        seen=rng.random(rows) < 0.8,
        duration=rows / 10,
        silent=silent,
    )


def content(name: str, **values: object) -> Content:
    """A content of side audio whose hash is `name`."""
    return Content(**{"content_hash": name, "side": "audio", "duration": 2.0, "silent": False, **values})


def found(path: str | bytes, size: int = 1, **tags: str) -> FoundFile:
    """A file as a scan and its tags would give it."""
    return FoundFile(os.fsencode(path), FileState(size, 2, 3, 4), dict(tags))


def random_model(seed: int) -> object:
    import torch

    from crossmodal.model import TwoTowerModel, compact_config

    torch.manual_seed(seed)
    return TwoTowerModel(compact_config(width=8, hidden=8, vector_dim=16)).eval()


def song(seconds: float = 12.0, seed: int = 0) -> np.ndarray:
    """Notes of half a second over a bed of noise that breathes, from a seed."""
    rng, note = np.random.default_rng(seed), RATE // 2
    time = np.arange(note) / RATE
    swell = 0.3 + 0.7 * np.sin(np.pi * np.linspace(0, 1, note)) ** 2
    tones = [sum(np.sin(6.2832 * rng.uniform(80, 3000) * time) for _ in range(4)) for _ in range(round(seconds * 2))]
    notes = 0.08 * np.concatenate([tone * swell * rng.uniform(0.5, 1) for tone in tones])
    return notes + 0.04 * rng.standard_normal(len(notes)) * np.tile(swell, len(tones))
