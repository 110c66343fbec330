"""Similarity of two media over time wherever the clip may begin in the track: what a match is found by, with gradients.

The best start of every pair is found by the search of `crossmodal.similarity.starts`; there, and only there, the
similarity is computed once more with a graph: the gradient of a maximum is that of its highest value.
"""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from crossmodal.similarity.spectra import TrackSpectra
from crossmodal.similarity.starts import BONUS, LaidClip, best_starts
from crossmodal.similarity.windows import check_batch, clip_windows


def over_starts(
    video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor, *, bonus: float = BONUS
) -> tuple[Tensor, Tensor]:
    """Sequence similarity of every clip with every track at its best start: `max(r_0 + bonus, max_k r_k)`.

    A row ends with the last step that it has seen. A clip has its start wherever it lies wholly inside the track; a
    track that is no longer has the start 0. Long clips are cut into windows as by `clip_windows`. The search runs on
    the processor without a graph; memory with a graph is that of one clip on all tracks.

    Args:
        video: (N, T, H, d) float.
        audio: (M, T', H, d) float.
        video_mask: (N, T) bool, True where seen.
        audio_mask: (M, T') bool.
        bonus: what the start at 0 is favoured by.

    Returns:
        (N, M) similarity in float32 or wider, at most 1 + bonus, and (N, M) int64 the step of the track at which the
        clip begins. A pair in which nothing is seen on both sides has similarity 0 and start 0.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> track, seen = torch.randn(1, 90, 8, 2), torch.ones(1, 90, dtype=torch.bool)
        >>> sim, start = over_starts(track[:, 30:70], track, seen[:, :40], seen)
        >>> round(sim.item(), 3), start.item()
        (1.0, 30)
    """
    check_batch("over_starts", video, audio, video_mask, audio_mask)
    wide = torch.promote_types(torch.promote_types(video.dtype, audio.dtype), torch.float32)
    video, audio = video.to(wide), audio.to(wide)
    steps, lengths = _steps(video_mask), _steps(audio_mask)
    sim, start = _searched(video, audio, video_mask, audio_mask, steps, lengths, bonus)
    if torch.is_grad_enabled() and (video.requires_grad or audio.requires_grad):
        rows = [
            checkpoint(
                _laid, video[n, :at], video_mask[n, :at], audio, audio_mask, lengths, start[n], use_reentrant=False
            )
            for n, at in enumerate(steps.tolist())
        ]
        r = torch.stack(rows) if rows else video.new_zeros(sim.shape)  # (N, M)
        sim = torch.where(r > -torch.inf, r + bonus * (start == 0), 0)
    return sim, start


@torch.no_grad()
def _searched(
    video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor, steps: Tensor, lengths: Tensor, bonus: float
) -> tuple[Tensor, Tensor]:
    """(N, M) similarity and start by the search that matching uses."""
    sim = video.new_zeros(len(video), len(audio))
    start = torch.zeros(sim.shape, dtype=torch.int64, device=video.device)
    if not len(video) or not len(audio):
        return sim, start
    clips, tracks = (
        [(row[:at].float().cpu(), seen[:at].cpu()) for row, seen, at in zip(rows, mask, ends.tolist(), strict=True)]
        for rows, mask, ends in ((video, video_mask, steps), (audio, audio_mask, lengths))
    )
    spectra = TrackSpectra.of(tracks)
    for n, clip in enumerate(clips):
        best = best_starts(clip_windows(*clip), spectra, bonus=bonus)
        sim[n] = torch.where(best.s_seq > -torch.inf, best.s_seq, 0)
        start[n] = best.start
    return sim, start


def _laid(clip: Tensor, seen: Tensor, audio: Tensor, audio_mask: Tensor, lengths: Tensor, start: Tensor) -> Tensor:
    """(M,) r of one clip (n, H, d) laid on every track at a start each; -inf where nothing is seen on both sides."""
    windows = clip_windows(clip, seen)
    laid = LaidClip(len(audio), windows.values)
    track = torch.arange(len(audio), device=audio.device)[:, None]
    for offset, window, shown in zip(windows.offsets, windows.values, windows.seen, strict=True):
        at = start[:, None] + offset + torch.arange(windows.length, device=audio.device)  # (M, n)
        inside = at < lengths[:, None]
        at = at.clamp_max(audio.shape[1] - 1)
        part = audio[track, at].permute(0, 2, 3, 1)  # (M, H, d, n)
        laid.add(window, shown, part, audio_mask[track, at] & inside, inside)
    return laid.r()


def _steps(mask: Tensor) -> Tensor:
    """(B,) how many steps each row has up to the last that is seen, at least 1."""
    at = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return (mask * at).amax(1).clamp_min(1)
