"""Retrieval metrics against loops written from their definitions."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score, top_k_accuracy_score

from crossmodal.metrics import (
    bootstrap_interval,
    chance_recall_at_k,
    mean_average_precision,
    median_rank,
    mrr,
    ranks,
    recall_at_k,
    standings,
)


def loop_rank(row: np.ndarray, positives: np.ndarray, ignored: np.ndarray) -> float:
    """The mean rank of the first positive over every order of the candidates that keeps closer ones first."""
    if not positives.any():
        return float("inf")
    left = [(value, right) for value, right, out in zip(row, positives, ignored, strict=True) if right or not out]
    orders = [order for order in permutations(left) if all(a[0] >= b[0] for a, b in pairwise(order))]
    return float(np.mean([next(k for k, (_, right) in enumerate(order, 1) if right) for order in orders]))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 3), m=st.integers(1, 6))
def test_ranks_agree_with_the_definition(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    sim = rng.integers(0, 4, (n, m)).astype(float)  # few values: many ties
    is_pos, ignore = rng.random((n, m)) < 0.3, rng.random((n, m)) < 0.3
    expected = [loop_rank(*row) for row in zip(sim, is_pos, ignore, strict=True)]
    assert ranks(sim, is_pos, ignore) == pytest.approx(np.array(expected))


def test_a_constant_similarity_is_worth_chance_and_at_worst_the_last_rank() -> None:
    found = standings(np.zeros((3, 3)), np.eye(3, dtype=bool))
    assert found.expected().tolist() == [2.0, 2.0, 2.0] and found.worst().tolist() == [3.0, 3.0, 3.0]
    assert found.hits(1) == pytest.approx(np.full(3, 1 / 3)) and found.tied_share() == 1.0


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 9))
def test_hits_on_ties_are_what_random_orders_of_the_tied_give(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    sim, is_pos, ignore = rng.integers(0, 3, 8).astype(float), rng.random(8) < 0.3, rng.random(8) < 0.2
    jitter = sim + 0.5 * rng.random((3000, 8))
    trials = ranks(jitter, np.tile(is_pos, (3000, 1)), np.tile(ignore, (3000, 1)))
    found = standings(sim[None], is_pos[None], ignore[None])
    assert found.hits(k)[0] == pytest.approx(recall_at_k(trials, k), abs=0.045)
    if is_pos.any():
        assert found.expected()[0] == pytest.approx(trials.mean(), abs=0.2)


def test_recall_agrees_with_scikit_learn() -> None:
    sim = np.random.default_rng(2).normal(size=(40, 40))
    for k in (1, 5, 10):
        expected = top_k_accuracy_score(np.arange(40), sim, k=k, labels=np.arange(40))
        assert standings(sim, np.eye(40, dtype=bool)).hits(k).mean() == pytest.approx(expected)


def test_nan_ranks_last_and_never_first() -> None:
    sim = np.array([[np.nan, 0.1, -5.0], [0.3, np.nan, 0.2]])
    assert ranks(sim, np.array([[True, False, False], [True, False, False]])).tolist() == [3.0, 1.0]
    assert ranks(np.full((1, 4), np.nan), np.eye(1, 4, dtype=bool)).tolist() == [4.0]


def test_ignored_candidates_are_neither_right_nor_wrong() -> None:
    sim, is_pos = np.array([[0.5, 0.9, 0.1]]), np.array([[True, False, False]])
    assert ranks(sim, is_pos).tolist() == [2.0]
    assert ranks(sim, is_pos, np.array([[False, True, False]])).tolist() == [1.0]


def test_misses_count_in_recall_median_and_mrr() -> None:
    rank = np.array([1.0, np.inf, np.inf, 4.0])
    assert recall_at_k(rank, 4) == 0.5
    assert median_rank(rank) == np.inf
    assert mrr(rank) == pytest.approx((1 + 0.25) / 4)


def test_no_queries_give_nan() -> None:
    empty = np.array([])
    assert np.isnan([recall_at_k(empty, 1), median_rank(empty), mrr(empty), *bootstrap_interval(empty, empty)]).all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), values=st.sampled_from([2, 5, 10_000]))
def test_average_precision_agrees_with_scikit_learn_on_ties_too(seed: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    sim, is_pos = rng.integers(0, values, (8, 12)).astype(float), rng.random((8, 12)) < 0.3
    is_pos[:, 0] = True
    assert mean_average_precision(sim, is_pos) == pytest.approx(label_ranking_average_precision_score(is_pos, sim))
    expected = np.mean([average_precision_score(p, s) for p, s in zip(is_pos, sim, strict=True)])
    assert mean_average_precision(sim, is_pos) == pytest.approx(expected)


def test_average_precision_leaves_ignored_candidates_out() -> None:
    rng = np.random.default_rng(4)
    sim, is_pos = rng.normal(size=(5, 9)), rng.random((5, 9)) < 0.3
    is_pos[:, 0] = True
    ignore = (rng.random((5, 9)) < 0.3) & ~is_pos
    rows = [average_precision_score(p[~i], s[~i]) for p, s, i in zip(is_pos, sim, ignore, strict=True)]
    assert mean_average_precision(sim, is_pos, ignore) == pytest.approx(np.mean(rows))


def test_chance_is_what_random_orders_reach() -> None:
    rng = np.random.default_rng(5)
    is_pos, ignore = rng.random((6, 15)) < 0.15, rng.random((6, 15)) < 0.2
    trials = [recall_at_k(ranks(rng.random((6, 15)), is_pos, ignore), 3) for _ in range(4000)]
    assert chance_recall_at_k(is_pos, 3, ignore) == pytest.approx(np.mean(trials), abs=0.01)


def test_interval_by_group_is_wider_than_by_row_when_groups_agree() -> None:
    groups = np.repeat(np.arange(8), 20)
    hits = np.repeat(np.array([1, 1, 0, 1, 0, 1, 1, 0.0]), 20)
    by_group, by_row = bootstrap_interval(hits, groups), bootstrap_interval(hits, np.arange(160))
    assert by_group[0] < by_row[0] < hits.mean() < by_row[1] < by_group[1]


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.random(80) < 0.7, np.arange(80), draws=400, seed=seed)
        covered += low <= 0.7 <= high
    assert 178 <= covered <= 199


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        ranks(np.zeros((2, 3)), np.zeros((3, 2), bool))
