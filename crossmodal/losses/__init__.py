"""Losses between two modalities: pairs by id, both directions, vectors and sequences; classes; structure."""

from crossmodal.losses.angular import LargeMarginSoftmax, SphereFace
from crossmodal.losses.base import Kind, PairLoss, masked_logsumexp
from crossmodal.losses.batch import Extra, PairBatch, SideBatch
from crossmodal.losses.circle import Circle
from crossmodal.losses.contrastive import Contrastive, CosineContrastive
from crossmodal.losses.cross_modal import CrossModalLoss
from crossmodal.losses.gather import gather_batch, gather_rows
from crossmodal.losses.gradient_cache import GradientCache
from crossmodal.losses.infonce import InfoNCE
from crossmodal.losses.lifted import GeneralisedLifted, LiftedStructure
from crossmodal.losses.margin import Margin, MarginClass
from crossmodal.losses.memory import CrossBatchMemory
from crossmodal.losses.multi_similarity import MultiSimilarity
from crossmodal.losses.n_pair import NPair
from crossmodal.losses.proxy import CircleClass, ProxyAnchor, ProxyNCA, SoftTriple
from crossmodal.losses.proxy_base import ProxyLoss
from crossmodal.losses.ranking import RankingHinge
from crossmodal.losses.registry import (
    LABEL_LOSSES,
    PAIR_LOSSES,
    PROXY_LOSSES,
    STRUCTURE_LOSSES,
    make_label_loss,
    make_pair_loss,
    make_proxy_loss,
    make_structure_loss,
)
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
from crossmodal.losses.tiled import TiledLoss
from crossmodal.losses.triplet import BatchHardTriplet, Triplet

__all__ = [
    "LABEL_LOSSES",
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
    "CrossBatchMemory",
    "CrossModalLoss",
    "Extra",
    "GeneralisedLifted",
    "GradientCache",
    "InfoNCE",
    "IntraModalDistribution",
    "Kind",
    "L2Softmax",
    "LargeMarginSoftmax",
    "LiftedStructure",
    "Margin",
    "MarginClass",
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
    "TiledLoss",
    "Triplet",
    "gather_batch",
    "gather_rows",
    "make_label_loss",
    "make_pair_loss",
    "make_proxy_loss",
    "make_structure_loss",
    "masked_logsumexp",
]
