"""Dynamic time warping: the same steps in the same order, somewhat faster or slower. For ranking; no gradient."""

import torch
from torch import Tensor

from crossmodal.similarity.step_directions import step_directions, wide
from crossmodal.similarity.windows import check_batch

BAND = 0.1  # of the length: how far the path may leave the straight line


@torch.no_grad()
def warped(video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor, *, band: float = BAND) -> Tensor:
    """One minus the mean cost of a step along the cheapest path from both beginnings to both ends.

    Sakoe and Chiba 1978, steps (1, 0), (0, 1), (1, 1) with weight 1, cost `1 - <q_t, a_t'>` of `step_directions`,
    within a band round the straight line that is widened where one side has too few steps for it. The sum is divided
    by the number of steps of its path. Unseen steps are taken out, time closes over them.

    Args:
        video: (N, T, H, d) float.
        audio: (M, T', H, d) float.
        video_mask: (N, T) bool, True where seen.
        audio_mask: (M, T') bool.
        band: half width, as a share of the length.

    Returns:
        (N, M) similarity in [-1, 1], in float32 or wider, without a graph; 0 where a side has seen nothing.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> rows, seen = torch.randn(1, 40, 8, 2), torch.ones(1, 40, dtype=torch.bool)
        >>> slower = rows.repeat_interleave(2, 1)
        >>> bool(warped(rows, slower, seen, seen.repeat_interleave(2, 1)) > 0.9)
        True
    """
    check_batch("warped", video, audio, video_mask, audio_mask)
    video, audio = wide(video, audio)
    clips, n_clip = _packed(step_directions(video, video_mask), video_mask)
    tracks, n_track = _packed(step_directions(audio, audio_mask), audio_mask)
    sim = video.new_zeros(len(clips), len(tracks))
    some = (n_track > 0).nonzero()[:, 0]
    for n, steps in enumerate(n_clip.tolist()):
        if steps and len(some):
            sim[n, some] = _one_clip(clips[n, :steps], tracks[some], n_track[some], band)
    return sim


def _packed(steps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The steps that are seen moved to the front, and how many they are."""
    order = (~mask).to(torch.int8).argsort(stable=True, dim=1)
    return steps.gather(1, order[..., None].expand_as(steps)), mask.sum(1)


def _one_clip(clip: Tensor, tracks: Tensor, lengths: Tensor, band: float) -> Tensor:
    """(M,) of one clip (T, C) on tracks (M, T', C) of `lengths` (M,), diagonal by diagonal: t + t' = k."""
    steps, longest = len(clip), int(lengths.max())
    low, high = _band(steps, lengths, band, steps + longest - 1)  # (K, M) steps t of each diagonal
    firsts, lasts = low.amin(1).tolist(), high.amax(1).tolist()
    backwards = tracks[:, :longest].flip(1)  # t' falls as t rises
    far = clip.new_full((len(tracks), steps + 1), torch.inf)  # column t + 1; column 0 lies outside
    cost, before = (far, torch.zeros_like(far)), (far, torch.zeros_like(far))
    found = clip.new_zeros(len(tracks))
    for k, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
        if first <= last:
            at = slice(first + longest - 1 - k, last + longest - k)
            here = 1 - torch.einsum("tc,mtc->mt", clip[first : last + 1], backwards[:, at])
            t = torch.arange(first, last + 1, device=clip.device)
            outside = (t < low[k, :, None]) | (t > high[k, :, None])
            cost, before = _next(cost, before, here.masked_fill_(outside, torch.inf), first, k == 0), cost
        else:
            cost, before = (far, far), cost
        ends = lengths + steps - 2 == k
        found = torch.where(ends, 1 - cost[0][:, steps] / cost[1][:, steps], found)
    return found


def _next(
    cost: tuple[Tensor, Tensor], before: tuple[Tensor, Tensor], here: Tensor, first: int, is_corner: bool
) -> tuple[Tensor, Tensor]:
    """Sum and number of steps of the cheapest paths to the cells of the next diagonal, (M, T + 1) each."""
    columns = slice(first + 1, first + 1 + here.shape[1])
    earlier = slice(first, first + here.shape[1])
    ways = [(before, earlier), (cost, earlier), (cost, columns)]  # both steps, the clip's alone, the track's alone
    best, which = torch.stack([part[0][:, at] for part, at in ways]).min(0)
    count = torch.stack([part[1][:, at] for part, at in ways]).gather(0, which[None])[0]
    if is_corner:
        best, count = torch.zeros_like(best), torch.zeros_like(count)
    total, number = torch.full_like(cost[0], torch.inf), torch.zeros_like(cost[1])
    total[:, columns], number[:, columns] = best + here, count + 1
    return total, number


def _band(steps: int, lengths: Tensor, band: float, diagonals: int) -> tuple[Tensor, Tensor]:
    """(K, M) first and last step t of each diagonal that lies in the band and in the track; first > last where none."""
    a, b = max(steps - 1, 1), (lengths - 1).clamp_min(1).double()
    half = torch.maximum(torch.full_like(b, max(band, 1 / a)), 1 / b)  # neighbouring steps must overlap
    k = torch.arange(diagonals, device=lengths.device, dtype=torch.float64)[:, None]
    slope = 1 / a + 1 / b
    low = ((k / b - half) / slope - 1e-9).ceil().maximum(k - (lengths - 1)).clamp_min(0)
    high = ((k / b + half) / slope + 1e-9).floor().minimum(k).clamp_max(steps - 1)
    return low.long(), high.long()
