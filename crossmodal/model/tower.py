"""What every tower is: curves over time in, a global vector and a sequence out.

Rows that are not seen count nowhere.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from crossmodal.model.config import ModelConfig, SideConfig
from crossmodal.model.preparation import Preparation

Head = Callable[[Tensor, Tensor], Tensor]


class Tower(nn.Module, ABC):
    """Curves of one side in, (vector, sequence) out; a kind of tower writes `encode` and its global head.

    What `encode` makes may be cut in time before a head sees it: a head gives the vector of any stretch.

    Args:
        config: the model's.
        side: what stands before this tower.
        width: W, channels of what `encode` makes.

    Attributes:
        to_vector: the global head: (N, W, T) with (N, T) bool -> (N, D) unit.
        to_label_vector: the second projection, trained by label: (N, W, T) with (N, T) -> (N, L) unit; or None.
        to_sequence: 1x1 to the sequence; None: the model has none (`heads = 0`).
        reach: how many rows to each side a row of `encode` depends on.
        gap: so many unseen rows let nothing pass in `encode`.
    """

    to_vector: Head
    to_label_vector: Head | None
    to_sequence: nn.Conv1d | None
    reach: int = 0
    gap: int = 1

    def __init__(self, config: ModelConfig, side: SideConfig, width: int) -> None:
        super().__init__()
        self.heads, self.head_dim, self.width = config.heads, config.head_dim, width
        self.prepare = Preparation(side, config.clip)

    @abstractmethod
    def encode(self, curves: Tensor, mask: Tensor) -> Tensor:
        """Prepared curves (N, 2C, T) with (N, T) bool -> (N, W, T), zero where unseen. Training adds noise before."""

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Vector and sequence of each row of a batch.

        Args:
            values: (N, T, C) float, curves at true level.
            mask: (N, T) bool, True where seen; the rest, padding included, counts in no mean and no sum.

        Returns:
            (N, D) unit vectors, and (N, T, H, d) sequences that are zero where unseen.

        Raises:
            ValueError: shapes that do not fit the tower.
        """
        _check(values, mask, self.prepare.mean.shape[0])
        hidden = self.encode(self.prepare(values, mask), mask)
        return self.to_vector(hidden, mask), self.sequence(hidden, mask)

    def sequence(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(N, W, T) with (N, T) bool -> (N, T, H, d), zero where unseen; (N, T, 0, d) of a model without sequence."""
        if self.to_sequence is None:
            return hidden.new_zeros(*mask.shape, 0, self.head_dim)
        rows = torch.where(mask[:, None], self.to_sequence(hidden), 0).transpose(1, 2)  # (N, T, H d)
        return rows.reshape(*rows.shape[:2], self.heads, self.head_dim)

    def _sequence_layer(self) -> nn.Conv1d | None:
        return nn.Conv1d(self.width, self.heads * self.head_dim, 1) if self.heads else None


def moments(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of (N, W, T) with (N, T) bool: (N, W) mean, (N, W, T) centred, zero where unseen, (N, W) deviation, never 0."""
    seen = mask[:, None]
    n_seen = mask.sum(1).clamp_min(1)[:, None]
    mean = torch.where(seen, x, 0).sum(2) / n_seen
    centred = torch.where(seen, x - mean[..., None], 0)
    return mean, centred, (centred.square().sum(2) / n_seen + 1e-4).sqrt()


def _check(values: Tensor, mask: Tensor, channels: int) -> None:
    if values.ndim != 3 or values.shape[2] != channels:
        raise ValueError(f"Tower: values is {tuple(values.shape)}; it must be (rows, T, {channels})")
    if mask.shape != values.shape[:2] or mask.dtype != torch.bool:
        raise ValueError(f"Tower: mask is {tuple(mask.shape)} {mask.dtype}; it must be {tuple(values.shape[:2])} bool")
