"""Where each query's best positive stands, and what is read off: recall, median rank, mean reciprocal rank."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Standings:
    """Where the best positive of each query stands, ties told apart from what is truly ahead.

    Args:
        ahead: (N,) int64: wrong candidates that are closer than the best positive.
        tied: (N,) int64: wrong candidates that are exactly as close.
        right: (N,) int64: positives that are exactly as close as the best one, itself included; 0: there is none.

    Example:
        >>> standings(np.zeros((1, 5)), np.eye(1, 5, dtype=bool)).expected().tolist()
        [3.0]
    """

    ahead: np.ndarray
    tied: np.ndarray
    right: np.ndarray

    def expected(self) -> np.ndarray:
        """(N,) float: the mean rank of the first positive over all orders of the tied; inf for a miss."""
        rank = 1.0 + self.ahead + self.tied / (self.right + 1.0)
        return np.where(self.right > 0, rank, np.inf)

    def worst(self) -> np.ndarray:
        """(N,) float: the rank where every tie goes against the system; inf for a miss."""
        return np.where(self.right > 0, 1.0 + self.ahead + self.tied, np.inf)

    def hits(self, k: int) -> np.ndarray:
        """(N,) float, 0-1: how likely a positive is among the first k when the tied stand in random order."""
        room = np.clip(k - self.ahead, 0, self.tied + self.right)  # places that the tied fill
        miss = np.ones(len(self.ahead))
        for place in range(int(room.max(initial=0))):
            left = np.maximum(self.tied + self.right - place, 1)
            miss *= np.where(place < room, np.clip(self.tied - place, 0, None) / left, 1.0)
        return np.where(self.right > 0, 1.0 - miss, 0.0)

    def tied_share(self) -> float:
        """Share of the queries whose positive ties with a wrong candidate; NaN for no queries."""
        return float(np.mean((self.tied > 0) & (self.right > 0))) if len(self.tied) else float("nan")


def standings(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None = None) -> Standings:
    """Standing of each query's best positive.

    Args:
        sim: (N, M) float, higher is closer; NaN is behind everything, and a positive that is NaN behind that too.
        is_pos: (N, M) bool: which candidates are right.
        ignore: (N, M) bool: candidates that are neither right nor wrong. Positives are never ignored.

    Raises:
        ValueError: shapes differ.
    """
    same_shape(sim, is_pos, ignore)
    is_known = ~np.isnan(sim)
    sim = np.where(is_known, sim, -np.inf)
    wrong = ~is_pos if ignore is None else ~is_pos & ~ignore
    compared = is_pos & is_known
    best = np.max(np.where(compared, sim, -np.inf), axis=1, initial=-np.inf)[:, None]  # (N, 1)
    ahead, tied = (wrong & (sim > best)).sum(axis=1), (wrong & (sim == best)).sum(axis=1)
    right = (compared & (sim == best)).sum(axis=1)
    only_nan = is_pos.any(axis=1) & ~compared.any(axis=1)
    return Standings(
        ahead=np.where(only_nan, wrong.sum(axis=1), ahead),
        tied=np.where(only_nan, 0, tied),
        right=np.where(only_nan, 1, right),
    )


def ranks(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None = None) -> np.ndarray:
    """Rank of each query's best positive, (N,) float; the expected one on ties (`Standings.expected`).

    Arguments and errors as of `standings`.

    Example:
        >>> ranks(np.array([[0.9, 0.5, 0.7]]), np.array([[False, False, True]])).tolist()
        [2.0]
    """
    return standings(sim, is_pos, ignore).expected()


def recall_at_k(rank: np.ndarray, k: int) -> float:
    """Share of queries whose rank is at most k, 0-1; NaN for no queries. With many ties, average `Standings.hits`."""
    return float(np.mean(rank <= k)) if len(rank) else float("nan")


def median_rank(rank: np.ndarray) -> float:
    """Median of the ranks over all queries; a miss counts as inf, NaN for no queries."""
    if not len(rank):
        return float("nan")
    ordered = np.sort(rank)
    middle = ordered[(len(rank) - 1) // 2 : len(rank) // 2 + 1]  # one or two: inf + inf stays inf
    return float(middle.sum() / len(middle))


def mrr(rank: np.ndarray) -> float:
    """Mean reciprocal rank, 0-1; a miss counts 0, NaN for no queries."""
    return float(np.mean(1.0 / rank)) if len(rank) else float("nan")


def same_shape(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray | None) -> None:
    """Raise ValueError unless all are one (N, M)."""
    if sim.ndim != 2 or is_pos.shape != sim.shape or (ignore is not None and ignore.shape != sim.shape):
        shapes = f"sim {sim.shape}, is_pos {is_pos.shape}" + ("" if ignore is None else f", ignore {ignore.shape}")
        raise ValueError(f"{shapes}: all must share one shape (N, M)")
