"""A temporal transformer: curves averaged over steps of about a second, attention over a window, a class token.

MVPt (Surís et al., CVPR 2022). A medium longer than a window has the mean of its windows' vectors, each by the share
of it that was seen: windows of `segment_length` lie end to end, so that memory does not grow with length, positions
stay those of training, and a medium no longer than a window is seen by one pass.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossmodal.model.config import ModelConfig, SideConfig
from crossmodal.model.tower import Tower
from crossmodal.similarity.vectors import unit_rows

WINDOWS_AT_ONCE = 256  # bounds memory on long media


class AttentionLayer(nn.Module):
    """Self-attention and a feed-forward layer, each normalised before and added on (pre-norm)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_heads = config.attention_heads
        self.before_attention, self.before_mlp = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.to_qkv = nn.Linear(config.width, 3 * config.width)
        self.from_heads = nn.Linear(config.width, config.width)
        self.mlp = nn.Sequential(
            nn.Linear(config.width, config.hidden), nn.GELU(), nn.Linear(config.hidden, config.width)
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """(N, S, W) with (N, S) bool -> (N, S, W); what is not seen is attended by none."""
        qkv = self.to_qkv(self.before_attention(x)).unflatten(2, (3, self.n_heads, -1))  # (N, S, 3, h, W / h)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None])  # (N, h, S, W / h)
        x = x + self.dropout(self.from_heads(mixed.transpose(1, 2).flatten(2)))
        return x + self.dropout(self.mlp(self.before_mlp(x)))


class ClassTokenHead(nn.Module):
    """The vector of a stretch: steps, positions, layers of attention, and what the class token has gathered.

    Args:
        config: the model's.
        dim: D.
    """

    def __init__(self, config: ModelConfig, dim: int) -> None:
        super().__init__()
        self.step = max(round(config.step / config.hop), 1)  # rows
        self.window = max(round(config.segment_length / config.hop / self.step), 1) * self.step  # rows
        self.token = nn.Parameter(torch.zeros(config.width))
        self.layers = nn.ModuleList(AttentionLayer(config) for _ in range(config.depth))
        self.last = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, dim))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(N, W, T) with (N, T) bool -> (N, D) unit; a row that has seen nothing is not meaningful."""
        rows, length = mask.shape
        unit = self.step if length <= self.window else self.window
        x, mask = (F.pad(part, (0, -length % unit)) for part in (x, mask))
        steps, counts = self._steps(x, mask)  # (N, S, W), (N, S)
        per_window = min(self.window // self.step, steps.shape[1])
        windows = steps.reshape(-1, per_window, steps.shape[2]), counts.reshape(-1, per_window)
        parts = zip(*(part.split(WINDOWS_AT_ONCE) for part in windows), strict=True)
        vectors = torch.cat([self._attend(part, count > 0) for part, count in parts])
        share = windows[1].sum(1).reshape(rows, -1, 1).to(x.dtype)  # (N, K, 1)
        whole = (vectors.reshape(rows, share.shape[1], -1) * share).sum(1) / share.sum(1).clamp_min(1)
        return unit_rows(whole)

    def _steps(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        counts = mask.unflatten(1, (-1, self.step)).sum(2)  # (N, S) rows seen
        sums = torch.where(mask[:, None], x, 0).unflatten(2, (-1, self.step)).sum(3)  # (N, W, S)
        return (sums / counts.clamp_min(1)[:, None]).transpose(1, 2), counts

    def _attend(self, steps: Tensor, seen: Tensor) -> Tensor:
        """(K, S, W) with (K, S) bool -> (K, D) unit."""
        placed = steps + positions(steps.shape[1], steps.shape[2]).to(steps)
        x = torch.cat([self.token.expand(len(steps), 1, -1), placed], 1)
        seen = F.pad(seen, (1, 0), value=True)
        for layer in self.layers:
            x = layer(x, seen)
        return unit_rows(self.last(x[:, 0]))


def positions(count: int, width: int) -> Tensor:
    """(count, width) sines and cosines of every step's place (Vaswani et al., NeurIPS 2017, §3.5)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(count)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], 2).flatten(1)[:, :width]


class TransformerTower(Tower):
    """Prepared curves -> a linear map a row; attention over steps makes the vector, a 1x1 the sequence if there is one.

    The map is linear, so that the mean over a step's rows is the map of the features' mean, as in the paper.

    Args:
        config: the model's; `width`, `depth`, `attention_heads`, `hidden` and `step` are of the attention.
        side: what stands before this tower.
    """

    def __init__(self, config: ModelConfig, side: SideConfig) -> None:
        super().__init__(config, side, config.width)
        self.enter = nn.Conv1d(2 * side.channels, config.width, 1)
        self.to_sequence = self._sequence_layer()
        self.to_vector = ClassTokenHead(config, config.vector_dim)
        self.to_label_vector = ClassTokenHead(config, config.label_dim) if config.label_dim else None

    def encode(self, curves: Tensor, mask: Tensor) -> Tensor:
        """Prepared curves (N, 2C, T) with (N, T) bool -> (N, W, T), zero where unseen."""
        return torch.where(mask[:, None], self.enter(curves), 0)
