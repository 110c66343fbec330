"""Tiled losses against the whole matrix: value, gradients, every pair loss that there is, every kind of similarity."""

import gc
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crossmodal.losses import PAIR_LOSSES, CrossModalLoss, Extra, InfoNCE, PairBatch, PairLoss, SideBatch
from crossmodal.losses.tiled import TiledLoss
from crossmodal.sampling import Hard, left_out
from crossmodal.similarity import Similarity, cosine

RELAXED = settings(deadline=None, max_examples=15, derandomize=True)


def draw(seed: int, rows: tuple[int, int], classes: int = 5, **fields: bool) -> PairBatch:
    """Rows in float64 that ask for gradients; several rows of an id on both sides."""
    generator = torch.Generator().manual_seed(seed)
    sides = []
    for count in rows:
        vectors = torch.randn(count, 4, generator=generator, dtype=torch.float64).requires_grad_()
        ids = torch.randint(0, classes, (count,), generator=generator)
        domain = torch.randint(0, 2, (count,), generator=generator) if fields.get("domain") else None
        weight = torch.rand(count, generator=generator, dtype=torch.float64) if fields.get("weight") else None
        sides.append(SideBatch(ids, vectors, domain=domain, weight=weight))
    return PairBatch(*sides)


def value_and_gradients(loss: torch.nn.Module, batch: PairBatch) -> list[Tensor]:
    inputs = [batch.video.vectors, batch.audio.vectors, *(p for p in loss.parameters() if p.requires_grad)]
    value = loss(batch)
    return [value.detach(), *torch.autograd.grad(value, inputs)]


def live_entries() -> int:
    """Numbers in all tensors that are alive."""
    gc.collect()
    return sum(part.numel() for part in gc.get_objects() if type(part) is Tensor)


def assert_equal(tiled: TiledLoss, batch: PairBatch) -> None:
    found = value_and_gradients(tiled, batch)
    expected = value_and_gradients(CrossModalLoss(vectors=tiled.loss), batch)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", PAIR_LOSSES)
class TestEveryPairLoss:
    @RELAXED
    @given(
        rows=st.tuples(st.integers(1, 9), st.integers(1, 9)),
        entries=st.integers(1, 60),
        seed=st.integers(0, 999),
        domain=st.booleans(),
        weight=st.booleans(),
    )
    def test_value_and_gradients_are_those_of_the_whole_matrix(
        self, name: str, rows: tuple[int, int], entries: int, seed: int, domain: bool, weight: bool
    ) -> None:
        batch = draw(seed, rows, domain=domain, weight=weight)
        assert_equal(TiledLoss(PAIR_LOSSES[name]().double(), block_entries=entries), batch)

    def test_rows_of_one_kind_only_are_absent_alike(self, name: str) -> None:
        for classes in (1, 10**6):  # positives only; negatives only
            assert_equal(TiledLoss(PAIR_LOSSES[name]().double(), block_entries=8), draw(3, (5, 7), classes))

    def test_without_gradients_the_value_is_the_same(self, name: str) -> None:
        batch, loss = draw(1, (6, 5)), PAIR_LOSSES[name]().double()
        with torch.no_grad():
            found = TiledLoss(loss, block_entries=7)(batch)
            torch.testing.assert_close(found, CrossModalLoss(vectors=loss)(batch))

    def test_no_array_of_all_pairs_is_ever_made(self, name: str) -> None:
        class Watch(TorchDispatchMode):
            largest = 0

            def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                out = func(*args, **(kwargs or {}))
                for part in out if isinstance(out, tuple | list) else [out]:
                    if isinstance(part, Tensor):
                        self.largest = max(self.largest, part.untyped_storage().nbytes())
                return out

        batch = draw(1, (200, 200), classes=150)
        with Watch() as watch:
            TiledLoss(PAIR_LOSSES[name]().double(), block_entries=1000)(batch).backward()
        assert watch.largest <= 4 * 8 * 1000  # 320,000 for all pairs in float64, 40,000 as bool

    def test_nothing_of_a_block_outlives_it(self, name: str) -> None:
        batch, loss = draw(1, (300, 300), classes=200), TiledLoss(PAIR_LOSSES[name]().double(), block_entries=3000)
        before = live_entries()
        value = loss(batch)
        assert live_entries() - before < 12 * 600 * 4  # a few arrays of (N + M, D); all blocks have 90,000
        assert value.requires_grad

    @pytest.mark.parametrize("rows", [(0, 0), (0, 3), (3, 0)])
    def test_a_side_without_rows_gives_zero(self, name: str, rows: tuple[int, int]) -> None:
        value, *gradients = value_and_gradients(TiledLoss(PAIR_LOSSES[name]().double()), draw(0, rows))
        assert value == 0 and all(gradient.count_nonzero() == 0 for gradient in gradients)


class TwoParts(PairLoss):
    """A part that counts what is not zero, which a block alone cannot know, and one that counts negatives."""

    needs: ClassVar = frozenset()

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        lack = torch.where(is_pos, (0.4 - sim).relu(), 0)
        return [(lack.sum(1), (lack > 0).sum(1)), (torch.where(is_neg, sim.square(), 0).sum(1), is_neg.sum(1))]


@pytest.mark.parametrize("kind", Similarity)
@pytest.mark.parametrize("entries", [1, 20, 10_000])
def test_parts_are_divided_by_what_they_count_in_the_whole_batch(kind: Similarity, entries: int) -> None:
    loss = TwoParts()
    loss.expects = kind  # type: ignore[misc]
    assert_equal(TiledLoss(loss, block_entries=entries), draw(2, (9, 7), weight=True))


@pytest.mark.parametrize("kind", [Similarity.NEG_DISTANCE, Similarity.NEG_SQ_DISTANCE])
def test_rows_on_top_of_each_other_have_finite_gradients(kind: Similarity) -> None:
    loss, rows = TwoParts(), torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    loss.expects = kind  # type: ignore[misc]
    side = SideBatch(torch.tensor([1, 2, 1, 2]), rows)
    assert_equal(TiledLoss(loss, block_entries=4), PairBatch(side, side))


def test_a_miner_sees_whole_rows() -> None:
    batch, loss = draw(5, (9, 8)), InfoNCE(10).double()
    video, audio = batch.video.vectors, batch.audio.vectors
    is_pos, sim = batch.video.ids[:, None] == batch.audio.ids, cosine(video, audio)
    halves = [loss(s, p, left_out(Hard(), s, p)) for s, p in ((sim, is_pos), (sim.T, is_pos.T))]
    expected = torch.autograd.grad(sum(halves) / 2, [video, audio])
    found = torch.autograd.grad(TiledLoss(loss, miner=Hard(), block_entries=20)(batch), [video, audio])
    torch.testing.assert_close(found, expected)


def test_gradients_are_those_of_finite_differences() -> None:
    batch, loss = draw(6, (4, 5)), TiledLoss(InfoNCE(3).double(), block_entries=6)

    def value(video: Tensor, audio: Tensor) -> Tensor:
        return loss(PairBatch(SideBatch(batch.video.ids, video), SideBatch(batch.audio.ids, audio)))

    assert torch.autograd.gradcheck(value, [batch.video.vectors, batch.audio.vectors])


def test_a_frozen_side_gets_no_gradient_and_half_precision_is_computed_in_float32() -> None:
    batch = draw(7, (6, 6))
    frozen = batch.audio.vectors.detach().bfloat16()
    video = batch.video.vectors.detach().bfloat16().requires_grad_()
    value = TiledLoss(InfoNCE())(PairBatch(SideBatch(batch.video.ids, video), SideBatch(batch.audio.ids, frozen)))
    value.backward()
    assert value.dtype == torch.float32 and video.grad.dtype == torch.bfloat16 and frozen.grad is None


@pytest.mark.parametrize("broken", [torch.inf, torch.nan])
def test_a_broken_row_is_refused(broken: float) -> None:
    batch = draw(8, (4, 4))
    with torch.no_grad():
        batch.video.vectors[0, 0] = broken
    with pytest.raises(ValueError, match="hold NaN or infinity"):
        TiledLoss(InfoNCE())(batch)


def test_wrong_input_is_named() -> None:
    batch = draw(9, (3, 3))
    with pytest.raises(ValueError, match="block_entries is 0"):
        TiledLoss(InfoNCE(), block_entries=0)
    with pytest.raises(ValueError, match="video is None"):
        TiledLoss(InfoNCE())(PairBatch(SideBatch(batch.video.ids), batch.audio))
    extra = Extra(ignore=torch.zeros(3, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="vector_extra names pairs"):
        TiledLoss(InfoNCE())(PairBatch(batch.video, batch.audio, vector_extra=extra))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_a_gpu_gives_the_same(name: str) -> None:
    loss, batch = PAIR_LOSSES[name]().double(), draw(10, (50, 40))
    expected = value_and_gradients(TiledLoss(loss), batch)
    moved = [SideBatch(s.ids.cuda(), s.vectors.detach().cuda().requires_grad_()) for s in (batch.video, batch.audio)]
    found = value_and_gradients(TiledLoss(loss.cuda(), block_entries=500), PairBatch(*moved))
    torch.testing.assert_close([part.cpu() for part in found], expected)
