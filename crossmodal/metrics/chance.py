"""What a random order of the candidates would reach."""

import numpy as np


def chance_recall_at_k(is_pos: np.ndarray, k: int, ignore: np.ndarray | None = None) -> float:
    """Recall at k that a random order of the candidates would reach, 0-1.

    Args:
        is_pos: (N, M) bool.
        k: how many are looked at.
        ignore: (N, M) bool: candidates left out.

    Example:
        >>> chance_recall_at_k(np.eye(20, dtype=bool), 10)
        0.5
    """
    counted = np.ones_like(is_pos) if ignore is None else is_pos | ~ignore
    total, right = counted.sum(axis=1), is_pos.sum(axis=1)  # (N,)
    miss = np.ones(len(is_pos))
    for draw in range(k):
        left = np.maximum(total - draw, 1)
        miss *= np.clip((left - right) / left, 0.0, 1.0)
    return float(np.mean(np.where(right > 0, 1.0 - miss, 0.0))) if len(is_pos) else float("nan")
