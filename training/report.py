"""What an evaluation says: recall both ways, medians, intervals, chance, and paired differences to another system."""

from dataclasses import dataclass

import numpy as np

from crossmodal.metrics import bootstrap_interval, chance_recall_at_k, median_rank, mrr, ranks, recall_at_k

DEPTHS = (1, 5, 10)


@dataclass(frozen=True, slots=True, eq=False)
class Protocol:
    """The similarity of every clip with every row's music under one protocol.

    Args:
        sim: (N, N) float, higher is closer; row i belongs to column i.
        music: (N,) str: other rows of one music are neither right nor wrong.
        groups: (N,) str: rows that stand or fall together.
    """

    sim: np.ndarray
    music: np.ndarray
    groups: np.ndarray

    def is_pos(self) -> np.ndarray:
        """(N, N) bool: the diagonal."""
        return np.eye(len(self.sim), dtype=bool)

    def ignore(self) -> np.ndarray:
        """(N, N) bool: other rows of one music."""
        return (self.music[:, None] == self.music[None, :]) & ~self.is_pos()

    def hits(self, k: int) -> np.ndarray:
        """(2, N) 0 or 1: is the row's own among the first k, video to music and music to video?"""
        return np.stack([rank <= k for rank in self._ranks()]).astype(float)

    def summary(self) -> dict[str, object]:
        """The figures of both directions, their mean and its interval by group, as `evaluate --json` prints them."""
        names = ("video_to_music", "music_to_video")
        both = {name: _direction(rank, self.groups) for name, rank in zip(names, self._ranks(), strict=True)}
        hits = self.hits(10).mean(axis=0)
        return {
            **both,
            "mean_recall@10": float(hits.mean()) if len(hits) else float("nan"),
            "mean_interval": _interval(hits, self.groups),
        }

    def _ranks(self) -> tuple[np.ndarray, np.ndarray]:
        is_pos, ignore = self.is_pos(), self.ignore()
        return ranks(self.sim, is_pos, ignore), ranks(self.sim.T, is_pos, ignore)


def chance(protocol: Protocol) -> dict[str, float]:
    """Recall that a random order would reach in this pool."""
    return {f"recall@{k}": chance_recall_at_k(protocol.is_pos(), k, protocol.ignore()) for k in DEPTHS}


def paired_difference(ours: Protocol, theirs: Protocol, k: int = 10) -> dict[str, object]:
    """Mean of both directions' recall at k, ours minus theirs on the same rows, with its interval by group."""
    difference = (ours.hits(k) - theirs.hits(k)).mean(axis=0)
    return {"difference": float(difference.mean()), "interval": _interval(difference, ours.groups)}


def _direction(rank: np.ndarray, groups: np.ndarray) -> dict[str, object]:
    return {
        **{f"recall@{k}": recall_at_k(rank, k) for k in DEPTHS},
        "median_rank": median_rank(rank),
        "mrr": mrr(rank),
        "interval": {f"recall@{k}": _interval((rank <= k).astype(float), groups) for k in DEPTHS},
    }


def _interval(values: np.ndarray, groups: np.ndarray) -> list[float]:
    return [round(bound, 4) for bound in bootstrap_interval(values, groups)]
