"""Similarity of vectors, and of sequences over time: one definition for training, evaluation and matching."""

from crossmodal.similarity.any_start import over_starts
from crossmodal.similarity.late import late_interaction
from crossmodal.similarity.moments import moments
from crossmodal.similarity.sequences import BETA, FLOOR, aligned
from crossmodal.similarity.spectra import TrackSpectra
from crossmodal.similarity.starts import BestStarts, StartScores, best_starts, favour_zero, other_peaks, search_starts
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
from crossmodal.similarity.warping import warped
from crossmodal.similarity.windows import ClipWindows, clip_windows

__all__ = [
    "BETA",
    "FLOOR",
    "BestStarts",
    "ClipWindows",
    "Similarity",
    "StartScores",
    "TrackSpectra",
    "aligned",
    "best_starts",
    "clip_windows",
    "cosine",
    "euclidean",
    "favour_zero",
    "inner_product",
    "late_interaction",
    "moments",
    "one_thread",
    "other_peaks",
    "over_starts",
    "pairwise",
    "search_starts",
    "squared_euclidean",
    "unit_rows",
    "warped",
]
