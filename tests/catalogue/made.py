"""Made embeddings, contents and files, and a small random model."""

import os

import numpy as np

from crossmodal.catalogue import Content, FileState, FoundFile
from crossmodal.embedding import Embedding


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
