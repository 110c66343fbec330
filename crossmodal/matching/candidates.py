"""Candidates of a large library: the tracks whose vector, or one of whose segments, is near the clip's vector."""

import numpy as np

from crossmodal.catalogue import EmbeddingTable, FaissIndex, SegmentTable
from crossmodal.embedding import Embedding

SEGMENTS_A_TRACK = 4  # how many of the nearest segments are looked at for each track that is wanted


class Candidates:
    """Finds the tracks worth scanning; recall against a scan of all: benchmarks/candidates.py.

    With the bundled model 5,000 of 8,000 tracks held all of the first ten, a quarter of them .90, where .98 is wanted:
    its rank is mostly the sequences' (docs/decisions.md).

    Args:
        table: vectors of the library.
        segments: of the same.
    """

    def __init__(self, table: EmbeddingTable, segments: SegmentTable) -> None:
        self._whole = FaissIndex(table.vectors.shape[1], table.generation)
        self._whole.add(table.ids, table.vectors)
        self._parts = FaissIndex(table.vectors.shape[1], table.generation)
        if len(segments.ids):
            self._parts.add(np.arange(len(segments.ids)), segments.vectors)
        self._track_of = segments.ids

    def nearest(self, query: Embedding, count: int) -> np.ndarray:
        """Ids of up to `count` tracks, rising; half of them by their vectors, the others by their best segment."""
        by_vector = self._whole.search(query.vector[None], count)[1][0]
        rows = self._parts.search(query.vector[None], SEGMENTS_A_TRACK * count)[1][0]
        by_segment = self._track_of[rows]
        by_segment = by_segment[np.sort(np.unique(by_segment, return_index=True)[1])]  # best first, each once
        mixed = np.concatenate([by_vector[: count // 2], by_segment, by_vector[count // 2 :]])
        first = np.sort(np.unique(mixed, return_index=True)[1])[:count]
        return np.sort(mixed[first])
