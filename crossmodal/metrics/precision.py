"""Average precision with any number of positives a query, as scikit-learn defines it."""

import numpy as np

from crossmodal.metrics.ranking import same_shape


def average_precisions(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None = None) -> np.ndarray:
    """Mean over each query's positives of the precision among all that is at least as close, (N,) float.

    Candidates that tie are one block, which counts whole (`average_precision_score` of scikit-learn).

    Args:
        sim: (N, M) float, higher is closer; NaN counts as minus infinity.
        is_pos: (N, M) bool; a query without a positive has 0.
        ignore: (N, M) bool: candidates left out.

    Raises:
        ValueError: shapes differ.
    """
    same_shape(sim, is_pos, ignore)
    sim = np.where(np.isnan(sim), -np.inf, sim)
    counted = np.ones_like(is_pos) if ignore is None else is_pos | ~ignore
    order = np.argsort(-sim, axis=1)
    ordered, right, counted = (np.take_along_axis(part, order, axis=1) for part in (sim, is_pos, counted))
    n_right, n_counted = right.cumsum(axis=1), counted.cumsum(axis=1)
    ends = np.ones_like(right)
    ends[:, :-1] = ordered[:, :-1] != ordered[:, 1:]
    places = np.where(ends, np.arange(sim.shape[1]), sim.shape[1] - 1)
    end = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]  # (N, M) where the block of each ends
    at_end = [np.take_along_axis(part, end, axis=1) for part in (n_right, n_counted)]
    precision = at_end[0] / np.maximum(at_end[1], 1)
    return (precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)


def mean_average_precision(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None = None) -> float:
    """Mean of `average_precisions` over the queries, 0-1; NaN for no queries. Arguments as there."""
    return float(np.mean(average_precisions(sim, is_pos, ignore))) if len(sim) else float("nan")
