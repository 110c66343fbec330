"""The vector index: exact, by id, at any share; and the file that it is saved in."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from catalogue.made import content, found, made_embedding
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.catalogue import FaissIndex, index_path, open_index, save_index
from crossmodal.errors import CatalogueError


def unit(n: int, dim: int = 6, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def by_hand(rows: dict[int, np.ndarray], query: np.ndarray, k: int, among: set[int] | None) -> list[int]:
    """Oracle: every inner product in a plain loop, best first, ties by id."""
    scored = [(-float(np.float32(v @ query)), i) for i, v in rows.items() if among is None or i in among]
    return [i for _, i in sorted(scored)[:k]]


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_history_finds_what_plain_loops_find(data):
    pool, index, rows = unit(30, seed=1), FaissIndex(6), {}
    for _ in range(data.draw(st.integers(1, 5))):
        ids = data.draw(st.lists(st.integers(0, 20), min_size=1, max_size=8))
        if data.draw(st.booleans()):
            vectors = pool[data.draw(st.lists(st.integers(0, 29), min_size=len(ids), max_size=len(ids), unique=True))]
            index.add(np.array(ids), vectors)
            rows.update(dict(zip(ids, vectors, strict=True)))
        else:
            index.remove(np.array(ids))
            rows = {i: v for i, v in rows.items() if i not in ids}
    among = data.draw(st.none() | st.sets(st.integers(0, 25)))
    k, query = data.draw(st.integers(0, 30)), unit(1, seed=9)
    scores, ids = index.search(query, k, None if among is None else np.array(sorted(among), np.int64))
    assert ids[0].tolist() == by_hand(rows, query[0], k, among)
    assert (np.diff(scores[0]) <= 0).all() and len(index) == len(rows)


def test_fewer_than_k_are_fewer_and_never_minus_one():
    index = FaissIndex(6)
    assert index.search(unit(2), 5)[1].shape == (2, 0)
    index.add(np.array([7]), unit(1))
    assert index.search(unit(2), 5)[1].tolist() == [[7], [7]]


def test_a_known_id_is_replaced():
    index, rows = FaissIndex(6), unit(2)
    index.add(np.array([1]), rows[:1])
    index.add(np.array([1]), rows[1:])
    scores, ids = index.search(rows[1:], 5)
    assert ids.tolist() == [[1]] and scores[0, 0] == pytest.approx(1)


def test_silence_is_kept_out():
    index = FaissIndex(6)
    index.add(np.array([1, 2]), np.stack([np.zeros(6, np.float32), unit(1)[0]]))
    assert index.ids().tolist() == [2]


def test_ties_stand_by_id_even_at_the_edge():
    index = FaissIndex(6)
    index.add(np.arange(40)[::-1].copy(), np.repeat(unit(1), 40, 0))
    assert index.search(unit(1), 5)[1].tolist() == [[0, 1, 2, 3, 4]]


def test_one_of_a_hundred_thousand_is_found_among_one():
    index = FaissIndex(4)
    index.add(np.arange(20_000), unit(20_000, 4))
    assert index.search(unit(1, 4, 5), 10, np.array([12_345, 999_999]))[1].tolist() == [[12_345]]


def test_vectors_of_another_width_are_told_what_to_do():
    with pytest.raises(CatalogueError, match="another model") as caught:
        FaissIndex(6).search(unit(1, 4), 1)
    assert caught.value.kind == "other_model"


def test_a_saved_index_is_the_same(tmp_path):
    index = FaissIndex(6, "abc")
    index.add(np.arange(9), unit(9))
    index.save(tmp_path / "i.faiss")
    again = FaissIndex.load(tmp_path / "i.faiss")
    assert again.generation == "abc" and again.ids().tolist() == list(range(9))
    np.testing.assert_array_equal(again.search(unit(3, seed=4), 9)[0], index.search(unit(3, seed=4), 9)[0])


def fill(catalogue, n: int, start: int = 0) -> None:
    for seed in range(start, start + n):
        catalogue.put_track(content(f"t{seed}"), found(f"/t{seed}"), "m", made_embedding(seed))


def test_a_saved_index_of_another_generation_is_not_used(catalogue):
    fill(catalogue, 3)
    assert len(save_index(catalogue, "m")) == 3
    fill(catalogue, 2, start=3)
    index = open_index(catalogue, "m")
    assert index.ids().tolist() == catalogue.embeddings("m").ids.tolist() and index.generation == catalogue.generation()


@pytest.mark.parametrize(
    "harm", [lambda b: b[:100], lambda b: b"", lambda b: b[:-9] + b"harmed!!!", lambda b: b"x" * 999]
)
def test_a_damaged_index_is_made_again_with_one_line(catalogue, caplog, harm):
    fill(catalogue, 3)
    save_index(catalogue, "m")
    path = index_path(catalogue, "m")
    path.write_bytes(harm(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        index = open_index(catalogue, "m")
    assert len(index) == 3 and len(caplog.records) == 1 and "\n" not in caplog.records[0].getMessage()


def test_an_index_of_nothing_answers_nothing(catalogue):
    index = save_index(catalogue, "m")
    assert len(index) == 0 and open_index(catalogue, "m").search(np.zeros((1, index.dim), np.float32), 3)[1].shape == (
        1,
        0,
    )


def test_a_faiss_that_another_library_changed_is_searched_all_the_same():
    """In a process of its own: what `faiss.contrib.torch_utils` does to FAISS stays done."""
    code = (
        "import faiss.contrib.torch_utils, numpy as np; from crossmodal.catalogue import FaissIndex; "
        "index = FaissIndex(2); index.add(np.array([4, 7]), np.eye(2, dtype=np.float32)); "
        "print(index.search(np.eye(2, dtype=np.float32), 1, among=np.array([7]))[1].ravel())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[7 7]", done.stderr[-800:]
