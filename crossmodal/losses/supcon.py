"""Supervised contrastive loss, with the logarithm outside or inside of the mean over positives."""

from typing import Literal

import torch
from torch import Tensor

from crossmodal.losses.base import PairLoss, masked_logsumexp
from crossmodal.similarity.vectors import Similarity


class SupCon(PairLoss):
    """SupCon: every positive of a row against the whole row, other positives included.

    Khosla et al., NeurIPS 2020, eq. 2 (`out`, the paper's choice) and eq. 3 (`in`, never above it); between two
    encoders A(i) is all columns. Mean over all rows; one without positives counts as 0. Unlike in `InfoNCE` the
    positives of a row compete, which pushes them to equal similarity.

    Args:
        temperature: divides similarities, > 0; the paper's .1. Worth searching from .02 to .2.
        form: where the logarithm stands.

    Example:
        >>> sim = torch.tensor([[0.8, 0.3, -0.1], [0.2, 0.6, 0.5]])
        >>> is_pos = torch.tensor([[True, False, False], [False, True, True]])
        >>> round(SupCon()(sim, is_pos).item(), 6), round(SupCon(form="in")(sim, is_pos).item(), 6)
        (0.4167, 0.356643)
    """

    expects, needs = Similarity.BOUNDED, frozenset()

    def __init__(self, temperature: float = 0.1, form: Literal["out", "in"] = "out") -> None:
        super().__init__()
        if temperature <= 0 or form not in ("out", "in"):
            raise ValueError(f"SupCon: temperature is {temperature} and form {form!r}; above 0, and 'out' or 'in'")
        self.temperature, self.form = temperature, form

    def parts(self, sim: Tensor, is_pos: Tensor, is_neg: Tensor) -> list[tuple[Tensor, Tensor]]:
        logits = sim / self.temperature  # (N, M)
        n_pos = is_pos.sum(1)
        share = n_pos.clamp_min(1)
        whole = masked_logsumexp(logits, is_pos | is_neg)  # (N,)
        if self.form == "out":
            lack = whole - torch.where(is_pos, logits, 0).sum(1) / share
        else:
            lack = whole - masked_logsumexp(logits, is_pos) + share.to(logits.dtype).log()
        return [(torch.where(n_pos > 0, lack, 0), (is_pos | is_neg).any(1))]  # mean over all rows
