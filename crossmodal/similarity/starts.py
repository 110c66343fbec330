"""Similarity of a clip with tracks for every start at which it lies wholly inside: the scan behind a match.

Correlations come from stored spectra, sums over moving windows from running sums. A track that is no longer than the
clip has one start, 0: what lies past its end counts as a clip that nothing answers.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from crossmodal.similarity.correlation import BETA, inverse_norm, over_heads, over_heads_sharp
from crossmodal.similarity.spectra import TrackBlock, TrackSpectra
from crossmodal.similarity.threads import one_thread
from crossmodal.similarity.windows import WINDOW_STEPS, ClipWindows

BONUS = 0.1  # what a start at 0 is favoured by: editors begin there in a third of cases
APART_STEPS = 20  # peaks lie at least this far from each other: 2 s


@dataclass(frozen=True, slots=True, eq=False)
class StartScores:
    """r for every start of every track.

    Args:
        r: (M, K) float32, in [-1, 1]; -inf where a track has no such start, or where nothing is seen on both sides.
        n_starts: (M,) int64: K of each track.
    """

    r: Tensor
    n_starts: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class BestStarts:
    """The best start of every track.

    Args:
        s_seq: (M,) float32: `max(r_0 + bonus, max_k r_k)`; -inf where nothing is left to compare.
        start: (M,) int64: the step of the track at which the clip begins; 0 where nothing is left to compare.
        r_start: (M,) float32: r at `start`, without the bonus.
        n_starts: (M,) int64: K of each track.
    """

    s_seq: Tensor
    start: Tensor
    r_start: Tensor
    n_starts: Tensor


def search_starts(clip: ClipWindows, tracks: TrackSpectra) -> StartScores:
    """r over all starts, kept whole: 4 bytes a start of every track, padded to the longest.

    Args:
        clip: made by `clip_windows`.
        tracks: made by `TrackSpectra.of`, with the same H and d.

    Raises:
        ValueError: H or d differ.

    Example:
        >>> steps, seen = torch.randn(300, 8, 2), torch.ones(300, dtype=torch.bool)
        >>> tracks = TrackSpectra.of([(steps, seen)])
        >>> search_starts(clip_windows(steps[100:180], seen[:80]), tracks).r[0].argmax().item()
        100
    """
    _check(clip, tracks)
    n_starts = _counts(clip, tracks)
    r = torch.full((tracks.n_tracks, int(n_starts.max()) if tracks.n_tracks else 0), -torch.inf)
    for block in tracks.blocks:
        with one_thread():
            scores = _block_scores(clip, block)  # (B, K)
        r[block.index, : scores.shape[1]] = scores
    return StartScores(r, n_starts)


def best_starts(clip: ClipWindows, tracks: TrackSpectra, *, bonus: float = BONUS) -> BestStarts:
    """The best start of every track, reduced block by block: memory does not grow with the tracks' lengths.

    For the few tracks worth showing, `search_starts(clip, tracks.pick(places))` and `other_peaks` give further starts.

    Args:
        clip: made by `clip_windows`.
        tracks: made by `TrackSpectra.of`, with the same H and d.
        bonus: what the start at 0 is favoured by.

    Raises:
        ValueError: H or d differ.
    """
    _check(clip, tracks)
    m = tracks.n_tracks
    best = BestStarts(
        s_seq=torch.full((m,), -torch.inf),
        start=torch.zeros(m, dtype=torch.int64),
        r_start=torch.full((m,), -torch.inf),
        n_starts=_counts(clip, tracks),
    )
    for block in tracks.blocks:
        with one_thread():
            r = _block_scores(clip, block)
            best.s_seq[block.index], best.start[block.index] = favour_zero(r, bonus)
            best.r_start[block.index] = r.gather(1, best.start[block.index][:, None])[:, 0]
    return best


def favour_zero(r: Tensor, bonus: float) -> tuple[Tensor, Tensor]:
    """`s_seq = max(r_0 + bonus, max_k r_k)` and its k, of (M, K): (M,) float and (M,) int64."""
    highest, start = r.max(1)
    at_zero = r[:, 0] + bonus
    zero_wins = at_zero >= highest
    return torch.where(zero_wins, at_zero, highest), torch.where(zero_wins, 0, start)


def other_peaks(r: Tensor, start: Tensor, count: int = 2, apart: int = APART_STEPS) -> Tensor:
    """Local maxima of (M, K) beside the chosen starts (M,), best first: (M, count) int64, -1 where there are fewer."""
    edge = r.new_full((r.shape[0], 1), -torch.inf)
    before, after = torch.cat([edge, r[:, :-1]], 1), torch.cat([r[:, 1:], edge], 1)
    left = torch.where((r > before) & (r >= after), r, -torch.inf)  # (M, K)
    steps = torch.arange(r.shape[1])
    taken, found = start, []
    for _ in range(count):
        left = left.masked_fill((steps - taken[:, None]).abs() < apart, -torch.inf)
        value, taken = left.max(1)
        found.append(torch.where(value > -torch.inf, taken, -1))
    return torch.stack(found, 1)


def _counts(clip: ClipWindows, tracks: TrackSpectra) -> Tensor:
    lengths = torch.zeros(tracks.n_tracks, dtype=torch.int64)
    for block in tracks.blocks:
        lengths[block.index] = block.lengths
    return (lengths - clip.n_steps + 1).clamp_min(1)


def _block_scores(clip: ClipWindows, block: TrackBlock) -> Tensor:
    """(B, K) r of one block, -inf beyond each track's own starts."""
    n_starts = (block.lengths - clip.n_steps + 1).clamp_min(1)
    most = int(n_starts.max())
    if most == 1:
        return _at_zero(clip, block)
    whole = block.all_seen and bool(clip.seen.all())
    scores = (_moving_whole if whole else _moving_masked)(clip, block, most)
    scores.masked_fill_(torch.arange(most) >= n_starts[:, None], -torch.inf)
    if (n_starts == 1).any():
        scores[:, :1] = torch.where(n_starts[:, None] == 1, _at_zero(clip, block), scores[:, :1])
    return scores


def _moving_whole(clip: ClipWindows, block: TrackBlock, most: int) -> Tensor:
    """(B, K) where every step of both sides is seen: the clip's sums are constants."""
    n, size = clip.length, block.rows.shape[-1]
    track_part = _kept_inverse_norm(block, n)  # (B, H, L - n + 1)
    total = track_part.new_zeros(len(block.index), most)
    for offset, window in zip(clip.offsets, clip.values, strict=True):
        clip_part = BETA * inverse_norm(window.square().sum((0, 2)), n)  # (H,)
        spectrum = torch.fft.rfft((window * clip_part[:, None]).permute(1, 2, 0), size).conj()  # (H, d, F)
        dots = block.spectra[:, :, 0] * spectrum[:, 0]  # (B, H, F)
        for axis in range(1, spectrum.shape[1]):
            dots.addcmul_(block.spectra[:, :, axis], spectrum[:, axis])
        sharp = torch.fft.irfft(dots, size)[..., offset : offset + most]  # (B, H, K) beta r_h, but for the track's part
        total += over_heads_sharp(sharp.mul_(track_part[..., offset : offset + most]), 1)
    return total.div_(len(clip.offsets))


def _kept_inverse_norm(block: TrackBlock, n: int) -> Tensor:
    """`_moving_inverse_norm`, two thirds of a search, kept for the length of every clip of 30 s and more."""
    if n != WINDOW_STEPS:
        return _moving_inverse_norm(block, n)
    found = block.kept.get(n)
    if found is None:
        found = block.kept[n] = _moving_inverse_norm(block, n)  # two threads at once make the same
    return found


def _moving_inverse_norm(block: TrackBlock, n: int) -> Tensor:
    """`1 / max(|A~|, e sqrt n)` of every window of n steps, head by head: (B, H, L - n + 1).

    Windows that reach past a track's end hold nonsense; they are no starts. Running sums go over what is left of the
    mean, so that they stay small and keep their digits.
    """
    tracks, heads, axes, size = block.rows.shape
    rows = torch.empty(axes, tracks, heads, size + 1)
    squares = (-block.mean_squares)[..., None].repeat(1, 1, size + 1)
    rows[..., 0] = squares[..., 0] = 0
    for axis in range(axes):
        centred = rows[axis, ..., 1:].copy_(block.rows[:, :, axis]).sub_(block.means[:, :, axis, None])
        squares[..., 1:].addcmul_(centred, centred)
        centred.cumsum_(-1)
    squares.cumsum_(-1)
    moving = squares[..., n:] - squares[..., :-n]
    moving += n * block.mean_squares[..., None]
    for axis in range(axes):
        sums = rows[axis, ..., n:] - rows[axis, ..., :-n]
        moving.addcmul_(sums, sums, value=-1 / n)
    return inverse_norm(moving, n)


def _moving_masked(clip: ClipWindows, block: TrackBlock, most: int) -> Tensor:
    """(B, K) where steps are unseen on either side: every sum runs over what both have seen."""
    size = block.rows.shape[-1]
    rows, shown = block.centred(), block.seen.float()  # (B, H, d, L), (B, L)
    row_squares = torch.fft.rfft(rows.square().sum(2))  # (B, H, F)
    row_shown = torch.fft.rfft(shown)  # (B, F)
    total, counted = rows.new_zeros(2, rows.shape[0], most)
    for offset, window, seen in zip(clip.offsets, clip.values, clip.seen, strict=True):

        def correlate(row_spectra: Tensor, wave: Tensor, at: int = offset) -> Tensor:
            spectrum = row_spectra * torch.fft.rfft(wave, size).conj()
            return torch.fft.irfft(spectrum, size)[..., at : at + most]

        mask, wave = seen.float(), window.permute(1, 2, 0)  # (n,), (H, d, n)
        n = correlate(row_shown, mask).round()[:, None]  # (B, 1, K)
        per_step = 1 / n.clamp_min(1)
        clip_sums = correlate(row_shown[:, None, None], wave)  # (B, H, d, K)
        row_sums = correlate(block.spectra, mask)
        dots = correlate(block.spectra, wave).sum(2) - (clip_sums * row_sums).sum(2) * per_step
        clip_squares = correlate(row_shown[:, None], wave.square().sum(1)) - clip_sums.square().sum(2) * per_step
        squares = correlate(row_squares, mask) - row_sums.square().sum(2) * per_step
        by_head = dots * inverse_norm(clip_squares, n) * inverse_norm(squares, n)  # (B, H, K)
        enough = 2 * n[:, 0] >= clip.length
        total += torch.where(enough, over_heads_sharp(BETA * by_head, 1), 0)
        counted += enough
    return torch.where(counted > 0, total / counted.clamp_min(1), -torch.inf)


def _at_zero(clip: ClipWindows, block: TrackBlock) -> Tensor:
    """(B, 1): the clip laid on the beginning of each track, which may end before it."""
    laid = LaidClip(len(block.index), clip.values)
    for offset, window, seen in zip(clip.offsets, clip.values, clip.seen, strict=True):
        part = _cut(block.rows, offset, clip.length).float()  # (B, H, d, n)
        shown = _cut(block.seen, offset, clip.length)  # (B, n)
        inside = torch.arange(offset, offset + clip.length) < block.lengths[:, None]  # (B, n)
        laid.add(window, seen, part, shown, inside)
    return laid.r()[:, None]


class LaidClip:
    """r of a clip laid on B tracks at one start each, window by window; a track may end before it."""

    def __init__(self, tracks: int, like: Tensor) -> None:
        self.total, self.counted, self.compared = like.new_zeros(3, tracks)

    def add(self, window: Tensor, seen: Tensor, part: Tensor, shown: Tensor, inside: Tensor) -> None:
        """One more window.

        Args:
            window: (n, H, d) float of the clip, zero where unseen.
            seen: (n,) bool.
            part: (B, H, d, n) float: what of each track lies under it.
            shown: (B, n) bool: where the track is seen.
            inside: (B, n) bool: where the track has not ended.
        """
        both = shown & seen
        by_head = _correlation(window.permute(1, 2, 0), part, both, seen & (both | ~inside))
        covered, n = inside.sum(1), both.sum(1)
        enough = torch.where(covered > 0, 2 * n >= covered, 2 * seen.sum() >= len(window))
        self.total = self.total + torch.where(enough, over_heads(by_head, 1), 0)
        self.counted = self.counted + enough
        self.compared = self.compared + enough * n

    def r(self) -> Tensor:
        """(B,) the mean of the windows; -inf where nothing is seen on both sides."""
        return torch.where(self.compared > 0, self.total / self.counted.clamp_min(1), -torch.inf)


def _correlation(wave: Tensor, rows: Tensor, both: Tensor, clip_seen: Tensor) -> Tensor:
    """(H, d, n) with (B, H, d, n) over `both` (B, n); the clip's own length over `clip_seen` (B, n): (B, H)."""
    wave = torch.where(clip_seen[:, None, None], wave, 0)  # (B, H, d, n)
    n_clip = clip_seen.sum(1).clamp_min(1)[:, None].to(wave.dtype)
    wave = torch.where(clip_seen[:, None, None], wave - (wave.sum(3) / n_clip[..., None])[..., None], 0)
    n = both.sum(1).clamp_min(1)[:, None].to(wave.dtype)
    rows = torch.where(both[:, None, None], rows, 0)
    rows = torch.where(both[:, None, None], rows - (rows.sum(3) / n[..., None])[..., None], 0)
    dots = (wave * rows).sum((2, 3))
    return dots * inverse_norm(wave.square().sum((2, 3)), n_clip) * inverse_norm(rows.square().sum((2, 3)), n)


def _cut(rows: Tensor, offset: int, length: int) -> Tensor:
    part = rows[..., offset : offset + length]
    return torch.nn.functional.pad(part, (0, length - part.shape[-1]))


def _check(clip: ClipWindows, tracks: TrackSpectra) -> None:
    for block in tracks.blocks:
        if block.rows.shape[1:3] != clip.values.shape[2:]:
            raise ValueError(
                f"search_starts: the clip has {tuple(clip.values.shape[2:])} heads and dimensions, "
                f"the tracks {tuple(block.rows.shape[1:3])}; both must come from one model"
            )
