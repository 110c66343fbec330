"""Hubs: candidates that are among the nearest of many queries, and those that nobody is ever shown.

Radovanovic et al., JMLR 2010: N_k(x), how often x is among the k nearest; its skewness says how strong the hubs are.
"""

import numpy as np


def occurrences(sim: np.ndarray, k: int = 10) -> np.ndarray:
    """How often each candidate is among the k nearest of a query, (M,) int64.

    Args:
        sim: (N, M) float, higher is closer; NaN counts as minus infinity. Of tied candidates the later comes first.
        k: at most M are taken.
    """
    sim = np.where(np.isnan(sim), -np.inf, sim)
    k = min(k, sim.shape[1])
    nearest = np.argsort(sim, axis=1, kind="stable")[:, sim.shape[1] - k :]
    return np.bincount(nearest.ravel(), minlength=sim.shape[1])


def hubness(counts: np.ndarray) -> float:
    """Skewness of the occurrences, third standardised moment: near 0 without hubs, 0 where all are shown alike."""
    centred = counts - counts.mean()
    deviation = np.sqrt(np.mean(centred**2))
    return float(np.mean(centred**3) / deviation**3) if deviation > 0 else 0.0


def coverage(counts: np.ndarray) -> float:
    """Share of the candidates that occur at all, 0-1."""
    return float(np.mean(counts > 0))


def chance_hubness(n_queries: int, n_candidates: int, k: int = 10) -> float:
    """Skewness where each query draws its k at random: that of a binomial distribution."""
    share = min(k, n_candidates) / n_candidates
    spread = n_queries * share * (1 - share)
    return float((1 - 2 * share) / np.sqrt(spread)) if spread > 0 else 0.0


def chance_coverage(n_queries: int, n_candidates: int, k: int = 10) -> float:
    """Coverage where each query draws its k at random."""
    return float(1 - (1 - min(k, n_candidates) / n_candidates) ** n_queries)
