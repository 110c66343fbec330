"""A tower: curves over time in, a global vector and a sequence out. Rows that are not seen count nowhere.

Between two rows that a gap of at least the largest dilation separates nothing passes: each layer's output is masked.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crossmodal.model.config import LevelConfig, ModelConfig, SideConfig
from crossmodal.similarity.vectors import unit_rows

# A curve whose own deviation is under this share of the training set's is taken to stand still.
LEAST_DEVIATION = 0.1


class Preparation(nn.Module):
    """Curves made comparable: loudness off, standardised over the training set, and beside it by the medium itself.

    Args:
        side: channels and level of the side.
        clip: both copies are held within plus and minus this.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, side: SideConfig, clip: float) -> None:
        super().__init__()
        self.level, self.clip = side.level, clip
        self.register_buffer("mean", torch.zeros(side.channels))
        self.register_buffer("deviation", torch.ones(side.channels))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """(N, T, C) with (N, T) bool -> (N, 2C, T), zero where unseen; statistics are taken over what `mask` shows."""
        seen = mask[..., None]
        values = torch.where(seen, self.without_level(values, mask), 0)
        curves = torch.where(seen, (values - self.mean) / self.deviation, 0)  # (N, T, C)
        n_seen = seen.sum(1, keepdim=True).clamp_min(1)
        own_mean = curves.sum(1, keepdim=True) / n_seen
        centred = torch.where(seen, curves - own_mean, 0)
        own_deviation = (centred.square().sum(1, keepdim=True) / n_seen).clamp_min(LEAST_DEVIATION**2).sqrt()
        both = torch.cat([curves, centred / own_deviation], -1).clamp(-self.clip, self.clip)
        return both.transpose(1, 2)

    def without_level(self, values: Tensor, mask: Tensor) -> Tensor:
        """The same curves (N, T, C) as if the medium's mean power over `mask` (N, T) were 1."""
        return values if self.level is None else _without_level(values, mask, self.level)

    @torch.no_grad()
    def fit(self, mean: Tensor, deviation: Tensor) -> None:
        """Set mean and deviation (C,) of the training set, taken over curves that `without_level` made."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp_min(1e-4))


def _without_level(values: Tensor, mask: Tensor, level: LevelConfig) -> Tensor:
    log_power = torch.where(mask, values[..., level.reference] * (math.log(10) / 10), -torch.inf)
    n_seen = mask.sum(1, keepdim=True).clamp_min(1)
    loudness = log_power.logsumexp(1, keepdim=True) - n_seen.log()  # (N, 1) ln of power
    loudness = torch.where(mask.any(1, keepdim=True), loudness, 0)[..., None]
    shift, scale = values.new_zeros(2, values.shape[-1])
    shift[list(level.shift)] = 10 / math.log(10)
    scale[list(level.scale)] = 0.5
    return (values - shift * loudness) * (-scale * loudness).exp()


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
        mean, _, deviation = _moments(x, mask)
        pulse = self._autocorrelation(self.curves(x), mask)  # (N, c, lags)
        return unit_rows(self.mlp(torch.cat([mean, deviation, pulse.flatten(1)], 1)))

    def _autocorrelation(self, curves: Tensor, mask: Tensor) -> Tensor:
        _, centred, deviation = _moments(curves, mask)
        pairs = _at_lags(mask.to(curves.dtype)[:, None], self.lags).round()  # (N, 1, lags)
        return _at_lags(centred, self.lags) / (pairs + self.PRIOR_PAIRS) / deviation.square()[..., None]


def _moments(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    # (N, W) mean, (N, W, T) centred and zero where unseen, (N, W) deviation, never 0
    seen = mask[:, None]
    n_seen = mask.sum(1).clamp_min(1)[:, None]
    mean = torch.where(seen, x, 0).sum(2) / n_seen
    centred = torch.where(seen, x - mean[..., None], 0)
    return mean, centred, (centred.square().sum(2) / n_seen + 1e-4).sqrt()


def _at_lags(x: Tensor, lags: int) -> Tensor:
    """Sums over time of x_t x_(t+l) for l = 1 .. lags: (N, c, T) -> (N, c, lags); x is padded, so short rows give 0."""
    length = x.shape[-1] + lags
    length += length % 2
    spectrum = torch.fft.rfft(x, length)
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.fft.irfft(power.to(spectrum.dtype), length)[..., 1 : lags + 1]


class Tower(nn.Module):
    """Curves of one side in, (vector, sequence) out.

    Args:
        config: the model's.
        side: what stands before this tower.

    Attributes:
        to_label_vector: the second projection, trained by label: (N, W, T) with (N, T) -> (N, L) unit; or None.
    """

    def __init__(self, config: ModelConfig, side: SideConfig) -> None:
        super().__init__()
        self.heads, self.head_dim = config.heads, config.head_dim
        self.prepare = Preparation(side, config.clip)
        self.enter = nn.Conv1d(2 * side.channels, config.width, 1)
        self.layers = nn.ModuleList(
            GatedLayer(config.width, config.kernel, dilation, config.dropout) for dilation in config.dilations
        )
        self.to_sequence = nn.Conv1d(config.width, config.heads * config.head_dim, 1)
        self.to_vector = GlobalHead(config, config.vector_dim)
        self.to_label_vector = GlobalHead(config, config.label_dim) if config.label_dim else None

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

    def encode(self, curves: Tensor, mask: Tensor) -> Tensor:
        """Prepared curves (N, 2C, T) with (N, T) bool -> (N, W, T), zero where unseen. Training adds noise before."""
        seen = mask[:, None]
        x = torch.where(seen, F.gelu(self.enter(curves)), 0)
        for layer in self.layers:
            x = layer(x, seen)
        return x

    def sequence(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(N, W, T) with (N, T) bool -> (N, T, H, d), zero where unseen."""
        rows = torch.where(mask[:, None], self.to_sequence(hidden), 0).transpose(1, 2)  # (N, T, H d)
        return rows.reshape(*rows.shape[:2], self.heads, self.head_dim)


def _check(values: Tensor, mask: Tensor, channels: int) -> None:
    if values.ndim != 3 or values.shape[2] != channels:
        raise ValueError(f"Tower: values is {tuple(values.shape)}; it must be (rows, T, {channels})")
    if mask.shape != values.shape[:2] or mask.dtype != torch.bool:
        raise ValueError(f"Tower: mask is {tuple(mask.shape)} {mask.dtype}; it must be {tuple(values.shape[:2])} bool")
