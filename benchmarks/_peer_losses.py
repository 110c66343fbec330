"""Our losses beside those of pytorch-metric-learning, with options that mean the same."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from pytorch_metric_learning import distances, losses, miners, reducers
from torch import Tensor

from crossmodal.losses import (
    ArcFace,
    BatchHardTriplet,
    Circle,
    CosFace,
    CosineContrastive,
    GeneralisedLifted,
    InfoNCE,
    LargeMarginSoftmax,
    LiftedStructure,
    Margin,
    MultiSimilarity,
    NormFace,
    PairLoss,
    ProxyAnchor,
    ProxyLoss,
    ProxyNCA,
    SoftTriple,
    SphereFace,
    SupCon,
    Triplet,
)
from crossmodal.losses.angular import NONE
from crossmodal.similarity import pairwise

CLASSES = 128
Step = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # two sides and their labels -> loss


@dataclass(frozen=True)
class Case:
    """A loss of ours and the peer's.

    `is_same`: whether value and gradients agree between two spaces. `is_listed`: the peer lists pairs or triplets, and
    cannot go to 4096 rows.
    """

    ours: Callable[[int], PairLoss | ProxyLoss]
    peer: Callable[[int], torch.nn.Module]
    miner: Callable[[], torch.nn.Module] | None = None
    is_same: bool = True
    is_listed: bool = False
    one_to_one: bool = False
    proxies: str = ""


def lp(power: int = 1) -> distances.LpDistance:
    return distances.LpDistance(normalize_embeddings=False, p=2, power=power)


def pair(ours: Callable[[], PairLoss], peer: Callable[[], torch.nn.Module], **rest: object) -> Case:
    return Case(lambda dim: ours(), lambda dim: peer(), **rest)  # type: ignore[arg-type]


MEAN = reducers.MeanReducer()
CASES: dict[str, Case] = {
    "NT-Xent, several positives": pair(lambda: InfoNCE(10), lambda: losses.NTXentLoss(temperature=0.1), is_listed=True),
    "NT-Xent, one to one": pair(
        lambda: InfoNCE(10), lambda: losses.NTXentLoss(temperature=0.1), is_listed=True, one_to_one=True
    ),
    "lifted structure": pair(
        LiftedStructure,
        lambda: losses.LiftedStructureLoss(neg_margin=1, pos_margin=0, distance=lp()),
        is_same=False,
        is_listed=True,
    ),
    "triplet, all": pair(
        lambda: Triplet(triplets="all"),
        lambda: losses.TripletMarginLoss(margin=0.2, distance=lp(2), reducer=MEAN),
        is_listed=True,
    ),
    "triplet, semi-hard": pair(
        Triplet,
        lambda: losses.TripletMarginLoss(margin=0.2, distance=lp(2), reducer=MEAN),
        miner=lambda: miners.TripletMarginMiner(margin=0.2, type_of_triplets="semihard", distance=lp(2)),
        is_listed=True,
    ),
    "triplet, batch-hard": pair(
        lambda: BatchHardTriplet(0.2),
        lambda: losses.TripletMarginLoss(margin=0.2, distance=lp(), reducer=MEAN),
        miner=lambda: miners.BatchHardMiner(distance=lp()),
    ),
    "margin": pair(
        lambda: Margin(learned=False),
        lambda: losses.MarginLoss(margin=0.2, nu=0, beta=1.2, distance=lp(), triplets_per_anchor="all"),
        is_same=False,
        is_listed=True,
    ),
    "circle": pair(Circle, lambda: losses.CircleLoss(m=0.4, gamma=80)),
    "multi-similarity": pair(
        lambda: MultiSimilarity(epsilon=None), lambda: losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
    ),
    "multi-similarity, mined": pair(
        MultiSimilarity,
        lambda: losses.MultiSimilarityLoss(alpha=2, beta=50, base=0.5),
        miner=lambda: miners.MultiSimilarityMiner(epsilon=0.1),
    ),
    "SupCon": pair(SupCon, lambda: losses.SupConLoss(temperature=0.1)),
    "generalised lifted": pair(
        GeneralisedLifted,
        lambda: losses.GeneralizedLiftedStructureLoss(neg_margin=1, pos_margin=0, distance=lp()),
    ),
    "contrastive, cosine": pair(
        lambda: CosineContrastive(margin=0.25),
        lambda: losses.ContrastiveLoss(
            pos_margin=1, neg_margin=0.25, distance=distances.CosineSimilarity(), reducer=MEAN
        ),
    ),
    "ArcFace": Case(
        lambda dim: ArcFace(dim, CLASSES),
        lambda dim: losses.ArcFaceLoss(CLASSES, dim, margin=math.degrees(0.5), scale=64),
        proxies="W",
    ),
    "CosFace": Case(
        lambda dim: CosFace(dim, CLASSES),
        lambda dim: losses.CosFaceLoss(CLASSES, dim, margin=0.35, scale=64),
        proxies="W",
    ),
    "NormFace": Case(
        lambda dim: NormFace(dim, CLASSES, learned=False),
        lambda dim: losses.NormalizedSoftmaxLoss(CLASSES, dim, temperature=0.05),
        proxies="W",
    ),
    "large-margin softmax": Case(
        lambda dim: LargeMarginSoftmax(dim, CLASSES, annealing=NONE),
        lambda dim: losses.LargeMarginSoftmaxLoss(CLASSES, dim, margin=4, scale=1),
        proxies="W",
    ),
    "SphereFace": Case(
        lambda dim: SphereFace(dim, CLASSES, annealing=NONE),
        lambda dim: losses.SphereFaceLoss(CLASSES, dim, margin=4, scale=1),
        proxies="W",
    ),
    "Proxy-NCA++": Case(
        lambda dim: ProxyNCA(dim, CLASSES, form="++"),
        lambda dim: losses.ProxyNCALoss(CLASSES, dim, softmax_scale=9),
        proxies="proxies",
    ),
    "Proxy-Anchor": Case(
        lambda dim: ProxyAnchor(dim, CLASSES),
        lambda dim: losses.ProxyAnchorLoss(CLASSES, dim, margin=0.1, alpha=32),
        proxies="proxies",
    ),
    "SoftTriple": Case(
        lambda dim: SoftTriple(dim, CLASSES, tau=0),
        lambda dim: losses.SoftTripleLoss(CLASSES, dim, centers_per_class=10, la=20, gamma=0.1, margin=0.01),
        proxies="fc",
    ),
}


def steps(case: Case, dim: int) -> tuple[Step, Step]:
    """Ours and the peer's, both as functions of two sides; their proxies are the same."""
    ours, theirs = case.ours(dim), case.peer(dim)
    if isinstance(ours, ProxyLoss):
        kept = getattr(theirs, case.proxies)
        kept.data = ours.proxies.data.clone() if case.proxies == "proxies" else ours.proxies.data.T.clone()
        return (lambda v, a, v_ids, a_ids: ours(v, v_ids)), (lambda v, a, v_ids, a_ids: theirs(v, v_ids))
    miner = case.miner() if case.miner is not None else None

    def run_ours(v: Tensor, a: Tensor, v_ids: Tensor, a_ids: Tensor) -> Tensor:
        return ours(pairwise(ours.expects)(v, a), v_ids[:, None] == a_ids)

    def run_theirs(v: Tensor, a: Tensor, v_ids: Tensor, a_ids: Tensor) -> Tensor:
        mined = () if miner is None else (miner(v, v_ids, ref_emb=a, ref_labels=a_ids),)
        return theirs(v, v_ids, *mined, ref_emb=a, ref_labels=a_ids)

    return run_ours, run_theirs
