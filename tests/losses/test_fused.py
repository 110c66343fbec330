"""InfoNCE out of one matrix that is never held, against `CrossModalLoss` and the cross-entropy of PyTorch."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from crossmodal.losses import CrossModalLoss, InfoNCE, PairBatch, SideBatch
from crossmodal.losses.fused import PositivePairs
from crossmodal.losses.tiled import TiledLoss


def sides(ids: list[Tensor], dtype: torch.dtype = torch.float64, **fields: Tensor) -> PairBatch:
    generator = torch.Generator().manual_seed(0)
    vectors = [torch.randn(len(part), 6, generator=generator, dtype=dtype).requires_grad_() for part in ids]
    return PairBatch(*(SideBatch(own, rows, **fields) for own, rows in zip(ids, vectors, strict=True)))


def results(loss: torch.nn.Module, batch: PairBatch) -> list[Tensor]:
    value = loss(batch)
    learned = [part for part in loss.parameters() if part.requires_grad]
    return [value.detach(), *torch.autograd.grad(value, [batch.video.vectors, batch.audio.vectors, *learned])]


def draw_ids(classes: int, rows: tuple[int, int]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, classes, (count,), generator=generator) for count in rows]


def test_in_float32_value_and_gradients_are_those_of_the_whole_matrix() -> None:
    batch, loss = sides(draw_ids(150, (300, 260)), torch.float32), InfoNCE()
    expected = results(CrossModalLoss(vectors=loss), batch)
    torch.testing.assert_close(results(TiledLoss(loss, block_entries=5000), batch), expected, atol=1e-5, rtol=1e-4)


def test_one_to_one_it_is_the_cross_entropy_of_clip_both_ways() -> None:
    batch, loss = sides([torch.randperm(40)] * 2), InfoNCE().double()
    logits = loss.log_scale.exp() * F.normalize(batch.video.vectors) @ F.normalize(batch.audio.vectors).T
    own = torch.arange(40)
    value = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
    inputs = [batch.video.vectors, batch.audio.vectors, loss.log_scale]
    expected = [value.detach(), *torch.autograd.grad(value, inputs)]
    torch.testing.assert_close(results(TiledLoss(loss, block_entries=300), batch), expected, atol=1e-9, rtol=1e-9)


def test_rows_and_columns_without_positives_are_columns_and_rows_to_others() -> None:
    batch, loss = sides([torch.tensor([0, 1, 2, 2, 9]), torch.tensor([1, 2, 0, 7])]), InfoNCE(20).double()
    expected = results(CrossModalLoss(vectors=loss), batch)
    torch.testing.assert_close(results(TiledLoss(loss, block_entries=8), batch), expected, atol=1e-12, rtol=1e-9)
    assert batch.video.vectors.grad is None and expected[1][4].count_nonzero()  # no positive, and still pushed away


@pytest.mark.parametrize("classes", [1, 2])
def test_where_nearly_all_pairs_are_positives_they_are_not_listed_and_the_loss_is_the_same(classes: int) -> None:
    batch, loss = sides(draw_ids(classes, (90, 80))), InfoNCE(5).double()
    assert PositivePairs.of(batch.video, batch.audio) is None
    expected = results(CrossModalLoss(vectors=loss), batch)
    torch.testing.assert_close(results(TiledLoss(loss, block_entries=700), batch), expected, atol=1e-10, rtol=1e-9)


def test_pairs_are_those_with_one_id_and_one_domain_by_rows() -> None:
    rows = SideBatch(torch.tensor([5, 3, 5, 8]), domain=torch.tensor([0, 0, 1, 0]))
    columns = SideBatch(torch.tensor([3, 5, 5]), domain=torch.tensor([0, 1, 0]))
    pairs = PositivePairs.of(rows, columns)
    found = list(zip(pairs.rows.tolist(), pairs.columns.tolist(), strict=True))
    assert found == [(0, 2), (1, 0), (2, 1)] and pairs.first == [0, 1, 2, 3, 3]


def test_a_scale_that_sends_all_but_the_nearest_to_zero_stays_exact() -> None:
    # e^(-2 * 400) is no number even of float64: rows and columns need a shift each of their own.
    batch, loss = sides(draw_ids(20, (24, 24))), InfoNCE(400, max_scale=400).double()
    expected = results(CrossModalLoss(vectors=loss), batch)
    found = results(TiledLoss(loss, block_entries=100), batch)
    assert all(part.isfinite().all() for part in found)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-9)
