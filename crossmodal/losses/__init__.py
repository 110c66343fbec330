"""Losses between two modalities: pairs by id, both directions, vectors and sequences; classes; structure."""

from crossmodal.losses.base import Kind, PairLoss, masked_logsumexp
from crossmodal.losses.batch import Extra, PairBatch, SideBatch
from crossmodal.losses.circle import Circle
from crossmodal.losses.cross_modal import CrossModalLoss
from crossmodal.losses.infonce import InfoNCE
from crossmodal.losses.lifted import GeneralisedLifted, LiftedStructure
from crossmodal.losses.multi_similarity import MultiSimilarity
from crossmodal.losses.siglip import SigLIP
from crossmodal.losses.supcon import SupCon

PAIR_LOSSES: dict[str, type[PairLoss]] = {
    "infonce": InfoNCE,
    "supcon": SupCon,
    "siglip": SigLIP,
    "circle": Circle,
    "multi_similarity": MultiSimilarity,
    "lifted": LiftedStructure,
    "generalised_lifted": GeneralisedLifted,
}

__all__ = [
    "PAIR_LOSSES",
    "Circle",
    "CrossModalLoss",
    "Extra",
    "GeneralisedLifted",
    "InfoNCE",
    "Kind",
    "LiftedStructure",
    "MultiSimilarity",
    "PairBatch",
    "PairLoss",
    "SideBatch",
    "SigLIP",
    "SupCon",
    "masked_logsumexp",
]
