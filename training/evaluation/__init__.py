"""How good a model is on pairs."""

from training.evaluation.baselines import uses_of_training
from training.evaluation.every_epoch import retrieval
from training.evaluation.protocols import Evaluation, evaluate
from training.evaluation.scores import PairScores, aligned_scores, middle, searched_scores
from training.evaluation.untrained import untrained

__all__ = [
    "Evaluation",
    "PairScores",
    "aligned_scores",
    "evaluate",
    "middle",
    "retrieval",
    "searched_scores",
    "untrained",
    "uses_of_training",
]
