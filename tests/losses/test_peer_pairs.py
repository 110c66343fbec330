"""Pair losses against pytorch-metric-learning 2.9.0: value and gradient of embeddings, in one space and between two.

Its options are set so that both mean the same; where they cannot, the last tests pin the difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning import distances, losses, miners, reducers

from crossmodal.losses import (
    BatchHardTriplet,
    Circle,
    CosineContrastive,
    GeneralisedLifted,
    InfoNCE,
    LiftedStructure,
    Margin,
    MultiSimilarity,
    NPair,
    PairLoss,
    SigLIP,
    SupCon,
    Triplet,
)
from crossmodal.similarity import pairwise

SEEDS = range(6)
Peer = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Batch:
    """Rows of both sides, unit vectors in float64; `single` holds one side only."""

    rows: torch.Tensor
    labels: torch.Tensor
    columns: torch.Tensor
    column_labels: torch.Tensor


def batch(seed: int, n: int = 18, m: int = 24, classes: int = 6) -> Batch:
    """Every row has positives and negatives, in one space and between two; labels stand in no order."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, 8, generator=generator, dtype=torch.float64)

    def side(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        labels = torch.arange(classes).repeat(count // classes)[torch.randperm(count, generator=generator)]
        noise = torch.randn(count, 8, generator=generator, dtype=torch.float64)
        return F.normalize(centres[labels] + noise, dim=1).requires_grad_(), labels

    return Batch(*side(n), *side(m))


def euclidean(power: int = 1) -> distances.LpDistance:
    return distances.LpDistance(normalize_embeddings=False, p=2, power=power)


def mined(miner: miners.BaseMiner, loss: losses.BaseMetricLossFunction) -> Peer:
    def run(rows: torch.Tensor, labels: torch.Tensor, **ref: torch.Tensor) -> torch.Tensor:
        return loss(rows, labels, miner(rows, labels, **ref), **ref)

    return run


MEAN = reducers.MeanReducer()
SAME: dict[str, tuple[PairLoss, Peer]] = {
    "infonce": (InfoNCE(10, learned=False), losses.NTXentLoss(temperature=0.1)),
    "supcon": (SupCon(), losses.SupConLoss(temperature=0.1)),
    "circle": (Circle(m=0.4, gamma=8), losses.CircleLoss(m=0.4, gamma=8)),
    "multi_similarity": (MultiSimilarity(epsilon=None), losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)),
    "multi_similarity_mined": (
        MultiSimilarity(),
        mined(miners.MultiSimilarityMiner(epsilon=0.1), losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)),
    ),
    "triplet": (
        Triplet(triplets="all"),
        losses.TripletMarginLoss(margin=0.2, distance=euclidean(2), reducer=MEAN),
    ),
    "triplet_non_zero": (
        Triplet(triplets="all", average="non_zero", distance="plain"),
        losses.TripletMarginLoss(margin=0.2, distance=euclidean()),
    ),
    "triplet_semi_hard": (
        Triplet(),
        mined(
            miners.TripletMarginMiner(margin=0.2, type_of_triplets="semihard", distance=euclidean(2)),
            losses.TripletMarginLoss(margin=0.2, distance=euclidean(2), reducer=MEAN),
        ),
    ),
    "triplet_soft": (
        Triplet(None, "all", distance="plain"),
        losses.TripletMarginLoss(margin=0, smooth_loss=True, distance=euclidean(), reducer=MEAN),
    ),
    "batch_hard": (
        BatchHardTriplet(margin=0.3),
        mined(
            miners.BatchHardMiner(distance=euclidean()),
            losses.TripletMarginLoss(margin=0.3, distance=euclidean(), reducer=MEAN),
        ),
    ),
    "batch_hard_soft": (
        BatchHardTriplet(),
        mined(
            miners.BatchHardMiner(distance=euclidean()),
            losses.TripletMarginLoss(margin=0, smooth_loss=True, distance=euclidean(), reducer=MEAN),
        ),
    ),
    "cosine_contrastive": (
        CosineContrastive(margin=0.25),
        losses.ContrastiveLoss(pos_margin=1, neg_margin=0.25, distance=distances.CosineSimilarity(), reducer=MEAN),
    ),
    "generalised_lifted": (
        GeneralisedLifted(),
        losses.GeneralizedLiftedStructureLoss(neg_margin=1, pos_margin=0, distance=euclidean()),
    ),
}


def between(loss: PairLoss, made: Batch) -> torch.Tensor:
    return loss(pairwise(loss.expects)(made.rows, made.columns), made.labels[:, None] == made.column_labels)


def within(loss: PairLoss, made: Batch) -> torch.Tensor:
    own = torch.eye(len(made.rows), dtype=torch.bool)
    is_pos = (made.labels[:, None] == made.labels) & ~own
    return loss(pairwise(loss.expects)(made.rows, made.rows), is_pos, own)


def same(ours: torch.Tensor, peer: torch.Tensor, inputs: list[torch.Tensor]) -> None:
    torch.testing.assert_close(ours, peer, atol=1e-5, rtol=1e-5, check_dtype=False)
    for mine, other in zip(
        torch.autograd.grad(ours, inputs, retain_graph=True), torch.autograd.grad(peer, inputs), strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SAME)
class TestPeer:
    def test_between_two_spaces(self, name: str, seed: int) -> None:
        ours, peer = SAME[name]
        made = batch(seed)
        value = peer(made.rows, made.labels, ref_emb=made.columns, ref_labels=made.column_labels)
        same(between(ours, made), value, [made.rows, made.columns])

    def test_in_one_space(self, name: str, seed: int) -> None:
        ours, peer = SAME[name]
        made = batch(seed)
        same(within(ours, made), peer(made.rows, made.labels), [made.rows])


@pytest.mark.parametrize("seed", SEEDS)
def test_lifted_structure_in_one_space(seed: int) -> None:
    made = batch(seed)
    peer = losses.LiftedStructureLoss(neg_margin=1, pos_margin=0, distance=euclidean())
    same(within(LiftedStructure(), made), peer(made.rows, made.labels), [made.rows])


@pytest.mark.parametrize("seed", SEEDS)
def test_margin_loss_where_the_peers_triplets_weigh_all_pairs_alike(seed: int) -> None:
    made = batch(seed, 8, 8, classes=2)  # as many positives as negatives in each row
    peer = losses.MarginLoss(margin=0.2, nu=0, beta=1.2, distance=euclidean(), triplets_per_anchor="all")
    value = peer(made.rows, made.labels, ref_emb=made.columns, ref_labels=made.column_labels)
    same(between(Margin(learned=False), made), value, [made.rows, made.columns])


@pytest.mark.parametrize("seed", SEEDS)
def test_n_pair_and_siglip_are_what_torch_gives(seed: int) -> None:
    made = batch(seed, 6, 6)
    order = made.column_labels.argsort()[made.labels]
    logits = 3 * made.rows @ (3 * made.columns[order]).T
    same(NPair()(logits, torch.eye(6, dtype=torch.bool)), F.cross_entropy(logits, torch.arange(6)), [made.rows])
    wide = batch(seed)
    is_pos = (wide.labels[:, None] == wide.column_labels).double()
    logits = 10 * F.normalize(wide.rows, dim=1) @ F.normalize(wide.columns, dim=1).T - 10
    peer = F.binary_cross_entropy_with_logits(logits, is_pos, reduction="sum") / len(wide.rows)
    same(between(SigLIP(), wide), peer, [wide.rows, wide.columns])


def test_difference_one_label_tensor_for_both_sides_loses_the_peers_diagonal() -> None:
    made = batch(0, 6, 6)
    columns = made.columns[made.column_labels.argsort()[made.labels]]  # one to one
    peer = losses.NTXentLoss(temperature=0.1)
    assert peer(made.rows, made.labels, ref_emb=columns, ref_labels=made.labels) == 0
    copied = peer(made.rows, made.labels, ref_emb=columns, ref_labels=made.labels.clone())
    sim = pairwise(InfoNCE.expects)(made.rows, columns)
    ours = InfoNCE(10)(sim, made.labels[:, None] == made.labels)
    assert ours.item() == pytest.approx(copied.item(), rel=1e-5) and ours > 0.1


def test_difference_the_peers_lifted_structure_depends_on_the_order_of_the_other_side() -> None:
    made = batch(1, 12, 12)
    peer = losses.LiftedStructureLoss(neg_margin=1, pos_margin=0, distance=euclidean())
    moved = Batch(made.rows, made.labels, made.columns.flip(0), made.column_labels.flip(0))
    values = [peer(b.rows, b.labels, ref_emb=b.columns, ref_labels=b.column_labels) for b in (made, moved)]
    assert abs(values[0] - values[1]) > 1e-3
    ours = [between(LiftedStructure(), b).item() for b in (made, moved)]
    assert ours[0] == pytest.approx(ours[1], abs=1e-12)


def test_difference_the_peers_supcon_leaves_out_rows_without_positives() -> None:
    made = batch(2)
    labels = torch.where(torch.arange(18) < 9, made.labels, 99)
    peer = losses.SupConLoss(temperature=0.1)(made.rows, labels, ref_emb=made.columns, ref_labels=made.column_labels)
    sim = pairwise(SupCon.expects)(made.rows, made.columns)
    ours = SupCon()(sim, labels[:, None] == made.column_labels)
    assert ours.item() == pytest.approx(peer.item() / 2, rel=1e-5)  # the paper's mean is over all rows


def test_difference_the_peers_nt_xent_stops_where_its_logarithm_ends() -> None:
    vectors = torch.tensor([[1.0, 0.0]], requires_grad=True)
    columns, far = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1, 1])
    peer = losses.NTXentLoss(temperature=0.01)(vectors, torch.tensor([0]), ref_emb=columns, ref_labels=far)
    sim = pairwise(InfoNCE.expects)(vectors, columns)
    ours = InfoNCE(100, max_scale=100)(sim, torch.tensor([[True, False, False]]))
    assert ours.item() == pytest.approx(100.69, abs=0.01) and peer.item() < 88


def test_difference_the_peers_generalised_lifted_counts_rows_without_positives() -> None:
    made = batch(3)
    peer = losses.GeneralizedLiftedStructureLoss(neg_margin=1, pos_margin=0, distance=euclidean())
    none = torch.full_like(made.labels, 99)
    ours = GeneralisedLifted()(
        pairwise(GeneralisedLifted.expects)(made.rows, made.columns), none[:, None] == made.column_labels
    )
    assert ours == 0 and peer(made.rows, none, ref_emb=made.columns, ref_labels=made.column_labels) > 0.5
