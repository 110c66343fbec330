"""Similarity of two media over time, both from their beginning: what training and aligned evaluation use.

Where the clip may begin anywhere in the track, `crossmodal.similarity.starts` computes the same number for every start.
"""

import torch
from torch import Tensor

from crossmodal.similarity.correlation import BETA, FLOOR, inverse_norm, over_heads
from crossmodal.similarity.windows import check_batch

__all__ = ["BETA", "FLOOR", "aligned"]


def aligned(video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor) -> Tensor:
    """Sequence similarity of every clip with every track, step t against step t.

    Sums and n run over the steps that both sides have seen, pair by pair; a pair that shares no step has similarity 0.
    However long the rows are, they are one window (the search cuts clips above 30 s into several).

    Args:
        video: (N, T, H, d) float: H heads of d dimensions, each compared by itself.
        audio: (M, T, H, d) float.
        video_mask: (N, T) bool, True where seen.
        audio_mask: (M, T) bool.

    Returns:
        (N, M) similarity in [-1, 1], in float32 or wider.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> steps = torch.randn(1, 50, 8, 2)
        >>> seen = torch.ones(1, 50, dtype=torch.bool)
        >>> round(aligned(steps, 3 * steps + 1, seen, seen).item(), 4)
        1.0
    """
    if video.ndim == audio.ndim == 4 and video.shape[1] != audio.shape[1]:
        raise ValueError(
            f"aligned: video is {tuple(video.shape)} and audio is {tuple(audio.shape)}; both must have T steps"
        )
    check_batch("aligned", video, audio, video_mask, audio_mask)
    wide = torch.promote_types(torch.promote_types(video.dtype, audio.dtype), torch.float32)
    q, a = _own_mean_off(video.to(wide), video_mask), _own_mean_off(audio.to(wide), audio_mask)
    q_seen, a_seen = video_mask.to(wide), audio_mask.to(wide)
    n = q_seen @ a_seen.T  # (N, M) common steps
    per_step = 1 / n.clamp_min(1)
    q_sums = torch.einsum("nthd,mt->nmhd", q, a_seen)
    a_sums = torch.einsum("nt,mthd->nmhd", q_seen, a)
    dots = torch.einsum("nthd,mthd->nmh", q, a) - (q_sums * a_sums).sum(-1) * per_step[..., None]
    q_squares = torch.einsum("nth,mt->nmh", (q * q).sum(-1), a_seen) - (q_sums * q_sums).sum(-1) * per_step[..., None]
    a_squares = torch.einsum("nt,mth->nmh", q_seen, (a * a).sum(-1)) - (a_sums * a_sums).sum(-1) * per_step[..., None]
    by_head = dots * inverse_norm(q_squares, n[..., None]) * inverse_norm(a_squares, n[..., None])  # (N, M, H)
    return over_heads(by_head, -1)


def _own_mean_off(rows: Tensor, mask: Tensor) -> Tensor:
    # The correlation does not see a constant; taking each row's own off first keeps the digits of what is left.
    seen = mask[..., None, None]
    rows = torch.where(seen, rows, 0)
    mean = rows.sum(1, keepdim=True) / mask.sum(1).clamp_min(1)[:, None, None, None]
    return torch.where(seen, rows - mean, 0)
