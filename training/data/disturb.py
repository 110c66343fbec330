"""What is done to curves in training so that a small model does not learn them by heart.

Each row's draws depend on (seed, step, key of the row) alone: neither the rows beside it, nor the number of processes,
nor how many rows a tower holds at a time changes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

Draws = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How prepared curves are disturbed: both copies of each, standardised over the training set and by the clip.

    The noise stands on what a tower sees, not on the raw curves: a curve that moves little within a clip keeps its
    shape in the copy that is normalised by the clip.

    Args:
        noise: Gaussian, each value by itself.
        level: Gaussian, one offset a channel and row.
        drop: share of whole input channels that are set to 0, their mean.
        jitter: hops, uniform to both sides, one a row.
        clip: the result is held within plus and minus this.
    """

    noise: float = 0.3
    level: float = 0.5
    drop: float = 0.2
    jitter: float = 0.2
    clip: float = 5.0

    def draw(self, seeds: Sequence[int], channels: int, steps: int) -> Draws:
        """What happens to N rows: shifts (N,), noise (N, 2C, T), offsets (N, 2C, 1), and channels kept (N, 2C, 1).

        Args:
            seeds: one a row, of `row_seed`.
            channels: 2C of the prepared curves.
            steps: T.
        """
        rows = [self._draw_row(torch.Generator().manual_seed(seed), channels, steps) for seed in seeds]
        hops, noise, level, kept = (torch.stack(parts) for parts in zip(*rows, strict=True))
        return hops, noise, level, kept

    def _draw_row(self, generator: torch.Generator, channels: int, steps: int) -> Draws:
        return (
            self.jitter * (2 * torch.rand((), generator=generator) - 1),
            self.noise * torch.randn((channels, steps), generator=generator),
            self.level * torch.randn((channels, 1), generator=generator),
            torch.rand((channels, 1), generator=generator) >= self.drop,
        )

    def __call__(self, curves: Tensor, draws: Draws) -> Tensor:
        """Curves as no file shows them: shifted by parts of a hop, noisy, off level, with channels missing.

        Args:
            curves: (N, 2C, T) prepared.
            draws: of the same rows.

        Returns:
            (N, 2C, T), disturbed.
        """
        hops, noise, level, kept = draws
        return ((shifted(curves, hops) + noise + level) * kept).clamp(-self.clip, self.clip)


def row_seed(seed: int, step: int, key: str, side: str) -> int:
    """A seed of 63 bits for one side of one row at one step of a run."""
    return int.from_bytes(blake2b(f"{seed}/{step}/{side}/{key}".encode(), digest_size=8).digest()) >> 1


def shifted(curves: Tensor, hops: Tensor) -> Tensor:
    """Curves read `hops` later, between rows by a straight line; the ends hold.

    Args:
        curves: (N, C, T).
        hops: (N,) within ±1.
    """
    later = torch.cat([curves[..., 1:], curves[..., -1:]], -1)
    earlier = torch.cat([curves[..., :1], curves[..., :-1]], -1)
    ahead, behind = hops.clamp_min(0)[:, None, None], (-hops).clamp_min(0)[:, None, None]
    return curves + ahead * (later - curves) + behind * (earlier - curves)


def stretched(values: np.ndarray, seen: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Curves at another tempo: read evenly from their first row to their last, between rows by a straight line.

    Args:
        values: (T, C) float32, T at least 2.
        seen: (T,) bool.
        length: T'.

    Returns:
        values (T', C); seen (T',): where both rows that were read between are.
    """
    if len(values) == length:
        return values, seen
    before, after, share = _places(len(values), length)
    found, beyond = values.take(before, 0), values.take(after, 0)
    beyond -= found
    beyond *= share
    found += beyond
    return found, seen.take(before) & seen.take(after)


@lru_cache(maxsize=128)  # both sides of a row read at the same places
def _places(taken: int, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of `length` places in `taken` rows: the row before each, the row after, and how far it is on its way, (L, 1)."""
    places = np.linspace(0, taken - 1, length)
    before = np.minimum(places.astype(np.int64), taken - 2)
    return before, before + 1, (places - before)[:, None].astype(np.float32)
