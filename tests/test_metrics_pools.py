"""Smaller pools, hubs and coverage against loops, SciPy and random orders."""

import numpy as np
import pytest
from scipy.stats import hypergeom, skew

from crossmodal.metrics import (
    chance_coverage,
    chance_hubness,
    chance_recall_at_k,
    coverage,
    hubness,
    occurrences,
    pool_recall,
    recall_in_pools,
    standings,
)


def noisy(n: int, seed: int = 0) -> np.ndarray:
    """(n, n) with a diagonal that stands out somewhat; whole numbers, so that there are ties."""
    rng = np.random.default_rng(seed)
    return np.round(8 * (rng.normal(size=(n, n)) + 1.2 * np.eye(n)))


def test_drawn_pools_tend_to_the_hypergeometric_distribution() -> None:
    sim, own = noisy(60), np.eye(60, dtype=bool)
    drawn = recall_in_pools(sim, np.zeros_like(own), 20, draws=600)
    for k, value in drawn.recall.items():
        expected = pool_recall(standings(sim, own), 60, 20, k).mean()
        assert value == pytest.approx(expected, abs=0.012)
        assert drawn.spread[k][0] <= value <= drawn.spread[k][1]


def test_without_ties_the_expectation_is_scipys() -> None:
    found = standings(np.random.default_rng(1).normal(size=(50, 50)), np.eye(50, dtype=bool))
    expected = hypergeom.cdf(4, 49, found.ahead, 14)
    assert pool_recall(found, 50, 15, 5) == pytest.approx(expected)


def test_a_large_pool_stays_exact() -> None:
    found = standings(np.array([[0.0] + [1.0] * 700 + [-1.0] * 99_299]), np.eye(1, 100_000, dtype=bool))
    assert pool_recall(found, 100_000, 1000, 10)[0] == pytest.approx(hypergeom.cdf(9, 99_999, 700, 999), rel=1e-6)


def test_the_whole_pool_is_its_own_sub_pool_and_a_pool_of_one_is_no_feat() -> None:
    sim, own = noisy(30), np.eye(30, dtype=bool)
    found = standings(sim, own)
    assert recall_in_pools(sim, ~own & False, 30, draws=2).recall[5] == pytest.approx(found.hits(5).mean())
    assert pool_recall(found, 30, 30, 5) == pytest.approx(found.hits(5))
    assert recall_in_pools(sim, ~own & False, 1, draws=3).recall[1] == 1.0
    assert pool_recall(found, 30, 1, 1) == pytest.approx(np.ones(30))


def test_the_same_seed_draws_the_same_pools() -> None:
    sim, none = noisy(40), np.zeros((40, 40), bool)
    first, again, other = (recall_in_pools(sim, none, 10, draws=5, seed=seed) for seed in (3, 3, 4))
    assert first == again and first.recall != other.recall


def test_ignored_candidates_count_in_no_pool() -> None:
    sim, own = noisy(30), np.eye(30, dtype=bool)
    assert recall_in_pools(sim, ~own, 10, draws=5).recall[1] == 1.0


def test_a_constant_reaches_chance_in_every_pool() -> None:
    none = np.zeros((40, 40), bool)
    figures = recall_in_pools(np.zeros((40, 40)), none, 20, draws=3)
    assert figures.recall[10] == pytest.approx(chance_recall_at_k(np.eye(20, dtype=bool), 10))
    assert figures.median_rank == 10.5


def test_occurrences_count_who_is_shown() -> None:
    sim = np.array([[3.0, 2.0, 1.0], [3.0, np.nan, 1.0], [1.0, 2.0, 3.0]])
    assert occurrences(sim, k=1).tolist() == [2, 0, 1]
    assert occurrences(sim, k=2).tolist() == [2, 2, 2]
    assert coverage(occurrences(sim, k=1)) == pytest.approx(2 / 3)


def test_hubness_is_the_skewness_of_scipy_and_a_hub_raises_it() -> None:
    rng = np.random.default_rng(2)
    sim = rng.normal(size=(200, 200))
    counts = occurrences(sim)
    assert hubness(counts) == pytest.approx(skew(counts))
    sim[:, :5] += 3
    assert hubness(occurrences(sim)) > 4 > hubness(counts) and coverage(occurrences(sim)) < coverage(counts)
    assert hubness(np.full(5, 3)) == 0.0


def test_chance_of_hubs_and_coverage_is_what_random_orders_give() -> None:
    rng = np.random.default_rng(3)
    drawn = [occurrences(rng.random((40, 60)), k=3) for _ in range(400)]
    assert chance_coverage(40, 60, 3) == pytest.approx(np.mean([coverage(c) for c in drawn]), abs=0.01)
    assert chance_hubness(40, 60, 3) == pytest.approx(skew(np.concatenate(drawn)), abs=0.05)
