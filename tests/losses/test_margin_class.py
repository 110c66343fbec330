"""Margin loss with a boundary for each class: against pytorch-metric-learning, `Margin`, and in `CrossModalLoss`."""

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances, losses
from torch import Tensor

from crossmodal.errors import ConfigError
from crossmodal.losses import CosFace, CrossModalLoss, Margin, MarginClass, PairBatch, SideBatch, make_label_loss
from crossmodal.similarity import euclidean

BOUNDARIES = torch.tensor([0.9, 1.35], dtype=torch.float64)


def sides(seed: int, dtype: torch.dtype = torch.float64) -> PairBatch:
    """Four rows of each of two classes on both sides, as many positives as negatives for each anchor."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(2):
        labels = torch.arange(8)[torch.randperm(8, generator=generator)] % 2
        rows = F.normalize(torch.randn(8, 4, generator=generator, dtype=dtype), dim=1)
        made.append(SideBatch(torch.arange(8), rows.requires_grad_(), labels=labels))
    return PairBatch(*made)


def with_boundaries(boundaries: Tensor) -> MarginClass:
    loss = MarginClass(len(boundaries)).double()
    loss.by_class.data = boundaries - loss.margin.beta.detach()
    return loss


@pytest.mark.parametrize("seed", range(6))
def test_value_and_gradients_by_rows_and_boundaries_are_the_peers(seed: int) -> None:
    batch = sides(seed)
    peer = losses.MarginLoss(
        margin=0.2, nu=0, num_classes=2, learn_beta=True, distance=distances.LpDistance(normalize_embeddings=False)
    )
    peer.beta.data = BOUNDARIES.clone()
    loss, rows = with_boundaries(BOUNDARIES), [batch.video.vectors, batch.audio.vectors]
    value = loss(-euclidean(*rows), batch.video.labels, batch.video.labels[:, None] == batch.audio.labels)
    expected = peer(rows[0], batch.video.labels, ref_emb=rows[1], ref_labels=batch.audio.labels)
    torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-5)
    found = torch.autograd.grad(value, [*rows, loss.by_class])
    torch.testing.assert_close(found, torch.autograd.grad(expected, [*rows, peer.beta]), atol=1e-5, rtol=1e-5)
    assert found[2].count_nonzero()


def test_both_directions_take_the_boundary_of_their_own_anchor() -> None:
    batch, loss = sides(1), with_boundaries(BOUNDARIES)
    distance = euclidean(batch.video.vectors, batch.audio.vectors)
    is_pos = batch.video.labels[:, None] == batch.audio.labels
    halves = []
    for anchors, far, own in ((batch.video, distance, is_pos), (batch.audio, distance.T, is_pos.T)):
        beyond = far - BOUNDARIES[anchors.labels][:, None]
        wrong = (0.2 + torch.where(own, beyond, -beyond)).relu()
        halves.append(wrong.sum() / (wrong > 0).sum())
    torch.testing.assert_close(CrossModalLoss(labels=loss)(batch), sum(halves) / 2)
    assert not torch.isclose(halves[0], halves[1])


def test_with_one_boundary_it_is_the_margin_loss_and_unknown_labels_are_absent() -> None:
    batch = sides(2)
    known = torch.tensor([0, 1, 2, 4, 6, 7])
    labels = [side.labels.clone() for side in (batch.video, batch.audio)]
    for part in labels:
        part[[3, 5]] = -1
    blind = PairBatch(
        *(SideBatch(s.ids, s.vectors, labels=part) for s, part in zip((batch.video, batch.audio), labels, strict=True))
    )
    less = PairBatch(
        *(SideBatch(s.ids[known], s.vectors[known], labels=s.labels[known]) for s in (batch.video, batch.audio))
    )
    expected = CrossModalLoss(labels=Margin().double())(less)
    torch.testing.assert_close(CrossModalLoss(labels=MarginClass(2).double())(blind), expected)


def test_boundaries_stay_where_distances_of_unit_vectors_are() -> None:
    loss = with_boundaries(torch.tensor([-0.5, 1.0, 2.5], dtype=torch.float64))
    CrossModalLoss(labels=loss).after_step()
    torch.testing.assert_close(
        loss.margin.beta + loss.by_class, torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64), atol=1e-6, rtol=0
    )
    assert not any(part.requires_grad for part in MarginClass(3, learned=False).parameters())


def test_a_batch_of_unknown_labels_gives_zero_and_wrong_labels_are_named() -> None:
    loss, sim = MarginClass(2), (-torch.rand(3, 2)).requires_grad_()
    is_pos = torch.zeros(3, 2, dtype=torch.bool)
    value = loss(sim, torch.full((3,), -1), is_pos)
    value.backward()
    assert value == 0 and sim.grad.count_nonzero() == 0 and loss.by_class.grad.count_nonzero() == 0
    with pytest.raises(ValueError, match="labels holds 0 to 2; it must be 0 to 1"):
        loss(sim, torch.tensor([0, 2, 1]), is_pos)
    with pytest.raises(ValueError, match=r"labels is \(2,\)"):
        loss(sim, torch.tensor([0, 1]), is_pos)
    with pytest.raises(ValueError, match="classes is 1"):
        MarginClass(1)


def test_it_compiles_into_one_graph() -> None:
    loss, sim = MarginClass(2), -torch.rand(3, 4)
    labels, is_pos = torch.tensor([0, 1, -1]), torch.rand(3, 4) > 0.5
    torch.compiler.reset()
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(sim, labels, is_pos), loss(sim, labels, is_pos))


def test_recipes_name_it_beside_the_losses_with_proxies() -> None:
    loss = make_label_loss("margin_class", 8, 3, {"alpha": 0.1})
    assert isinstance(loss, MarginClass) and len(loss.by_class) == 3 and loss.margin.alpha == 0.1
    assert isinstance(make_label_loss("cosface", 8, 3), CosFace)
    with pytest.raises(ConfigError, match="loss 'margin_class': MarginClass: classes is 1"):
        make_label_loss("margin_class", 8, 1)
