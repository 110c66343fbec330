"""Draw each pair loss's gradient over similarity: how hard a pair is pulled or pushed where it stands.

One anchor with one positive and eight negatives of unit vectors. Above: the positive moves, all negatives stay at
similarity 0. Below: one negative moves, the positive stays at .6 and the others at 0.

Usage: python docs/plot_gradients.py     writes docs/gradients.png
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from crossmodal.losses import PAIR_LOSSES, PairLoss
from crossmodal.similarity import Similarity

NEGATIVES, STEPS = 8, 401
GROUPS = {
    "a softmax": ("infonce", "supcon", "n_pair", "lifted", "generalised_lifted"),
    "each pair by itself": ("siglip", "contrastive", "cosine_contrastive", "margin"),
    "weighed by where it stands": ("circle", "multi_similarity"),
    "triplets": ("triplet", "batch_hard", "ranking"),
}


def as_expected(cosines: Tensor, loss: PairLoss) -> Tensor:
    """What a loss is given where unit vectors have these cosines."""
    squared = (2 - 2 * cosines).clamp_min(1e-9)
    kinds = {Similarity.NEG_SQ_DISTANCE: -squared, Similarity.NEG_DISTANCE: -squared.sqrt()}
    return kinds.get(loss.expects, cosines)


def force(loss: PairLoss, moved: int, at: np.ndarray) -> np.ndarray:
    """Minus the gradient by the cosine of one entry while it moves: above 0 pulls together, below 0 pushes apart."""
    is_pos = torch.zeros(1, 1 + NEGATIVES, dtype=torch.bool)
    is_pos[0, 0] = True
    forces = []
    for value in at:
        cosines = torch.zeros(1, 1 + NEGATIVES, dtype=torch.float64)
        cosines[0, 0] = 0.6
        cosines[0, moved] = value
        cosines.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(as_expected(cosines, loss), is_pos), cosines)
        forces.append(-gradient[0, moved].item())
    return np.array(forces)


def main() -> None:
    at = np.linspace(-0.995, 0.995, STEPS)
    figure, axes = plt.subplots(2, len(GROUPS), figsize=(15, 6.2), sharex=True, sharey="row")
    for column, (title, names) in enumerate(GROUPS.items()):
        for row, moved in enumerate((0, 1)):
            axis = axes[row, column]
            for name in names:
                curve = force(PAIR_LOSSES[name](), moved, at)
                most = np.abs(curve).max()
                axis.plot(at, curve / most if most else curve, label=f"{name} (x {most:.3g})", linewidth=1.4)
            axis.legend(fontsize=7, loc="lower left")
            axis.grid(alpha=0.3)
        axes[0, column].set_title(title, fontsize=10)
        axes[1, column].set_xlabel("similarity (cosine)")
    axes[0, 0].set_ylabel("pull on the positive,\nshare of its greatest")
    axes[1, 0].set_ylabel("push on a negative,\nshare of its greatest")
    figure.tight_layout()
    figure.savefig(Path(__file__).parent / "gradients.png", dpi=80)


if __name__ == "__main__":
    main()
