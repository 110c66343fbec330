"""Sigmoid loss of SigLIP: each pair by itself, with a learned scale and bias."""

import math

import torch
from torch import Tensor, nn

from crossmodal.losses.base import PairLoss, log1p_exp
from crossmodal.similarity.vectors import Similarity


class SigLIP(PairLoss):
    """SigLIP: every pair is a question of yes or no, none competes with another.

    Zhai et al., ICCV 2023: `1/N sum_ij log(1 + exp(-z_ij (t s_ij + b)))`, z = 1 for positives and -1 for
    negatives, divided by rows and not by pairs. Rows and batches with negatives only are legitimate and count: any
    number of positives, none included, is as good as one.

    Args:
        logit_scale: t at the start, > 0; the paper's 10.
        bias: b at the start; the paper's -10, which says that almost no pair is positive.
        max_scale: scale and size of the bias are held at or under this after each step (`after_step`).
        learned: False keeps both as they are.

    Example:
        >>> sim = torch.tensor([[0.8, 0.3, -0.1], [0.2, 0.6, 0.5]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(SigLIP()(sim, is_pos).item(), 5)
        5.57653
    """

    expects, needs = Similarity.BOUNDED, frozenset()

    def __init__(
        self, logit_scale: float = 10.0, bias: float = -10.0, *, max_scale: float = 100.0, learned: bool = True
    ) -> None:
        super().__init__()
        if not 0 < logit_scale <= max_scale:
            raise ValueError(
                f"SigLIP: logit_scale is {logit_scale}; it must be above 0 and at most max_scale, {max_scale}"
            )
        self.max_scale = max_scale
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)), requires_grad=learned)
        self.bias = nn.Parameter(torch.tensor(bias), requires_grad=learned)

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = sim * self.log_scale.to(sim.dtype).exp() + self.bias.to(sim.dtype)  # (N, M)
        wrong = log1p_exp(torch.where(is_pos, -logits, logits))
        counted = is_pos | is_neg
        return [(torch.where(counted, wrong, 0).sum(1), counted.any(1))]  # mean over rows

    @torch.no_grad()
    def after_step(self) -> None:
        self.log_scale.clamp_(max=math.log(self.max_scale))
        self.bias.clamp_(-self.max_scale, self.max_scale)
