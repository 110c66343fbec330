"""Pairwise similarity of vectors: cosine, inner product, Euclidean distance. No (N, M, D) tensor is ever made."""

from collections.abc import Callable
from enum import Enum

import torch
from torch import Tensor

# The smallest squared length that divides: below it a row counts as zero and has gradient 0 through its direction.
TINY = 1e-24


class Similarity(Enum):
    """What the entries of a similarity matrix are; higher is always closer."""

    BOUNDED = "bounded"
    DOT = "dot"
    NEG_DISTANCE = "neg_distance"
    NEG_SQ_DISTANCE = "neg_sq_distance"


def cosine(video: Tensor, audio: Tensor) -> Tensor:
    """Cosine of every row with every row, clamped to [-1, 1]; a zero row has similarity 0 and gradient 0.

    Args:
        video: (N, D) float.
        audio: (M, D) float.

    Returns:
        (N, M), in float32 or wider.

    Raises:
        ValueError: the shapes do not share D.

    Example:
        >>> cosine(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.0000]])
    """
    video, audio = _checked("cosine", video, audio)
    return _clamped(_inner(unit_rows(video), unit_rows(audio)))


def inner_product(video: Tensor, audio: Tensor) -> Tensor:
    """Inner product of every row with every row, (N, D) x (M, D) -> (N, M). Raises ValueError as `cosine` does."""
    video, audio = _checked("inner_product", video, audio)
    return _inner(video, audio)


def squared_euclidean(video: Tensor, audio: Tensor) -> Tensor:
    """Squared Euclidean distance of every row to every row, never below 0; equal rows have gradient 0.

    Both sides are moved by the mean of `audio` first: rows far from the origin keep their digits.

    Args:
        video: (N, D) float.
        audio: (M, D) float.

    Returns:
        (N, M) distances (lower is closer), in float32 or wider.

    Raises:
        ValueError: the shapes do not share D.

    Example:
        >>> squared_euclidean(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor([[25.]])
    """
    video, audio = _checked("squared_euclidean", video, audio)
    centre = audio.detach().mean(0) if audio.shape[0] else video.new_zeros(video.shape[1])
    video, audio = video - centre, audio - centre
    squares = (video * video).sum(1)[:, None] + (audio * audio).sum(1)[None, :]  # (N, M)
    return (squares - 2 * _inner(video, audio)).relu()


def euclidean(video: Tensor, audio: Tensor) -> Tensor:
    """Euclidean distance of every row to every row; at distance zero the gradient is 0, not NaN.

    Args:
        video: (N, D) float.
        audio: (M, D) float.

    Returns:
        (N, M) distances (lower is closer), in float32 or wider.

    Raises:
        ValueError: the shapes do not share D.

    Example:
        >>> euclidean(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
        tensor([[5.]])
    """
    squares = squared_euclidean(video, audio)
    far = squares > 0
    return torch.where(far, torch.where(far, squares, 1).sqrt(), 0)  # double where: sqrt never sees 0


def unit_rows(rows: Tensor) -> Tensor:
    """Rows (..., D) brought to length 1; a zero row stays zero, with gradient 0 instead of 1e12."""
    squares = (rows * rows).sum(-1, keepdim=True)
    alive = squares > TINY
    return torch.where(alive, rows * torch.where(alive, squares, 1).rsqrt(), 0)


def _negative(distance: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda video, audio: -distance(video, audio)


def pairwise(kind: Similarity) -> Callable[[Tensor, Tensor], Tensor]:
    """The function (N, D), (M, D) -> (N, M) of one kind of similarity; distances come negated."""
    return _PAIRWISE[kind]


_PAIRWISE: dict[Similarity, Callable[[Tensor, Tensor], Tensor]] = {
    Similarity.BOUNDED: cosine,
    Similarity.DOT: inner_product,
    Similarity.NEG_DISTANCE: _negative(euclidean),
    Similarity.NEG_SQ_DISTANCE: _negative(squared_euclidean),
}


def _clamped(sim: Tensor) -> Tensor:
    # Rounding makes 1.0000002 of a row with itself. Outside of the graph, since a clamp in it would stop the gradient.
    with torch.no_grad():
        sim.clamp_(-1, 1)
    return sim


def _inner(video: Tensor, audio: Tensor) -> Tensor:
    # Autocast would multiply in 8 or 11 bits: similarities near 1 would be equal that are not.
    with torch.autocast(video.device.type, enabled=False):
        return video @ audio.T


def _checked(name: str, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    if video.ndim != 2 or audio.ndim != 2 or video.shape[1] != audio.shape[1]:
        raise ValueError(
            f"{name}: video is {tuple(video.shape)} and audio is {tuple(audio.shape)}; "
            "both must be (rows, D) with one D"
        )
    wide = torch.promote_types(torch.promote_types(video.dtype, audio.dtype), torch.float32)
    return video.to(wide), audio.to(wide)
