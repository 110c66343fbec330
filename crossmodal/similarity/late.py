"""Late interaction: does each step of the clip find its like anywhere in the track? It knows no order."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from crossmodal.similarity.correlation import BETA
from crossmodal.similarity.step_directions import step_directions, wide
from crossmodal.similarity.windows import check_batch

BLOCK_ENTRIES = 1 << 20  # step pairs looked at together


def late_interaction(video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor) -> Tensor:
    """The mean over the clip's steps of a soft best over the track's: `(1/beta) log mean_t' exp(beta <q_t, a_t'>)`.

    After ColBERT (Khattab and Zaharia, SIGIR 2020, eq. 3), with a log-mean-exp in place of the maximum: the count of
    steps is taken off, so that a long track gains nothing by its many chances. Steps are those of `step_directions`;
    beta = 16 as in the aligned similarity. Only steps seen count; a pair that lacks them on one side has 0. The two
    sides are not exchangeable. Memory is that of one block of step pairs, with gradients too.

    Args:
        video: (N, T, H, d) float.
        audio: (M, T', H, d) float.
        video_mask: (N, T) bool, True where seen.
        audio_mask: (M, T') bool.

    Returns:
        (N, M) similarity in [-1, 1], in float32 or wider.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> rows, seen = torch.randn(2, 40, 8, 2), torch.ones(2, 40, dtype=torch.bool)
        >>> sim = late_interaction(rows, rows.flip(1), seen, seen)
        >>> bool((sim.diagonal() > 0.7).all()), bool(sim[0, 1] < 0.5)
        (True, True)
    """
    check_batch("late_interaction", video, audio, video_mask, audio_mask)
    video, audio = wide(video, audio)
    clips, tracks = step_directions(video, video_mask), step_directions(audio, audio_mask)
    size = max(BLOCK_ENTRIES // max(video.shape[1] * audio.shape[1], 1), 1)
    rows = []
    for clip, seen in zip(clips, video_mask, strict=True):
        blocks = zip(tracks.split(size), audio_mask.split(size), strict=True)
        rows.append(torch.cat([checkpoint(_block, clip, seen, *block, use_reentrant=False) for block in blocks]))
    return torch.stack(rows) if rows else video.new_zeros(0, len(audio))


def _block(clip: Tensor, seen: Tensor, tracks: Tensor, shown: Tensor) -> Tensor:
    """(B,) of one clip (T, C) on tracks (B, T', C)."""
    sharp = BETA * torch.einsum("tc,buc->btu", clip, tracks)
    sharp = torch.where(shown[:, None], sharp, torch.finfo(sharp.dtype).min)
    n_shown = shown.sum(1)  # (B,)
    best = (sharp.logsumexp(2) - n_shown.clamp_min(1).log()[:, None]) / BETA  # (B, T)
    mean = torch.where(seen, best, 0).sum(1) / seen.sum().clamp_min(1)
    return torch.where(n_shown > 0, mean, 0)
