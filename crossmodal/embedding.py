"""Embedding: what a tower makes of one medium."""

from dataclasses import dataclass, field, replace

import numpy as np

LABELS = "labels"  # the view of the projection that labels trained


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """The two-part embedding of one clip or track, in NumPy.

    *Global* (`vector`, `segments`) says what the medium is like; the *sequence* says when things happen.

    Args:
        vector: (D,) float32, unit length: the whole medium. Zero if silent, and then in no index.
        segments: (S, D) float32, unit: windows of 12 s every 6 s.
        times: (S,) float32, start of each segment in seconds.
        sequence: (T, H, d) float32: H heads of d dimensions, one row a hop (0.1 s), each compared by itself.
        seen: (T,) bool: False where a long film was skipped.
        duration: seconds, measured.
        silent: nothing above the floor (audio only).
        views: further global vectors by name: `labels` of a model whose second projection labels trained.
    """

    vector: np.ndarray
    segments: np.ndarray
    times: np.ndarray
    sequence: np.ndarray
    seen: np.ndarray
    duration: float
    silent: bool
    views: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.vector.ndim != 1 or self.segments.ndim != 2 or self.segments.shape[1] != self.vector.shape[0]:
            raise ValueError(f"Embedding: vector {self.vector.shape} and segments {self.segments.shape} must share D")
        if self.times.shape != (self.segments.shape[0],):
            raise ValueError(f"Embedding: times {self.times.shape} must be ({self.segments.shape[0]},)")
        if self.sequence.ndim != 3 or self.seen.shape != (self.sequence.shape[0],):
            raise ValueError(f"Embedding: sequence {self.sequence.shape} and seen {self.seen.shape} must share T")

    def blended(self, alpha: float) -> "Embedding":
        """A query whose vector is `vector` and the view `labels` end to end, in shares.

        Its dot product with both of another medium end to end is the blend of the two cosines.

        Args:
            alpha: share of the view, 0-1.
        """
        mixed = np.concatenate([(1 - alpha) * self.vector, alpha * self.views[LABELS]]).astype(np.float32)
        return replace(
            self, vector=mixed, segments=np.zeros((0, len(mixed)), np.float32), times=np.zeros(0, np.float32)
        )

    def __repr__(self) -> str:
        return (
            f"Embedding(vector={self.vector.shape}, segments={self.segments.shape}, sequence={self.sequence.shape}, "
            f"duration={self.duration:.2f}, silent={self.silent})"
        )
