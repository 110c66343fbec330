"""Batches of near rows: near but not too near, no two of a recording, going on in mid-epoch."""

import itertools

import numpy as np
import pytest
import torch

from crossmodal.sampling import HardNegativeBatches

ROWS, DIM = 400, 8


def clustered(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (N, D) round 20 centres, and a recording of two rows each, one in each half."""
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.normal(size=(20, DIM)), ROWS // 20, axis=0) + 0.1 * rng.normal(size=(ROWS, DIM))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.arange(ROWS) % (ROWS // 2)


def make(vectors: np.ndarray, tracks: np.ndarray, size: int = 16, **options: int) -> HardNegativeBatches:
    def neighbours(queries: np.ndarray, k: int) -> np.ndarray:
        return np.argsort(-queries @ vectors.T, axis=1, kind="stable")[:, :k]

    return HardNegativeBatches(tracks, size, neighbours, **options)


def mean_nearest(batches: list[np.ndarray], vectors: np.ndarray) -> float:
    values = []
    for batch in batches:
        sim = vectors[batch] @ vectors[batch].T - 2 * np.eye(len(batch))
        values.append(sim.max(1).mean())
    return float(np.mean(values))


def test_batches_hold_rows_that_lie_near_each_other() -> None:
    vectors, tracks = clustered()
    sampler = make(vectors, tracks)
    before = mean_nearest(sampler.batches, vectors)
    sampler.set_epoch(1)
    sampler.refresh(vectors)
    assert mean_nearest(sampler.batches, vectors) > before + 0.1


def test_no_two_rows_share_a_recording_and_none_comes_twice() -> None:
    vectors, tracks = clustered()
    sampler = make(vectors, tracks)
    sampler.refresh(vectors)
    for _ in range(3):
        batches = [np.array(batch) for batch in sampler]
        assert all(len(np.unique(tracks[batch])) == len(batch) for batch in batches)
        assert all(len(batch) == 16 for batch in batches if batch is not min(batches, key=len))
        rows = np.concatenate(batches)
        assert len(np.unique(rows)) == len(rows) > 0.9 * ROWS


def test_the_nearest_hundredth_and_the_own_recording_are_skipped() -> None:
    vectors, tracks = clustered()
    sampler = make(vectors, tracks, pool=10)
    sampler.refresh(vectors)
    assert sampler.near is not None
    order = np.argsort(-vectors @ vectors.T, axis=1, kind="stable")
    for row in range(ROWS):
        others = [near for near in order[row] if tracks[near] != tracks[row]]
        assert sampler.near[row].tolist() == others[4:14]  # ceil(1 % of 400) = 4


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_run_goes_on_in_mid_epoch_though_the_vectors_have_moved(refreshed: bool) -> None:
    vectors, tracks = clustered()
    sampler = make(vectors, tracks)
    if refreshed:
        sampler.refresh(vectors)
    begun = list(itertools.islice(iter(sampler), 5))
    sampler.refresh(clustered(1)[0])  # serves from the next plan on
    state = sampler.state_dict()
    resumed = make(vectors, tracks)
    resumed.load_state_dict(state)
    sampler.set_epoch(0)
    whole = list(sampler)
    assert begun + list(resumed) == whole and list(resumed) == list(sampler)


def test_the_state_is_plain_enough_to_be_read_back(tmp_path: object) -> None:
    vectors, tracks = clustered()
    sampler = make(vectors, tracks)
    sampler.refresh(vectors)
    len(sampler)
    torch.save(sampler.state_dict(), tmp_path / "state.pt")  # type: ignore[operator]
    other = make(vectors, tracks)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))  # type: ignore[operator]
    assert list(other) == list(sampler)


def test_processes_that_know_the_same_vectors_share_the_batches_of_one() -> None:
    vectors, tracks = clustered()
    parts = [make(vectors, tracks, rank=rank, world=world) for world in (1, 3) for rank in range(world)]
    for sampler in parts:
        sampler.refresh(vectors)
    alone, *shares = [list(sampler) for sampler in parts]
    assert [list(itertools.chain(*three)) for three in zip(*shares, strict=True)] == alone


def test_wrong_input_is_named() -> None:
    vectors, tracks = clustered()
    with pytest.raises(ValueError, match=r"vectors is \(3, 8\)"):
        make(vectors, tracks).refresh(vectors[:3])
    with pytest.raises(ValueError, match="per_anchor is 9"):
        make(vectors, tracks, per_anchor=9, pool=8)
    with pytest.raises(ValueError, match="Take at most 200"):
        make(vectors, tracks, size=201)
    broken = HardNegativeBatches(tracks, 16, lambda queries, k: np.zeros((len(queries), 1), int))
    with pytest.raises(ValueError, match="neighbours gave"):
        broken.refresh(vectors)
