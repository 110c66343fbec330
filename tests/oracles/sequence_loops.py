"""The similarity over time, once more, as plain loops in float64 from DESIGN §3.6; nothing is imported from us."""

import math

import numpy as np

BETA, FLOOR = 16.0, 0.05


def window_r(q: np.ndarray, a: np.ndarray, both: list[int], clip_steps: list[int]) -> float:
    """r of one window: (n, H, d) each; sums over `both`, the clip's own length over `clip_steps`."""
    by_head = []
    for head in range(q.shape[1]):
        dot = q_square = a_square = 0.0
        for axis in range(q.shape[2]):
            q_mean = sum(q[t, head, axis] for t in clip_steps) / max(len(clip_steps), 1)
            a_mean = sum(a[t, head, axis] for t in both) / max(len(both), 1)
            dot += sum((q[t, head, axis] - q_mean) * (a[t, head, axis] - a_mean) for t in both)
            q_square += sum((q[t, head, axis] - q_mean) ** 2 for t in clip_steps)
            a_square += sum((a[t, head, axis] - a_mean) ** 2 for t in both)
        q_length = max(math.sqrt(q_square), FLOOR * math.sqrt(max(len(clip_steps), 1)))
        a_length = max(math.sqrt(a_square), FLOOR * math.sqrt(max(len(both), 1)))
        by_head.append(dot / q_length / a_length)
    return math.log(sum(math.exp(BETA * r) for r in by_head) / len(by_head)) / BETA


def window_starts(n_steps: int, length: int, most: int) -> list[int]:
    """Where a clip's windows begin: as many as fill it, at most `most`, evenly spread."""
    if n_steps <= length:
        return [0]
    count = min(most, math.ceil(n_steps / length))
    return [round(i * (n_steps - length) / (count - 1)) for i in range(count)]


def r_at(
    clip: np.ndarray,
    clip_seen: np.ndarray,
    track: np.ndarray,
    track_seen: np.ndarray,
    start: int,
    window: int,
    most: int,
) -> float:
    """r of a clip laid on a track at one start; -inf where nothing is left to compare."""
    length = min(window, len(clip))
    values, compared = [], 0
    for offset in window_starts(len(clip), length, most):
        q = clip[offset : offset + length]
        a = np.zeros_like(q)
        both, clip_steps, covered, shown = [], [], 0, 0
        for t in range(length):
            at = start + offset + t
            inside = at < len(track)
            covered += inside
            if inside:
                a[t] = track[at]
            if clip_seen[offset + t]:
                shown += 1
                if inside and track_seen[at]:
                    both.append(t)
                if not inside or track_seen[at]:
                    clip_steps.append(t)
        left_out = 2 * len(both) < covered if covered else 2 * shown < length
        if left_out:
            continue
        values.append(window_r(q, a, both, clip_steps))
        compared += len(both)
    return sum(values) / len(values) if compared else -math.inf


def all_starts(
    clip: np.ndarray, clip_seen: np.ndarray, track: np.ndarray, track_seen: np.ndarray, window: int = 300, most: int = 4
) -> list[float]:
    """r for each start at which the clip lies wholly inside; a track that is no longer has one, 0."""
    n_starts = max(len(track) - len(clip) + 1, 1)
    return [r_at(clip, clip_seen, track, track_seen, k, window, most) for k in range(n_starts)]


def moment_r(
    clip: np.ndarray, clip_seen: np.ndarray, track: np.ndarray, track_seen: np.ndarray, start: int, span: int
) -> list[float]:
    """r over the span round each step of the clip; NaN where that is not known."""
    covered = max(min(len(clip), len(track) - start), 0)
    result = []
    for step in range(len(clip)):
        steps = [t for t in range(step - span // 2, step + span - span // 2) if 0 <= t < covered]
        both = [t for t in steps if clip_seen[t] and track_seen[start + t]]
        if step >= covered or step not in both or 2 * len(both) < len(steps):
            result.append(math.nan)
        else:
            result.append(window_r(clip[:covered], track[start : start + covered], both, both))
    return result


def step_vectors(rows: np.ndarray, seen: list[int]) -> dict[int, np.ndarray]:
    """For each seen step of (T, H, d) the vector of all heads: mean off, heads made equally strong, at most 1 long."""
    steps = {t: np.zeros(rows.shape[1:]) for t in seen}
    for head in range(rows.shape[1]):
        mean = sum(rows[t, head] for t in seen) / max(len(seen), 1)
        square = sum(float(((rows[t, head] - mean) ** 2).sum()) for t in seen)
        strength = max(math.sqrt(square / max(len(seen), 1)), FLOOR)
        for t in seen:
            steps[t][head] = (rows[t, head] - mean) / strength
    return {t: step.ravel() / max(float(np.linalg.norm(step)), 1.0) for t, step in steps.items()}


def late_interaction(q: np.ndarray, a: np.ndarray, q_seen: list[int], a_seen: list[int]) -> float:
    """Mean over the clip's steps of (1/beta) log of the mean over the track's of exp(beta <q, a>)."""
    if not q_seen or not a_seen:
        return 0.0
    clip, track = step_vectors(q, q_seen), step_vectors(a, a_seen)
    best = [
        math.log(sum(math.exp(BETA * float(clip[t] @ track[u])) for u in a_seen) / len(a_seen)) / BETA for t in q_seen
    ]
    return sum(best) / len(best)


def warped(q: np.ndarray, a: np.ndarray, q_seen: list[int], a_seen: list[int], band: float) -> float:
    """One minus the mean cost of a step of the cheapest path, by the whole table."""
    if not q_seen or not a_seen:
        return 0.0
    clip, track = step_vectors(q, q_seen), step_vectors(a, a_seen)
    n, m = len(q_seen), len(a_seen)
    half = max(band, 1 / max(n - 1, 1), 1 / max(m - 1, 1))
    table: dict[tuple[int, int], tuple[float, int]] = {}
    for i in range(n):
        for j in range(m):
            if abs(i / max(n - 1, 1) - j / max(m - 1, 1)) > half + 1e-9:
                continue
            ways = [table[key] for key in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if key in table]
            total, count = min(ways, key=lambda way: way[0]) if ways else (0.0, 0)
            table[i, j] = total + 1 - float(clip[q_seen[i]] @ track[a_seen[j]]), count + 1
    total, count = table[n - 1, m - 1]
    return 1 - total / count
