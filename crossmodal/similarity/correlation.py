"""The formula of the sequence similarity: correlation head by head, and the log-mean-exp over heads.

Each head is compared by itself: `r_h = <Q~_h, A~_h> / (max(|Q~_h|, e sqrt n) max(|A~_h|, e sqrt n))`, both sides
centred over the window, and `r = (1/beta) log mean_h exp(beta r_h)`: a clip may follow its music in one respect only.
The floor e gives 0 to silence and stills, not noise.
"""

import math

from torch import Tensor

BETA = 16.0
FLOOR = 0.05


def over_heads(by_head: Tensor, dim: int) -> Tensor:
    """Log-mean-exp of the heads' correlations along `dim`: `(1/beta) log mean_h exp(beta r_h)`."""
    return (BETA * by_head).logsumexp(dim).div(BETA) - math.log(by_head.shape[dim]) / BETA


def inverse_norm(squares: Tensor, n_steps: Tensor | float) -> Tensor:
    """`1 / max(|x|, e sqrt n)` out of |x|^2 and the number of steps (broadcast); n = 0 gives a finite value."""
    if isinstance(n_steps, Tensor):
        return squares.maximum(n_steps.clamp_min(1) * FLOOR**2).rsqrt()
    return squares.clamp_min(max(n_steps, 1) * FLOOR**2).rsqrt()


def over_heads_sharp(sharp: Tensor, dim: int) -> Tensor:
    """`over_heads` of `sharp = beta r_h`, overwritten. As |r_h| <= 1, no maximum is taken off first, to save time."""
    return sharp.exp_().mean(dim).log_().div_(BETA)
