"""Dynamic time warping: the same steps in the same order, somewhat faster or slower. For ranking; no gradient."""

import torch
from torch import Tensor

from crossmodal.similarity.step_directions import step_directions, wide
from crossmodal.similarity.windows import check_batch

BAND = 0.1  # of the length: how far the path may leave the straight line
BLOCK_CELLS = 1 << 18  # of the diagonals of all pairs looked at together


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
    size = max(BLOCK_CELLS // max(len(tracks) * (video.shape[1] + 1), 1), 1)
    blocks = zip(clips.split(size), n_clip.split(size), strict=True)
    if not (n_clip.any() and n_track.any()):
        return video.new_zeros(len(clips), len(tracks))
    return torch.cat([_block(steps, counts, tracks, n_track, band) for steps, counts in blocks])


def _packed(steps: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The steps that are seen moved to the front, and how many they are."""
    order = (~mask).to(torch.int8).argsort(stable=True, dim=1)
    return steps.gather(1, order[..., None].expand_as(steps)), mask.sum(1)


def _block(clips: Tensor, n_clip: Tensor, tracks: Tensor, n_track: Tensor, band: float) -> Tensor:
    """(B, M) of clips (B, T, C) with `n_clip` (B,) steps on tracks (M, T', C) with `n_track` (M,).

    By diagonals t + t' = k: all cells of one, of all pairs, at once.
    """
    steps, longest = max(int(n_clip.max()), 1), int(n_track.max())
    line = _Line(n_clip[:, None], n_track, band)
    backwards = tracks[:, :longest].flip(1)  # t' falls as t rises
    far = clips.new_full((len(clips), len(tracks), steps + 1), torch.inf)  # column t + 1; column 0 lies outside
    cost, before = (far, torch.zeros_like(far)), (far, torch.zeros_like(far))
    found = clips.new_zeros(len(clips), len(tracks))
    last_column = n_clip[:, None, None].expand(-1, len(tracks), 1)
    for k in range(max(steps + longest - 1, 0)):
        low, high = line.band(k)
        first, last = max(int(low.min()), k - longest + 1), min(int(high.max()), steps - 1)
        at = slice(first + longest - 1 - k, last + longest - k)
        here = 1 - torch.einsum("btc,mtc->bmt", clips[:, first : last + 1], backwards[:, at])
        t = torch.arange(first, last + 1, device=clips.device)
        here.masked_fill_((t < low[..., None]) | (t > high[..., None]), torch.inf)
        cost, before = _next(cost, before, here, first, k == 0), cost
        total, number = (part.gather(2, last_column)[..., 0] for part in cost)
        found = torch.where(line.ends == k, 1 - total / number, found)
    return found


def _next(
    cost: tuple[Tensor, Tensor], before: tuple[Tensor, Tensor], here: Tensor, first: int, is_corner: bool
) -> tuple[Tensor, Tensor]:
    """Sum and number of steps of the cheapest paths to the cells of the next diagonal, (B, M, T + 1) each."""
    columns = slice(first + 1, first + 1 + here.shape[2])
    earlier = slice(first, first + here.shape[2])
    ways = [(before, earlier), (cost, earlier), (cost, columns)]  # both steps, the clip's alone, the track's alone
    best, which = torch.stack([part[0][..., at] for part, at in ways]).min(0)
    count = torch.stack([part[1][..., at] for part, at in ways]).gather(0, which[None])[0]
    if is_corner:
        best, count = torch.zeros_like(best), torch.zeros_like(count)
    total, number = torch.full_like(cost[0], torch.inf), torch.zeros_like(cost[1])
    total[..., columns], number[..., columns] = best + here, count + 1
    return total, number


class _Line:
    """The band round the straight line of each pair.

    Args:
        n_clip: (B, 1) steps of the clips.
        n_track: (M,) steps of the tracks.
        band: half width, as a share of the length.
    """

    def __init__(self, n_clip: Tensor, n_track: Tensor, band: float) -> None:
        self.n_clip, self.n_track = n_clip, n_track
        self.ends = torch.where((n_clip > 0) & (n_track > 0), n_clip + n_track - 2, -1)  # (B, M) the last diagonal
        per_clip = 1 / (n_clip - 1).clamp_min(1).double()
        self.per_track = 1 / (n_track - 1).clamp_min(1).double()
        self.half = torch.maximum(per_clip, self.per_track).clamp_min(band)  # neighbouring steps must overlap
        self.slope = per_clip + self.per_track

    def band(self, k: int) -> tuple[Tensor, Tensor]:
        """(B, M) first and last step t of the cells on diagonal k; first > last where there are none."""
        middle, width = k * self.per_track / self.slope, self.half / self.slope
        low = (middle - width - 1e-9).ceil().maximum(k - (self.n_track - 1)).clamp_min(0)
        high = (middle + width + 1e-9).floor().clamp_max(k).minimum(self.n_clip - 1)
        return low.long(), high.long()
