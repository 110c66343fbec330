"""The compact model's tower: gated dilated convolutions, and a global head that hears the pulse.

Between two rows that a gap of at least the largest dilation separates nothing passes: each layer's output is masked.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossmodal.model.config import ModelConfig, SideConfig
from crossmodal.model.tower import Tower, moments
from crossmodal.similarity.vectors import unit_rows


class GatedLayer(nn.Module):
    """A residual dilated convolution whose output is gated: `x + tanh(a) sigmoid(b)`. Dropout takes whole channels."""

    def __init__(self, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, 2 * width, kernel, padding=dilation * (kernel // 2), dilation=dilation)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(N, W, T) with (N, 1, T) bool -> (N, W, T)."""
        value, gate = self.conv(x).chunk(2, 1)
        return torch.where(mask, x + self.dropout(value.tanh() * gate.sigmoid()), 0)


class GlobalHead(nn.Module):
    """What a medium is like: mean and deviation over time, and its pulse: the autocorrelation of learned curves."""

    # Pairs of steps that the autocorrelation adds as if they were 0: few pairs say little.
    PRIOR_PAIRS = 10

    def __init__(self, config: ModelConfig, dim: int) -> None:
        super().__init__()
        self.lags = config.lags
        self.curves = nn.Conv1d(config.width, config.lag_channels, 1)
        self.mlp = nn.Sequential(
            nn.Linear(2 * config.width + config.lag_channels * config.lags, config.hidden),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, dim),
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(N, W, T) with (N, T) bool -> (N, D) unit; a row that has seen nothing is not meaningful."""
        mean, _, deviation = moments(x, mask)
        pulse = self._autocorrelation(self.curves(x), mask)  # (N, c, lags)
        return unit_rows(self.mlp(torch.cat([mean, deviation, pulse.flatten(1)], 1)))

    def _autocorrelation(self, curves: Tensor, mask: Tensor) -> Tensor:
        _, centred, deviation = moments(curves, mask)
        pairs = _at_lags(mask.to(curves.dtype)[:, None], self.lags).round()  # (N, 1, lags)
        return _at_lags(centred, self.lags) / (pairs + self.PRIOR_PAIRS) / deviation.square()[..., None]


def _at_lags(x: Tensor, lags: int) -> Tensor:
    """Sums over time of x_t x_(t+l) for l = 1 .. lags: (N, c, T) -> (N, c, lags); x is padded, so short rows give 0."""
    length = x.shape[-1] + lags
    length += length % 2
    spectrum = torch.fft.rfft(x, length)
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.fft.irfft(power.to(spectrum.dtype), length)[..., 1 : lags + 1]


class ConvTower(Tower):
    """Curves -> 1x1 to the width -> gated dilated convolutions -> sequence; pulse and statistics -> vector.

    Args:
        config: the model's.
        side: what stands before this tower.
    """

    def __init__(self, config: ModelConfig, side: SideConfig) -> None:
        super().__init__(config, side, config.width)
        self.reach, self.gap = config.reach, max(config.dilations) * (config.kernel // 2)
        self.enter = nn.Conv1d(2 * side.channels, config.width, 1)
        self.layers = nn.ModuleList(
            GatedLayer(config.width, config.kernel, dilation, config.dropout) for dilation in config.dilations
        )
        self.to_sequence = self._sequence_layer()
        self.to_vector = GlobalHead(config, config.vector_dim)
        self.to_label_vector = GlobalHead(config, config.label_dim) if config.label_dim else None

    def encode(self, curves: Tensor, mask: Tensor) -> Tensor:
        """Prepared curves (N, 2C, T) with (N, T) bool -> (N, W, T), zero where unseen."""
        seen = mask[:, None]
        x = torch.where(seen, F.gelu(self.enter(curves)), 0)
        for layer in self.layers:
            x = layer(x, seen)
        return x
