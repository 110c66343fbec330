"""Retrieval metrics: ranks, recall, median rank, MRR, average precision, and intervals by group. NumPy only.

Ranks start at 1. Whatever is doubtful counts against the system: a tie ranks behind all that it ties with, NaN ranks
last, and a query without a positive is a miss at every k.
"""

import numpy as np


def ranks(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None = None) -> np.ndarray:
    """Rank of each query's best positive.

    Args:
        sim: (N, M) float, higher is closer; NaN counts as minus infinity.
        is_pos: (N, M) bool: which candidates are right.
        ignore: (N, M) bool: candidates that are neither right nor wrong. Positives are never ignored.

    Returns:
        (N,) float: 1 is best; inf where a query has no positive.

    Raises:
        ValueError: shapes differ.

    Example:
        >>> ranks(np.array([[0.9, 0.5, 0.7]]), np.array([[False, False, True]])).tolist()
        [2.0]
    """
    _same_shape(sim, is_pos, ignore)
    sim = np.where(np.isnan(sim), -np.inf, sim)
    wrong = ~is_pos if ignore is None else ~is_pos & ~ignore
    best = np.max(np.where(is_pos, sim, -np.inf), axis=1, initial=-np.inf)  # (N,)
    ahead = (wrong & (sim >= best[:, None])).sum(axis=1)
    return np.where(is_pos.any(axis=1), ahead + 1.0, np.inf)


def recall_at_k(rank: np.ndarray, k: int) -> float:
    """Share of queries whose rank is at most k, 0-1; NaN for no queries."""
    return float(np.mean(rank <= k)) if len(rank) else float("nan")


def median_rank(rank: np.ndarray) -> float:
    """Median of the ranks over all queries; a miss counts as inf, NaN for no queries."""
    if not len(rank):
        return float("nan")
    ordered = np.sort(rank)
    middle = ordered[(len(rank) - 1) // 2 : len(rank) // 2 + 1]  # one or two: inf + inf stays inf
    return float(middle.sum() / len(middle))


def mrr(rank: np.ndarray) -> float:
    """Mean reciprocal rank, 0-1; a miss counts 0, NaN for no queries."""
    return float(np.mean(1.0 / rank)) if len(rank) else float("nan")


def mean_average_precision(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None = None) -> float:
    """Mean over the queries of the average precision at their positives, 0-1; no positive counts 0.

    Args:
        sim: (N, M) float, higher is closer.
        is_pos: (N, M) bool.
        ignore: (N, M) bool: candidates left out.
    """
    _same_shape(sim, is_pos, ignore)
    sim = np.where(np.isnan(sim), -np.inf, sim)
    if ignore is not None:
        sim = np.where(ignore & ~is_pos, -np.inf, sim)
    # Ties count against: among equal similarities the positives come last.
    order = np.lexsort((is_pos, -sim), axis=1)
    right = np.take_along_axis(is_pos, order, axis=1)
    counted = right | ~np.take_along_axis(np.zeros_like(is_pos) if ignore is None else ignore, order, axis=1)
    precision = right.cumsum(axis=1) / np.maximum(counted.cumsum(axis=1), 1)
    return float(np.mean((precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)))


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


def bootstrap_interval(
    values: np.ndarray, groups: np.ndarray, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of `values` when whole groups are drawn with replacement.

    For a recall, `values` are hits (0 or 1); for a paired difference, hits of one system minus those of the other.

    Args:
        values: (N,) float.
        groups: (N,) of anything comparable: rows of one group stand or fall together.
        level: share of the draws inside the interval.
        draws: how many times.
        seed: of the draws.

    Returns:
        Lower and upper bound; NaN for no values.
    """
    if not len(values):
        return float("nan"), float("nan")
    _, member = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(member, weights=values), np.bincount(member)  # (G,)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(draws, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)  # (draws,)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _same_shape(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None) -> None:
    if sim.ndim != 2 or is_pos.shape != sim.shape or (ignore is not None and ignore.shape != sim.shape):
        raise ValueError(f"sim {sim.shape}, is_pos {is_pos.shape} and ignore must share one shape (N, M)")
