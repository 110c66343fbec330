"""Retrieval metrics: ranks, recall, precision, chance, sub-pools, hubs, and intervals by group. NumPy only.

Ranks start at 1. A tie is worth what a random order of the tied would give on average; whatever else is doubtful counts
against the system: NaN ranks last, and a query without a positive is a miss at every k.
"""

from crossmodal.metrics.chance import chance_recall_at_k
from crossmodal.metrics.chunks import Precisions, precisions_of, ranks_of
from crossmodal.metrics.hubs import chance_coverage, chance_hubness, coverage, hubness, occurrences
from crossmodal.metrics.intervals import bootstrap_interval
from crossmodal.metrics.pools import PoolFigures, pool_recall, recall_in_pools
from crossmodal.metrics.precision import average_precisions, mean_average_precision
from crossmodal.metrics.ranking import Standings, median_rank, mrr, ranks, recall_at_k, standings

__all__ = [
    "PoolFigures",
    "Precisions",
    "Standings",
    "average_precisions",
    "bootstrap_interval",
    "chance_coverage",
    "chance_hubness",
    "chance_recall_at_k",
    "coverage",
    "hubness",
    "mean_average_precision",
    "median_rank",
    "mrr",
    "occurrences",
    "pool_recall",
    "precisions_of",
    "ranks",
    "ranks_of",
    "recall_at_k",
    "recall_in_pools",
    "standings",
]
