"""Samplers: what stands in a batch, that nothing is lost in silence, several processes, going on in mid-epoch."""

import itertools
import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.sampling import (
    BalancedBatches,
    OneRowPerGroup,
    PlannedBatches,
    UniqueTrackBatches,
    choose_batches,
    fitting_batch,
)

RELAXED = settings(deadline=None, max_examples=60, derandomize=True)
ids = st.lists(st.integers(0, 7), min_size=12, max_size=60).map(np.array)


def drawn(sampler: PlannedBatches) -> list[int]:
    return [row for batch in sampler.batches for row in batch.tolist()]


def make(kind: str, values: np.ndarray, **options: int) -> PlannedBatches:
    if kind == "balanced":
        return BalancedBatches(values, 2, 2, **options)
    return {"unique": UniqueTrackBatches, "one_a_group": OneRowPerGroup}[kind](values, 2, **options)


KINDS = ("balanced", "unique", "one_a_group")
SKEWED = np.array([0] * 9 + [1] * 4 + [2] * 3 + [3, 3, 4, 4, 5])


@RELAXED
@given(labels=ids, classes=st.integers(2, 3), per_class=st.integers(2, 3), seed=st.integers(0, 99))
def test_a_balanced_batch_has_p_classes_of_k_different_rows(
    labels: np.ndarray, classes: int, per_class: int, seed: int
) -> None:
    usable = [label for label in range(8) if (labels == label).sum() >= per_class]
    if len(usable) < classes:
        with pytest.raises(ValueError, match="Lower classes or per_class"):
            BalancedBatches(labels, classes, per_class)
        return
    sampler = BalancedBatches(labels, classes, per_class, seed=seed)
    assert len(sampler) > 0
    for batch in sampler.batches:
        assert len(set(batch.tolist())) == classes * per_class
        found, counts = np.unique(labels[batch], return_counts=True)
        assert len(found) == classes and (counts == per_class).all()
    assert sampler.dropped == len(labels) - len(set(drawn(sampler)))


@RELAXED
@given(counts=st.lists(st.integers(1, 6), min_size=3, max_size=8), seed=st.integers(0, 99))
def test_what_balanced_batches_leave_makes_no_further_batch(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), np.array(counts) * 2)  # stacks of K = 2 without a remainder
    sampler = BalancedBatches(labels, 3, 2, seed=seed)
    assert max(np.unique(drawn(sampler), return_counts=True)[1]) == 1
    left = np.setdiff1d(np.arange(len(labels)), drawn(sampler))
    assert len(np.unique(labels[left])) < 3


def test_every_row_of_a_class_comes_where_k_does_not_divide_it() -> None:
    labels = np.repeat(np.arange(4), 5)
    sampler = BalancedBatches(labels, 4, 2)
    assert sampler.dropped == 0 and len(sampler) == 3


def test_rows_without_a_class_and_small_classes_are_counted() -> None:
    sampler = BalancedBatches([0, 0, 1, 1, 2, -1, -1], 2, 2)
    assert sampler.dropped == 3 and sorted(drawn(sampler)) == [0, 1, 2, 3]


@RELAXED
@given(tracks=ids, size=st.integers(1, 8), seed=st.integers(0, 99))
def test_no_two_rows_of_a_unique_track_batch_share_a_track(tracks: np.ndarray, size: int, seed: int) -> None:
    if size > len(np.unique(tracks)):
        with pytest.raises(ValueError, match="Take at most"):
            UniqueTrackBatches(tracks, size)
        return
    sampler = UniqueTrackBatches(tracks, size, seed=seed)
    sizes = [len(batch) for batch in sampler.batches]
    assert max(sizes) <= size and max(sizes) - min(sizes) <= 1
    for batch in sampler.batches:
        assert len(np.unique(tracks[batch])) == len(batch)
    rows = drawn(sampler)
    assert len(rows) == len(set(rows)) == len(tracks) - sampler.dropped
    lost = np.bincount(tracks) - np.bincount(tracks[rows], minlength=tracks.max() + 1)
    assert (lost == np.maximum(np.bincount(tracks) - len(sampler), 0)).all()  # no more than must be


def test_names_serve_as_tracks() -> None:
    sampler = UniqueTrackBatches(["a", "b", "a", "c"], 2)
    assert sorted(drawn(sampler)) == [0, 1, 2, 3]


def test_one_row_of_each_group_is_drawn_anew_each_epoch() -> None:
    sampler = OneRowPerGroup(SKEWED, 4)
    epochs = []
    for _ in range(20):
        epochs.append(sorted(row for batch in sampler for row in batch))
        assert sorted(SKEWED[epochs[-1]]) == [0, 1, 2, 3, 4, 5]
    assert {row for epoch in epochs for row in epoch} == set(range(len(SKEWED)))
    assert [len(batch) for batch in sampler.batches] == [3, 3] and sampler.dropped == len(SKEWED) - 6


@pytest.mark.parametrize("kind", KINDS)
class TestEverySampler:
    def test_seed_and_epoch_alone_decide(self, kind: str) -> None:
        np.random.seed(1)
        first = [list(make(kind, SKEWED, seed=3)) for _ in range(2)]
        assert first[0] == first[1]
        sampler = make(kind, SKEWED, seed=3)
        epochs = [list(sampler) for _ in range(3)]
        assert epochs[0] == first[0] and epochs[0] != epochs[1] != epochs[2]
        sampler.set_epoch(1)
        assert list(sampler) == epochs[1]
        assert list(make(kind, SKEWED, seed=4)) != epochs[0]

    @pytest.mark.parametrize("world", [1, 2, 3, 7])
    def test_processes_share_the_batches_of_one_and_none_is_doubled(self, kind: str, world: int) -> None:
        alone = list(make(kind, SKEWED))
        parts = [list(make(kind, SKEWED, rank=rank, world=world)) for rank in range(world)]
        assert {len(part) for part in parts} == {len(alone)}
        together = [list(itertools.chain(*shares)) for shares in zip(*parts, strict=True)]
        assert together == alone

    @pytest.mark.parametrize("world", [1, 2])
    def test_a_run_goes_on_in_mid_epoch_with_any_number_of_processes(self, kind: str, world: int) -> None:
        whole = make(kind, SKEWED)
        batches = list(itertools.chain(whole, whole))
        cut = make(kind, SKEWED)
        per_epoch = len(cut)
        once = [*cut, next(iter(cut))]
        state = cut.state_dict()
        assert state["done"] == 1 and state["epoch"] == 1
        resumed = [make(kind, SKEWED, rank=rank, world=world) for rank in range(world)]
        for sampler in resumed:
            sampler.load_state_dict(state)
        rest = [list(itertools.chain(*shares)) for shares in zip(*resumed, strict=True)]
        assert once + rest == batches and len(rest) == per_epoch - 1
        assert len(list(resumed[0])) == len(resumed[0].batches)  # the epoch after it is whole

    def test_the_state_tells_what_was_used_where_a_loader_reads_ahead(self, kind: str) -> None:
        sampler = make(kind, SKEWED)
        ahead = list(itertools.islice(sampler, 2))
        other = make(kind, SKEWED)
        other.load_state_dict(sampler.state_dict(done=1))
        assert next(iter(other)) == ahead[1]

    def test_a_state_of_other_rows_or_seed_is_refused(self, kind: str) -> None:
        state = make(kind, SKEWED).state_dict()
        for other in (make(kind, SKEWED[:-1]), make(kind, SKEWED, seed=9)):
            with pytest.raises(ValueError, match="resume with the settings of that run"):
                other.load_state_dict(state)

    def test_a_loader_takes_it(self, kind: str) -> None:
        loader = torch.utils.data.DataLoader(torch.arange(len(SKEWED)), batch_sampler=make(kind, SKEWED))
        assert [batch.tolist() for batch in loader] == list(make(kind, SKEWED))


def test_rows_that_are_left_out_are_said_to_be(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        dropped = UniqueTrackBatches([0] * 10 + [1, 2], 2).dropped
    assert dropped == 7 and "7 of 12 rows are not drawn" in caplog.text  # three batches, each with a 0


def test_a_wish_shrinks_to_the_tracks_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert fitting_batch([1, 1, 2], 2) == 2 and not caplog.records
    assert fitting_batch([1, 1, 2], 64) == 2 and "shrink to 2" in caplog.text


def test_a_configuration_chooses_one_sampler() -> None:
    assert isinstance(choose_batches(SKEWED, 4, unique_track=True), UniqueTrackBatches)
    assert isinstance(choose_batches(SKEWED, 4, groups=SKEWED), OneRowPerGroup)
    balanced = choose_batches(SKEWED, 4, per_class=2, labels=SKEWED % 2)
    assert isinstance(balanced, BalancedBatches) and balanced.classes == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"unique_track": True, "per_class": 2}, "exclude each other"),
        ({}, "give one of"),
        ({"unique_track": True, "groups": SKEWED}, "give one of"),
        ({"per_class": 3}, "must divide"),
        ({"per_class": 1}, "at least 2"),
    ],
)
def test_what_contradicts_itself_is_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        choose_batches(SKEWED, 4, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("options", "says"), [({"rank": 2, "world": 2}, "rank is 2"), ({"rank": -1}, "rank is -1")])
def test_a_process_beyond_the_world_is_refused(options: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        UniqueTrackBatches(SKEWED, 2, **options)
    with pytest.raises(ValueError, match="batch_size is 0"):
        UniqueTrackBatches(SKEWED, 0)
