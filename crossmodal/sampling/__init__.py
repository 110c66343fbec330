"""Which rows stand together in a batch (samplers), and which pairs of it a loss sees (miners)."""

from crossmodal.sampling.batches import (
    BalancedBatches,
    OneRowPerGroup,
    PlannedBatches,
    UniqueTrackBatches,
    choose_batches,
    fitting_batch,
)
from crossmodal.sampling.hard_negatives import HardNegativeBatches
from crossmodal.sampling.miners import (
    MINERS,
    Angular,
    DistanceWeighted,
    EasyPositive,
    Hard,
    Miner,
    MultiSimilarity,
    SemiHard,
    left_out,
)

__all__ = [
    "MINERS",
    "Angular",
    "BalancedBatches",
    "DistanceWeighted",
    "EasyPositive",
    "Hard",
    "HardNegativeBatches",
    "Miner",
    "MultiSimilarity",
    "OneRowPerGroup",
    "PlannedBatches",
    "SemiHard",
    "UniqueTrackBatches",
    "choose_batches",
    "fitting_batch",
    "left_out",
]
