"""Pair losses as plain loops in float64, written from the papers; nothing here is imported from us."""

import math


def infonce(sim: list[list[float]], is_pos: list[list[bool]], ignore: list[list[bool]], scale: float) -> float:
    """Mean over positive pairs of log(1 + sum over the row's negatives of exp(scale (s_n - s_p)))."""
    values = []
    for row, pos, skip in zip(sim, is_pos, ignore, strict=True):
        negatives = [s for s, p, i in zip(row, pos, skip, strict=True) if not p and not i]
        positives = [s for s, p, i in zip(row, pos, skip, strict=True) if p and not i]
        if not negatives:
            continue
        values += [math.log1p(sum(math.exp(scale * (n - s)) for n in negatives)) for s in positives]
    return sum(values) / len(values) if values else 0.0
