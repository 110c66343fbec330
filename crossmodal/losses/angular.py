"""Softmax losses with a multiplied angle: Large-margin Softmax and SphereFace, with their annealing."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from crossmodal.losses.proxy_base import ProxyLoss, at_target, cosines, cross_entropy, lengths, with_target


@dataclass(frozen=True, slots=True)
class Annealing:
    """How much of the plain cosine is mixed in after `t` steps: `max(least, base (1 + gamma t)^-power)`.

    Args:
        base: at the start, at least 0.
        gamma: how soon it falls, at least 0.
        power: how steeply, at least 0.
        least: where it ends; 0 reaches the full margin.
    """

    base: float
    gamma: float
    power: float
    least: float

    def __post_init__(self) -> None:
        if min(self.base, self.gamma, self.power, self.least) < 0:
            raise ValueError(f"{self}: nothing in it may be below 0")

    def __call__(self, step: Tensor) -> Tensor:
        """The share after `step` steps, a scalar float32."""
        return (self.base * (1 + self.gamma * step.float()) ** -self.power).clamp_min(self.least)


SPHEREFACE = Annealing(1000, 0.12, 1, 5)  # authors' code; it never reaches the full margin
MNIST = Annealing(1000, 2.5e-5, 35, 0)  # the large-margin authors' code
NONE = Annealing(0, 0, 0, 0)


class LargeMarginSoftmax(ProxyLoss):
    """Large-margin Softmax: the angle to the own class counts `m` times; lengths are free.

    Liu et al., ICML 2016: cross-entropy of `|w_j| |x| cos t_j`, for the own class `|w_y| |x| psi(t_y)` with
    `psi(t) = (-1)^k cos(m t) - 2k`, mixed with the plain cosine by `annealing`.

    Args:
        dim: D of the vectors.
        classes: K.
        m: 1 to 8; the paper's 2 to 4.
        annealing: steps are counted by `after_step`. The default is the authors' for MNIST; for CIFAR-10 they have
            m=2, gamma 2e-5 and power 45. `NONE`: the full margin at once, which seldom trains.
    """

    step: Tensor

    def __init__(self, dim: int, classes: int, *, m: int = 4, annealing: Annealing = MNIST) -> None:
        super().__init__(dim, classes)
        if not 1 <= m <= 8:
            raise ValueError(f"{type(self).__name__}: m is {m}; it must be 1 to 8")
        self.m, self.annealing = m, annealing
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        cos = cosines(emb, self.proxies)
        scale = lengths(emb)[:, None] * self._class_lengths(emb)  # (N, K)
        mixed = self._mixed(at_target(cos, labels))
        return cross_entropy(scale * with_target(cos, labels, mixed), labels, share)

    def after_step(self) -> None:
        self.step += 1

    def _mixed(self, cos: Tensor) -> Tensor:
        plain = self.annealing(self.step).to(cos.dtype)
        return (plain * cos + psi(cos, self.m)) / (1 + plain)

    def _class_lengths(self, emb: Tensor) -> Tensor:
        return lengths(self.proxies.to(emb.dtype))


class SphereFace(LargeMarginSoftmax):
    """Angular Softmax of SphereFace: as `LargeMarginSoftmax`, with class weights of length 1.

    Liu et al., CVPR 2017. For the classes to lie tighter than they lie apart m must be at least
    2 + sqrt 3 for two classes and 3 for more.

    Args:
        dim, classes: as of `LargeMarginSoftmax`.
        m: the paper's 4.
        annealing: the authors' code ends at 5, which is about m = 1.5.
    """

    def __init__(self, dim: int, classes: int, *, m: int = 4, annealing: Annealing = SPHEREFACE) -> None:
        super().__init__(dim, classes, m=m, annealing=annealing)

    def _class_lengths(self, emb: Tensor) -> Tensor:
        return emb.new_ones(self.classes)


def psi(cos: Tensor, m: int) -> Tensor:
    """`(-1)^k cos(m t) - 2k` for t in [k pi/m, (k+1) pi/m], out of `cos t`: falls from 1 to 1 - 2m, without a step."""
    before, multiple = torch.ones_like(cos), cos  # Chebyshev: cos(m t) without an angle
    for _ in range(m - 1):
        before, multiple = multiple, 2 * cos * multiple - before
    k = torch.zeros_like(cos)
    for join in range(1, m):
        k = k + (cos.detach() < math.cos(join * math.pi / m)).to(cos.dtype)
    return torch.where(k % 2 == 0, multiple, -multiple) - 2 * k
