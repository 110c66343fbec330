"""Similarity of vectors, and of sequences over time: one definition for training, evaluation and matching."""

from crossmodal.similarity.sequences import BETA, FLOOR, aligned
from crossmodal.similarity.threads import one_thread
from crossmodal.similarity.vectors import (
    Similarity,
    cosine,
    euclidean,
    inner_product,
    pairwise,
    squared_euclidean,
    unit_rows,
)

__all__ = [
    "BETA",
    "FLOOR",
    "Similarity",
    "aligned",
    "cosine",
    "euclidean",
    "inner_product",
    "one_thread",
    "pairwise",
    "squared_euclidean",
    "unit_rows",
]
