"""How well a clip fits its track moment by moment, at the start that was chosen."""

import torch
from torch import Tensor

from crossmodal.similarity.correlation import inverse_norm, over_heads
from crossmodal.similarity.threads import one_thread
from crossmodal.similarity.windows import check_sequence, mean_off

MOMENT_STEPS = 80  # 8 s at a hop of 0.1 s


def moments(
    clip: Tensor, clip_seen: Tensor, track: Tensor, track_seen: Tensor, start: int, *, span_steps: int = MOMENT_STEPS
) -> Tensor:
    """r over the 8 s round each step of the clip, laid on the track from `start`.

    Near the ends of the clip, and where the track ends, the span is cut to what is there.

    Args:
        clip: (n, H, d) float.
        clip_seen: (n,) bool.
        track: (T, H, d) float.
        track_seen: (T,) bool.
        start: step of the track at which the clip begins, at least 0.
        span_steps: steps of a span.

    Returns:
        (n,) float32 in [-1, 1]; NaN where the step is unseen on either side or past the track's end, and where under
        half of the span's steps are seen on both; and everywhere without heads.

    Raises:
        ValueError: shapes that do not belong together.

    Example:
        >>> steps, seen = torch.randn(200, 8, 2), torch.ones(200, dtype=torch.bool)
        >>> round(moments(steps[50:150], seen[:100], steps, seen, 50).min().item(), 3)
        1.0
    """
    check_sequence("moments: clip", clip, clip_seen)
    check_sequence("moments: track", track, track_seen)
    n_steps = clip.shape[0]
    covered = min(n_steps, max(track.shape[0] - start, 0))
    result = torch.full((n_steps,), torch.nan)
    if covered == 0 or clip.shape[1] == 0:
        return result
    both = clip_seen[:covered] & track_seen[start : start + covered]
    with one_thread():
        q, a = (
            mean_off(rows[None].double(), both[None])[0] for rows in (clip[:covered], track[start : start + covered])
        )
        first = (torch.arange(covered) - span_steps // 2).clamp_min(0)
        last = (torch.arange(covered) + span_steps - span_steps // 2).clamp_max(covered)
        n = _spans(both.double(), first, last)[:, None]  # (covered, 1)
        per_step = 1 / n.clamp_min(1)
        q_sums, a_sums = _spans(q, first, last), _spans(a, first, last)  # (covered, H, d)
        dots = _spans((q * a).sum(2), first, last) - (q_sums * a_sums).sum(2) * per_step
        q_squares = _spans(q.square().sum(2), first, last) - q_sums.square().sum(2) * per_step
        a_squares = _spans(a.square().sum(2), first, last) - a_sums.square().sum(2) * per_step
        r = over_heads(dots * inverse_norm(q_squares, n) * inverse_norm(a_squares, n), 1)
    known = both & (2 * n[:, 0] >= last - first)
    result[:covered] = torch.where(known, r, torch.nan).float()
    return result


def _spans(rows: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Sums of (T, ...) over [first, last), by running sums in float64."""
    running = torch.cat([torch.zeros_like(rows[:1]), rows.cumsum(0)])
    return running[last] - running[first]
