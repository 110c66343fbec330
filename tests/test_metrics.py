"""Retrieval metrics against loops written from their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from crossmodal.metrics import (
    bootstrap_interval,
    chance_recall_at_k,
    mean_average_precision,
    median_rank,
    mrr,
    ranks,
    recall_at_k,
)


def loop_rank(row: np.ndarray, positives: np.ndarray, ignored: np.ndarray) -> float:
    """The rank by its definition: one more than the wrong candidates that are not worse than the best positive."""
    if not positives.any():
        return float("inf")
    best = max(s for s, p in zip(row, positives, strict=True) if p)
    return 1.0 + sum(s >= best for s, p, i in zip(row, positives, ignored, strict=True) if not p and not i)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6), m=st.integers(1, 7))
def test_ranks_agree_with_the_definition(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    sim = rng.integers(0, 4, (n, m)).astype(float)  # few values: many ties
    is_pos, ignore = rng.random((n, m)) < 0.3, rng.random((n, m)) < 0.3
    expected = [loop_rank(*row) for row in zip(sim, is_pos, ignore, strict=True)]
    assert ranks(sim, is_pos, ignore).tolist() == expected


def test_a_constant_similarity_ranks_the_positive_last() -> None:
    assert ranks(np.zeros((3, 3)), np.eye(3, dtype=bool)).tolist() == [3.0, 3.0, 3.0]


def test_nan_ranks_last_and_never_first() -> None:
    sim = np.array([[np.nan, 0.1, -5.0], [0.3, np.nan, 0.2]])
    assert ranks(sim, np.array([[True, False, False], [True, False, False]])).tolist() == [3.0, 1.0]


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


def test_average_precision_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    sim, is_pos = rng.normal(size=(8, 12)), rng.random((8, 12)) < 0.3
    is_pos[:, 0] = True
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
