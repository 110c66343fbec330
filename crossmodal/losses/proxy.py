"""Losses that compare rows with proxies as if these were rows: Proxy-NCA, Proxy-Anchor, SoftTriple, Circle by class."""

from typing import Literal

import torch
from torch import Tensor

from crossmodal.losses.base import log1p_exp, masked_logsumexp
from crossmodal.losses.circle import check_circle, circle_logits
from crossmodal.losses.proxy_base import (
    ProxyLoss,
    at_target,
    cosines,
    cross_entropy,
    is_target,
    weighted_mean,
    with_target,
)
from crossmodal.similarity.vectors import unit_rows

MEETING = 1e-5  # the root of a distance between two centres has an endless slope where they meet, which they should


class ProxyNCA(ProxyLoss):
    """Proxy-NCA: a row nearer to its class's proxy than to all others.

    Movshovitz-Attias et al., ICCV 2017: `d(x, p_y) + log sum_(j != y) exp(-d(x, p_j))`, d the squared distance of unit
    vectors; the own proxy is not in the sum, so that the loss may be below 0. `form="++"` is Proxy-NCA++ (Teh et al.,
    ECCV 2020), with the own proxy in the sum and a temperature, which most ports call Proxy-NCA.

    Args:
        dim: D of the vectors.
        classes: K.
        form: which of the two.
        temperature: divides distances, > 0; None: 1, and 1/9 for `++`, as the papers have. Searched scales: 8 to 14.
    """

    def __init__(
        self, dim: int, classes: int, *, form: Literal["nca", "++"] = "nca", temperature: float | None = None
    ) -> None:
        super().__init__(dim, classes)
        if form not in ("nca", "++") or (temperature is not None and temperature <= 0):
            raise ValueError(f"ProxyNCA: form is {form!r} and temperature {temperature}; 'nca' or '++', and above 0")
        self.form = form
        self.temperature = temperature if temperature is not None else {"nca": 1.0, "++": 1 / 9}[form]

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        logits = (2 * cosines(emb, self.proxies) - 2) / self.temperature  # (N, K) minus squared distance
        if self.form == "++":
            return cross_entropy(logits, labels, share)
        target = is_target(labels, self.classes)
        return weighted_mean(masked_logsumexp(logits, ~target) - at_target(logits, labels), share)


class ProxyAnchor(ProxyLoss):
    """Proxy-Anchor: each proxy pulls its hardest rows and pushes off the others' hardest.

    Kim et al., CVPR 2020: the mean over proxies with a row in the batch of `log(1 + sum_x exp(-alpha (s -
    delta)))` over their rows, plus the mean over all proxies of `log(1 + sum_x exp(alpha (s + delta)))` over the other
    rows. A row's weight multiplies its term in those sums.

    Args:
        dim: D of the vectors.
        classes: K.
        alpha: > 0; the paper's 32.
        delta: at least 0; the paper's .1.
    """

    def __init__(self, dim: int, classes: int, *, alpha: float = 32.0, delta: float = 0.1) -> None:
        super().__init__(dim, classes)
        if alpha <= 0 or delta < 0:
            raise ValueError(f"ProxyAnchor: alpha is {alpha} and delta {delta}; above 0, and at least 0")
        self.alpha, self.delta = alpha, delta

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        near = cosines(self.proxies.to(emb.dtype), emb)  # (K, N)
        weight = torch.where(share > 0, share, 1).log()  # (N,)
        target = is_target(labels, self.classes).T.contiguous()
        pulled, pushed = target & (share > 0), ~target & (share > 0)
        pull = log1p_exp(masked_logsumexp(weight - self.alpha * (near - self.delta), pulled))  # (K,)
        push = log1p_exp(masked_logsumexp(weight + self.alpha * (near + self.delta), pushed))
        present = pulled.any(1).sum().clamp_min(1)
        return pull.sum() / present + push.sum() / self.classes


class SoftTriple(ProxyLoss):
    """SoftTriple: several centres a class, of which the nearest count most.

    Qian et al., ICCV 2019: cross-entropy of `scale (S_c - delta [c = y])` with `S_c = sum_k softmax_k(s_ck / gamma)
    s_ck`, plus `tau / (K k (k - 1))` times the distances between centres of one class, so that superfluous ones meet.

    Args:
        dim: D of the vectors.
        classes: K.
        centres: of each class; the paper's 10.
        scale, gamma, delta, tau: the authors' 20, .1, .01, .2.
    """

    def __init__(
        self,
        dim: int,
        classes: int,
        *,
        centres: int = 10,
        scale: float = 20.0,
        gamma: float = 0.1,
        delta: float = 0.01,
        tau: float = 0.2,
    ) -> None:
        super().__init__(dim, classes, per_class=centres)
        if min(scale, gamma) <= 0 or min(delta, tau) < 0:
            raise ValueError(
                f"SoftTriple: scale is {scale}, gamma {gamma}, delta {delta} and tau {tau}; "
                "the first two must be above 0, the others at least 0"
            )
        self.centres, self.scale, self.gamma, self.delta, self.tau = centres, scale, gamma, delta, tau

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        centres = unit_rows(self.proxies.to(emb.dtype))  # (K k, D)
        near = (unit_rows(emb) @ centres.T).unflatten(1, (self.classes, self.centres))  # (N, K, k)
        soft = ((near / self.gamma).softmax(2) * near).sum(2)  # (N, K)
        further = at_target(soft, labels) - self.delta
        loss = cross_entropy(self.scale * with_target(soft, labels, further), labels, share)
        return loss if self.centres == 1 else loss + torch.where(share.sum() > 0, self.tau * self._spread(centres), 0)

    def _spread(self, centres: Tensor) -> Tensor:
        by_class = centres.unflatten(0, (self.classes, self.centres))  # (K, k, D)
        row, column = torch.triu_indices(self.centres, self.centres, 1, device=centres.device)
        inner = (by_class @ by_class.mT)[:, row, column]
        distance = (2 + MEETING - 2 * inner).clamp_min(MEETING / 2).sqrt()
        return distance.sum() / (self.classes * self.centres * (self.centres - 1))


class CircleClass(ProxyLoss):
    """Circle loss with class proxies: one similarity to the own class against those to all others.

    Sun et al., CVPR 2020, eq. 6 with the class-level similarities of its §3.1; the pair-wise form is `Circle`.

    Args:
        dim: D of the vectors.
        classes: K.
        m: relaxation, above 0 and below 1; the paper's .25 for faces.
        gamma: scale, > 0; the paper's 256 for faces.
    """

    def __init__(self, dim: int, classes: int, *, m: float = 0.25, gamma: float = 256.0) -> None:
        super().__init__(dim, classes)
        check_circle("CircleClass", m, gamma)
        self.m, self.gamma = m, gamma

    def value(self, emb: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        pull, push = circle_logits(cosines(emb, self.proxies), self.m, self.gamma)  # (N, K) each
        target = is_target(labels, self.classes)
        wrong = log1p_exp(masked_logsumexp(pull, target) + masked_logsumexp(push, ~target))
        return weighted_mean(wrong, share)
