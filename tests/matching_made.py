"""Made embeddings in a made catalogue: what a match must find is known."""

import numpy as np

from crossmodal.catalogue import Catalogue, Content, FileState, FoundFile
from crossmodal.embedding import Embedding

MODEL = "f" * 32


def made(seed: int, seconds: float, *, dim: int = 16) -> Embedding:
    """A medium of smooth random heads."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 10)
    rows = np.cumsum(rng.standard_normal((n, 8, 2)), axis=0).astype(np.float32) * 0.3
    vector = rng.standard_normal(dim).astype(np.float32)
    vector /= np.linalg.norm(vector)
    return Embedding(vector, vector[None], np.zeros(1, np.float32), rows, np.ones(n, np.bool_), seconds, False)


def cut(track: Embedding, start: int, stop: int) -> Embedding:
    """Steps `start` to `stop` of a medium, with its vector."""
    rows = track.sequence[start:stop]
    return Embedding(track.vector, track.segments, track.times, rows, track.seen[start:stop], len(rows) / 10, False)


def put(catalogue: Catalogue, name: str, embedding: Embedding, *, recording: tuple[int, float] | None = None) -> int:
    """Store a made track; its id."""
    content = Content(f"{name:0>64}", "audio", embedding.duration, embedding.silent)
    file = FoundFile(f"/music/{name}.wav".encode(), FileState(1, 1, 1, hash(name) & 0xFFFF), {})
    return catalogue.put_track(content, file, MODEL, embedding, recording=recording)
