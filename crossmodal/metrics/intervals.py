"""How far a mean may be off: bootstrap intervals where whole groups are drawn."""

import numpy as np


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
