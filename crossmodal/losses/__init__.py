"""Losses between two modalities: pairs by id, both directions, vectors and sequences; classes; structure."""

from crossmodal.losses.angular import LargeMarginSoftmax, SphereFace
from crossmodal.losses.base import Kind, PairLoss, masked_logsumexp
from crossmodal.losses.batch import Extra, PairBatch, SideBatch
from crossmodal.losses.circle import Circle
from crossmodal.losses.contrastive import Contrastive, CosineContrastive
from crossmodal.losses.cross_modal import CrossModalLoss
from crossmodal.losses.infonce import InfoNCE
from crossmodal.losses.lifted import GeneralisedLifted, LiftedStructure
from crossmodal.losses.margin import Margin
from crossmodal.losses.multi_similarity import MultiSimilarity
from crossmodal.losses.n_pair import NPair
from crossmodal.losses.proxies import ProxyLoss
from crossmodal.losses.proxy import CircleClass, ProxyAnchor, ProxyNCA, SoftTriple
from crossmodal.losses.ranking import RankingHinge
from crossmodal.losses.siglip import SigLIP
from crossmodal.losses.softmax import AMSoftmax, ArcFace, CosFace, L2Softmax, NormFace
from crossmodal.losses.structure import (
    IntraModalDistribution,
    NeighbourStructure,
    SoftStructure,
    SquaredNorm,
    StructureLoss,
)
from crossmodal.losses.supcon import SupCon
from crossmodal.losses.triplet import BatchHardTriplet, Triplet

PAIR_LOSSES: dict[str, type[PairLoss]] = {
    "infonce": InfoNCE,
    "supcon": SupCon,
    "siglip": SigLIP,
    "circle": Circle,
    "multi_similarity": MultiSimilarity,
    "triplet": Triplet,
    "batch_hard": BatchHardTriplet,
    "ranking": RankingHinge,
    "contrastive": Contrastive,
    "cosine_contrastive": CosineContrastive,
    "margin": Margin,
    "lifted": LiftedStructure,
    "generalised_lifted": GeneralisedLifted,
    "n_pair": NPair,
}

PROXY_LOSSES: dict[str, type[ProxyLoss]] = {
    "l2_softmax": L2Softmax,
    "large_margin_softmax": LargeMarginSoftmax,
    "sphereface": SphereFace,
    "normface": NormFace,
    "am_softmax": AMSoftmax,
    "cosface": CosFace,
    "arcface": ArcFace,
    "proxy_nca": ProxyNCA,
    "proxy_anchor": ProxyAnchor,
    "soft_triple": SoftTriple,
    "circle_class": CircleClass,
}

STRUCTURE_LOSSES: dict[str, type[StructureLoss]] = {
    "squared_norm": SquaredNorm,
    "soft_structure": SoftStructure,
    "neighbour_structure": NeighbourStructure,
    "intra_modal": IntraModalDistribution,
}

__all__ = [
    "PAIR_LOSSES",
    "PROXY_LOSSES",
    "STRUCTURE_LOSSES",
    "AMSoftmax",
    "ArcFace",
    "BatchHardTriplet",
    "Circle",
    "CircleClass",
    "Contrastive",
    "CosFace",
    "CosineContrastive",
    "CrossModalLoss",
    "Extra",
    "GeneralisedLifted",
    "InfoNCE",
    "IntraModalDistribution",
    "Kind",
    "L2Softmax",
    "LargeMarginSoftmax",
    "LiftedStructure",
    "Margin",
    "MultiSimilarity",
    "NPair",
    "NeighbourStructure",
    "NormFace",
    "PairBatch",
    "PairLoss",
    "ProxyAnchor",
    "ProxyLoss",
    "ProxyNCA",
    "RankingHinge",
    "SideBatch",
    "SigLIP",
    "SoftStructure",
    "SoftTriple",
    "SphereFace",
    "SquaredNorm",
    "StructureLoss",
    "SupCon",
    "Triplet",
    "masked_logsumexp",
]
