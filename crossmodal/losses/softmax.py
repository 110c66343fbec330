"""Softmax losses on normalised rows: L2-Softmax, NormFace, CosFace and AM-Softmax, ArcFace."""

import math

import torch
from torch import Tensor, nn

from crossmodal.losses.proxy_base import ProxyLoss, at_target, cosines, cross_entropy, with_target
from crossmodal.similarity.vectors import unit_rows

EPSILON = 1e-12  # of a squared sine: below it the angle is taken as 1e-6, where ArcFace's exact slope diverges


class L2Softmax(ProxyLoss):
    """L2-Softmax: rows of one length `alpha`; class weights and biases are free.

    Ranjan et al. 2017: cross-entropy of `alpha w_j.x/|x| + b_j`. The paper's alpha is fixed at 16 to 50 by data
    set, or learned: a free alpha grows and loosens the constraint, so give it no weight decay and a floor by
    `crossmodal.losses.bounds.l2_softmax_least_alpha`.

    Args:
        dim: D of the vectors.
        classes: K.
        alpha: > 0, at the start where it is learned.
        learned: learn its logarithm.

    Example:
        >>> loss = L2Softmax(2, 3, alpha=4)
        >>> loss.proxies.data = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
        >>> round(loss(torch.tensor([[3.0, 4.0]]), torch.tensor([0])).item(), 4)
        4.0218
    """

    def __init__(self, dim: int, classes: int, *, alpha: float = 16.0, learned: bool = False) -> None:
        super().__init__(dim, classes, bias=True)
        self.log_alpha = log_constant("L2Softmax", "alpha", alpha, learned=learned)

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        logits = unit_rows(emb) @ self.proxies.to(emb.dtype).T * self.log_alpha.to(emb.dtype).exp()
        return cross_entropy(logits + self.bias.to(emb.dtype), labels, share)

    @torch.no_grad()
    def after_step(self) -> None:
        hold(self.log_alpha)


class NormFace(ProxyLoss):
    """NormFace: cross-entropy of `scale cos(x, w_j)`.

    Wang et al., ACM MM 2017; their scale, the square of both lengths, is fixed or learned. The loss cannot
    fall below `crossmodal.losses.bounds.normface_least_loss`, which says what scale the number of classes wants.

    Args:
        dim: D of the vectors.
        classes: K.
        scale: > 0, at the start where it is learned. 20 serves tens of classes; NT-Xent's searches found 50 to 100.
        learned: learn its logarithm.
    """

    def __init__(self, dim: int, classes: int, *, scale: float = 20.0, learned: bool = True) -> None:
        super().__init__(dim, classes)
        self.log_scale = log_constant("NormFace", "scale", scale, learned=learned)

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        return cross_entropy(cosines(emb, self.proxies) * self.log_scale.to(emb.dtype).exp(), labels, share)

    @torch.no_grad()
    def after_step(self) -> None:
        hold(self.log_scale)


class CosFace(ProxyLoss):
    """CosFace: the cosine with the own class counts `margin` less.

    Wang et al., CVPR 2018, eq. 4: cross-entropy of `scale (cos t_y - margin)` and `scale cos t_j`. `AMSoftmax` is the
    same with the defaults of its paper. Bounds of both constants: `crossmodal.losses.bounds`.

    Args:
        dim: D of the vectors.
        classes: K.
        scale: > 0; the paper's 64. Searched on picture retrieval: 100 to 160.
        margin: at least 0; the paper's .35 (a well-known port has .4). Searched: .4 to .7.
    """

    def __init__(self, dim: int, classes: int, *, scale: float = 64.0, margin: float = 0.35) -> None:
        super().__init__(dim, classes)
        check_margin(type(self).__name__, scale, margin)
        self.scale, self.margin = scale, margin

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        cos = cosines(emb, self.proxies)
        further = at_target(cos, labels) - self.margin
        return cross_entropy(self.scale * with_target(cos, labels, further), labels, share)


class AMSoftmax(CosFace):
    """AM-Softmax: `CosFace` with scale 30 and margin .35.

    Wang et al., IEEE Signal Processing Letters 2018; constants of the authors' code.

    Args:
        dim, classes, scale, margin: as of `CosFace`.
    """

    def __init__(self, dim: int, classes: int, *, scale: float = 30.0, margin: float = 0.35) -> None:
        super().__init__(dim, classes, scale=scale, margin=margin)


class ArcFace(ProxyLoss):
    """ArcFace: the angle to the own class counts `margin` more.

    Deng et al., CVPR 2019, eq. 3: cross-entropy of `scale cos(t_y + margin)` and `scale cos t_j`. Past `t_y = pi -
    margin`, where that cosine would rise again, it is `scale (cos t_y - margin sin margin)`, as in the authors' code:
    monotone, with a step at the join. The slope, which grows without limit as `t_y` goes to 0, is held.

    Args:
        dim: D of the vectors.
        classes: K.
        scale: > 0; the paper's 64.
        margin: in radians, in [0, pi/2]; the paper's .5.
    """

    def __init__(self, dim: int, classes: int, *, scale: float = 64.0, margin: float = 0.5) -> None:
        super().__init__(dim, classes)
        check_margin("ArcFace", scale, margin)
        if margin > math.pi / 2:
            raise ValueError(f"ArcFace: margin is {margin}; it is in radians and must be at most pi/2")
        self.scale, self.margin = scale, margin

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        cos = cosines(emb, self.proxies)
        further = arc(at_target(cos, labels), self.margin)
        return cross_entropy(self.scale * with_target(cos, labels, further), labels, share)


def arc(cos: Tensor, margin: float) -> Tensor:
    """`cos(t + margin)` out of `cos t`, continued downwards past `t = pi - margin`."""
    sine = (1 - cos.square()).clamp_min(EPSILON).sqrt()
    further = cos * math.cos(margin) - sine * math.sin(margin)
    return torch.where(cos >= math.cos(math.pi - margin), further, cos - margin * math.sin(margin))


def log_constant(name: str, label: str, value: float, *, learned: bool) -> nn.Parameter:
    """The logarithm of a positive constant, so that steps keep it positive."""
    if value <= 0:
        raise ValueError(f"{name}: {label} is {value}; it must be above 0")
    return nn.Parameter(torch.tensor(math.log(value)), requires_grad=learned)


def hold(log_scale: nn.Parameter, most: float = 256.0) -> None:
    """Keep a learned scale in 1/most .. most."""
    log_scale.clamp_(-math.log(most), math.log(most))


def check_margin(name: str, scale: float, margin: float) -> None:
    """Raise ValueError for constants out of range."""
    if scale <= 0 or margin < 0:
        raise ValueError(f"{name}: scale is {scale} and margin {margin}; scale must be above 0, margin at least 0")
