"""Recall in smaller pools, so that figures from pools of different sizes can be set side by side."""

from dataclasses import dataclass
from math import exp, lgamma

import numpy as np

from crossmodal.metrics.ranking import Standings, standings


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """Recall in pools of one size.

    Args:
        size: rows of a pool.
        draws: how many pools were drawn.
        recall: depth -> mean over the draws.
        spread: depth -> 10th and 90th percentile over the draws.
        median_rank: mean over the draws of the median rank.
    """

    size: int
    draws: int
    recall: dict[int, float]
    spread: dict[int, tuple[float, float]]
    median_rank: float


def recall_in_pools(
    sim: np.ndarray,
    ignore: np.ndarray,
    size: int,
    *,
    depths: tuple[int, ...] = (1, 5, 10),
    draws: int = 1000,
    seed: int = 0,
) -> PoolFigures:
    """Recall where `size` rows are drawn, each of which looks for its own among them.

    Args:
        sim: (N, N) float: row i belongs to column i.
        ignore: (N, N) bool: candidates that are neither right nor wrong.
        size: of a pool, 1 to N.
        depths: the k of the recalls.
        draws: how many pools.
        seed: of the draws: the same rows for every system.
    """
    rng = np.random.default_rng(seed)
    own = np.eye(size, dtype=bool)
    recalls, medians = np.empty((draws, len(depths))), np.empty(draws)
    for draw in range(draws):
        rows = np.sort(rng.choice(len(sim), size, replace=False))
        cell = np.ix_(rows, rows)
        found = standings(sim[cell], own, ignore[cell])
        recalls[draw] = [found.hits(k).mean() for k in depths]
        medians[draw] = np.median(found.expected())
    low, high = np.quantile(recalls, [0.1, 0.9], axis=0)
    return PoolFigures(
        size=size,
        draws=draws,
        recall={k: float(value) for k, value in zip(depths, recalls.mean(axis=0), strict=True)},
        spread={k: (float(a), float(b)) for k, a, b in zip(depths, low, high, strict=True)},
        median_rank=float(medians.mean()),
    )


def pool_recall(found: Standings, pool: int, size: int, k: int) -> np.ndarray:
    """What `recall_in_pools` tends to with endless draws, (N,) float: the hypergeometric distribution.

    Each query keeps its own; `size - 1` of the other `pool - 1` candidates are drawn beside it.

    Args:
        found: standings in the whole pool, one positive a query.
        pool: candidates in it.
        size: of the smaller pool, 1 to `pool`.
        k: depth.
    """
    most = int((found.ahead + found.tied).max(initial=0))
    below = [_drawn_below(ahead, pool - 1, size - 1, k) for ahead in range(most + 1)]
    sums = np.concatenate([[0.0], np.cumsum(below)])  # tied: the mean over the places that they fill
    first, last = found.ahead, found.ahead + found.tied + 1
    return np.where(found.right > 0, (sums[last] - sums[first]) / (last - first), 0.0)


def _drawn_below(ahead: int, others: int, drawn: int, k: int) -> float:
    """Probability that fewer than k of `ahead` are among `drawn` out of `others`."""
    least, most = max(0, drawn - (others - ahead)), min(ahead, drawn)
    whole = _log_ways(others, drawn)
    terms = (_log_ways(ahead, n) + _log_ways(others - ahead, drawn - n) for n in range(least, min(k - 1, most) + 1))
    return min(sum(exp(term - whole) for term in terms), 1.0)


def _log_ways(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
