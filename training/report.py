"""What an evaluation says: recall both ways, medians, intervals, chance, smaller pools, hubs, paired differences."""

from dataclasses import dataclass

import numpy as np

from crossmodal.metrics import (
    Standings,
    bootstrap_interval,
    chance_coverage,
    chance_hubness,
    chance_recall_at_k,
    coverage,
    hubness,
    mean_average_precision,
    median_rank,
    mrr,
    occurrences,
    pool_recall,
    recall_in_pools,
    standings,
)
from training.data.pairs import Pair

DEPTHS = (1, 5, 10)
WAYS = ("video_to_music", "music_to_video")
POOLS = {100: 1000, 300: 300, 1000: 100}  # rows of a smaller pool -> how many are drawn


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

    def standings(self) -> tuple[Standings, Standings]:
        """Where each row's own stands, video to music and music to video."""
        is_pos, ignore = self.is_pos(), self.ignore()
        return standings(self.sim, is_pos, ignore), standings(self.sim.T, is_pos, ignore)

    def hits(self, k: int) -> np.ndarray:
        """(2, N) 0-1: is the row's own among the first k, both ways? A share where it ties at the edge."""
        return np.stack([found.hits(k) for found in self.standings()])

    def summary(self) -> dict[str, object]:
        """The figures of both directions, their mean and its interval by group, as `evaluate --json` prints them."""
        same = self.ignore() | self.is_pos()
        both = {}
        for way, sim, found in zip(WAYS, (self.sim, self.sim.T), self.standings(), strict=True):
            counts = occurrences(sim)
            both[way] = {
                **direction(found, self.groups, len(sim)),
                "map": mean_average_precision(sim, same),
                "hubness": hubness(counts),
                "coverage@10": coverage(counts),
            }
        hits = self.hits(10).mean(axis=0)
        return {
            **both,
            "mean_recall@10": float(hits.mean()) if len(hits) else float("nan"),
            "mean_interval": interval(hits, self.groups),
        }

    def pools(self) -> dict[str, object]:
        """Recall in smaller pools, by fixed draws (the reported figure) and by what endless draws would give."""
        return {str(size): self._pool(size, draws) for size, draws in POOLS.items() if size < len(self.sim)}

    def within_groups(self) -> dict[str, object]:
        """Recall@1 among the rows of one group, both ways, less its chance: more than telling groups apart.

        Rows that have no other music in their group are left out.
        """
        is_pos = self.is_pos()
        out = self.ignore() | (self.groups[:, None] != self.groups[None, :])
        rivals = (~is_pos & ~out).sum(axis=1)
        counted = rivals > 0
        hits = np.mean([standings(sim, is_pos, out).hits(1) for sim in (self.sim, self.sim.T)], axis=0)[counted]
        by_chance = 1 / (1 + rivals[counted])
        return {
            "rows": int(counted.sum()),
            "recall@1": _mean(hits),
            "chance": _mean(by_chance),
            **_difference(hits - by_chance, self.groups[counted]),
        }

    def _pool(self, size: int, draws: int) -> dict[str, object]:
        ignore, figures = self.ignore(), {}
        for way, sim, found in zip(WAYS, (self.sim, self.sim.T), self.standings(), strict=True):
            drawn = recall_in_pools(sim, ignore, size, depths=DEPTHS, draws=draws)
            figures[way] = {
                **{f"recall@{k}": value for k, value in drawn.recall.items()},
                "median_rank": drawn.median_rank,
                "spread": {f"recall@{k}": list(ends) for k, ends in drawn.spread.items()},
                "expected": {f"recall@{k}": _mean(pool_recall(found, len(sim), size, k)) for k in DEPTHS},
            }
        return {"draws": draws, "chance": {f"recall@{k}": min(k / size, 1.0) for k in DEPTHS}, **figures}


def protocol_of(pairs: list[Pair], sim: np.ndarray) -> Protocol:
    """The protocol of pairs and their similarities (N, N)."""
    return Protocol(sim, np.array([p.music_id for p in pairs]), np.array([p.group for p in pairs]))


def chance(protocol: Protocol) -> dict[str, float]:
    """What a random order would reach in this pool."""
    pool = len(protocol.sim)
    return {
        **{f"recall@{k}": chance_recall_at_k(protocol.is_pos(), k, protocol.ignore()) for k in DEPTHS},
        "median_rank": (pool + 1) / 2,
        "hubness": chance_hubness(pool, pool),
        "coverage@10": chance_coverage(pool, pool),
    }


def paired_difference(ours: Protocol, theirs: Protocol, k: int = 10) -> dict[str, object]:
    """Mean of both directions' recall at k, ours minus theirs on the same rows, with its interval by group."""
    return _difference((ours.hits(k) - theirs.hits(k)).mean(axis=0), ours.groups)


def direction(found: Standings, groups: np.ndarray, pool: int) -> dict[str, object]:
    """The figures of one direction.

    Args:
        found: standings of the queries.
        groups: (N,) of the queries.
        pool: candidates.
    """
    rank = found.expected()
    return {
        **{f"recall@{k}": _mean(found.hits(k)) for k in DEPTHS},
        "median_rank": median_rank(rank),
        "median_rank_share": median_rank(rank) / max(pool, 1),
        "mrr": mrr(rank),
        "tied": found.tied_share(),
        "interval": {f"recall@{k}": interval(found.hits(k), groups) for k in DEPTHS},
    }


def interval(values: np.ndarray, groups: np.ndarray) -> list[float]:
    """95 % interval of the mean, whole groups drawn, rounded."""
    return [round(bound, 4) for bound in bootstrap_interval(values, groups)]


def _difference(values: np.ndarray, groups: np.ndarray) -> dict[str, object]:
    return {"difference": _mean(values), "interval": interval(values, groups)}


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
