"""Losses between two modalities: pairs by id, both directions, vectors and sequences."""

from crossmodal.losses.base import Kind, PairLoss, masked_logsumexp
from crossmodal.losses.batch import Extra, PairBatch, SideBatch
from crossmodal.losses.cross_modal import CrossModalLoss
from crossmodal.losses.infonce import InfoNCE

PAIR_LOSSES: dict[str, type[PairLoss]] = {
    "infonce": InfoNCE,
}

__all__ = [
    "PAIR_LOSSES",
    "CrossModalLoss",
    "Extra",
    "InfoNCE",
    "Kind",
    "PairBatch",
    "PairLoss",
    "SideBatch",
    "masked_logsumexp",
]
