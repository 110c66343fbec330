"""Ranks and precisions block by block against the whole matrix: ties, ids, odd sizes, vectors that lie together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.metrics import label_ranking_average_precision_score

from crossmodal.metrics import Standings, chunks, precisions_of, ranks_of, standings


def unit(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """(n, d) float32 unit rows."""
    rows = rng.normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def whole(queries: np.ndarray, items: np.ndarray) -> np.ndarray:
    """(N, M) float64, each product summed in the same order."""
    return (queries[:, None].astype(np.float64) * items[None]).sum(axis=2)


def assert_same(found: Standings, expected: Standings) -> None:
    """Field by field."""
    for name in ("ahead", "tied", "right"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name


@pytest.fixture(params=[(1024, 4096), (3, 8), (1, 16)])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of every shape: what comes out must not depend on it."""
    monkeypatch.setattr(chunks, "ROWS", request.param[0])
    monkeypatch.setattr(chunks, "COLUMNS", request.param[1])
    monkeypatch.setattr(chunks, "PAIRS", 7)


@pytest.mark.usefixtures("block")
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 9), m=st.integers(1, 30), whole_numbers=st.booleans())
def test_ranks_are_those_of_the_whole_matrix(seed: int, n: int, m: int, whole_numbers: bool) -> None:
    rng = np.random.default_rng(seed)
    queries, items = (
        rng.integers(-1, 2, (k, 3)).astype(np.float32) if whole_numbers else unit(rng, k, 3) for k in (n, m)
    )
    query_ids, item_ids = rng.integers(0, 4, n), rng.integers(0, 4, m)
    expected = standings(whole(queries, items), query_ids[:, None] == item_ids)
    found = ranks_of(queries, items, query_ids, item_ids)
    has = expected.right > 0
    assert (found.right > 0).tolist() == has.tolist()
    assert found.expected().tolist() == expected.expected().tolist()
    assert found.worst().tolist() == expected.worst().tolist()


@pytest.mark.usefixtures("block")
def test_other_rows_of_the_own_id_are_neither_right_nor_wrong() -> None:
    rng = np.random.default_rng(1)
    queries, items, ids = unit(rng, 40, 4), unit(rng, 40, 4), rng.integers(0, 9, 40)
    items[7] = items[3]
    own = np.eye(40, dtype=bool)
    expected = standings(whole(queries, items), own, (ids[:, None] == ids) & ~own)
    assert_same(ranks_of(queries, items, ids, ids, own=np.arange(40)), expected)


def test_equal_vectors_tie_wherever_they_stand() -> None:
    rng = np.random.default_rng(2)
    items = np.tile(unit(rng, 1, 130), (5001, 1))
    found = ranks_of(unit(rng, 3, 130), items, np.arange(3), np.arange(5001))
    assert found.ahead.tolist() == [0, 0, 0] and found.tied.tolist() == [5000, 5000, 5000]


def test_what_float32_cannot_tell_apart_is_told_apart() -> None:
    rng = np.random.default_rng(3)
    queries, items = unit(rng, 20, 64), unit(rng, 1, 64) + 1e-7 * rng.normal(size=(300, 64))
    ids = rng.integers(0, 300, 20)
    expected = standings(whole(queries, items), ids[:, None] == np.arange(300))
    assert_same(ranks_of(queries, items, ids, np.arange(300)), expected)
    rounded = standings(queries @ items.astype(np.float32).T, ids[:, None] == np.arange(300))
    assert rounded.ahead.tolist() != expected.ahead.tolist()


def test_larger_pools_than_a_block_and_rows_by_place() -> None:
    rng = np.random.default_rng(4)
    queries = unit(rng, 1500, 16)
    items = queries + 0.4 * unit(rng, 1500, 16)
    assert_same(ranks_of(queries, items), standings(whole(queries, items), np.eye(1500, dtype=bool)))


def test_precisions_agree_with_pytorch_metric_learning() -> None:
    rng = np.random.default_rng(5)
    query_ids, item_ids = rng.integers(0, 25, 300), rng.integers(0, 25, 400)
    centres = unit(rng, 25, 12)
    queries, items = (unit(rng, len(ids), 12) + centres[ids] for ids in (query_ids, item_ids))
    queries, items = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, items))
    names = ("precision_at_1", "mean_average_precision", "r_precision")
    peer = AccuracyCalculator(include=names, k=400, knn_func=CustomKNN(CosineSimilarity())).get_accuracy(
        queries, query_ids, items, item_ids, ref_includes_query=False
    )
    found = precisions_of(queries, items, query_ids, item_ids)
    ours = [found.first.mean(), found.average.mean(), found.r.mean()]
    assert ours == pytest.approx([peer[name] for name in names], abs=1e-6)


@pytest.mark.usefixtures("block")
def test_precisions_on_ties_agree_with_scikit_learn_and_with_counting() -> None:
    rng = np.random.default_rng(6)
    queries, items = (rng.integers(-1, 2, (k, 3)).astype(np.float32) for k in (20, 33))
    query_ids, item_ids = rng.integers(0, 3, 20), rng.integers(0, 3, 33)
    is_pos = query_ids[:, None] == item_ids
    found, sim = precisions_of(queries, items, query_ids, item_ids), queries @ items.T
    assert found.average.mean() == pytest.approx(label_ranking_average_precision_score(is_pos, sim))
    shuffled = sim + 0.5 * rng.random((2000, 20, 33))
    ordered = np.take_along_axis(np.broadcast_to(is_pos, shuffled.shape), np.argsort(-shuffled, axis=2), axis=2)
    assert found.first == pytest.approx(ordered[..., 0].mean(axis=0), abs=0.05)
    r = [ordered[:, k, : is_pos[k].sum()].mean() for k in range(20)]
    assert found.r == pytest.approx(np.array(r), abs=0.03)


def test_a_query_without_its_id_among_the_items_is_a_miss() -> None:
    rows = np.eye(3, dtype=np.float32)
    found = ranks_of(rows, rows, np.array([0, 9, 2]), np.arange(3))
    assert found.expected().tolist() == [1.0, np.inf, 1.0] and found.hits(3).tolist() == [1.0, 0.0, 1.0]
    assert precisions_of(rows, rows, np.array([0, 9, 2]), np.arange(3)).average.tolist() == [1.0, 0.0, 1.0]


def test_what_does_not_belong_together_is_refused_in_words() -> None:
    rows = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match=r"\(3, 3\) and items \(3, 2\)"):
        ranks_of(rows, rows[:, :2])
    with pytest.raises(ValueError, match="not finite"):
        ranks_of(rows, rows * np.nan)
    with pytest.raises(ValueError, match="2 queries and 3 items"):
        ranks_of(rows[:2], rows)
    with pytest.raises(ValueError, match="own"):
        ranks_of(rows, rows, np.arange(3), np.arange(3), own=np.array([0, 2, 1]))
