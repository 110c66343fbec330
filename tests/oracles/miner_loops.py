"""Miners as plain loops in float64, written from the papers; nothing here is imported from us."""

import math

Row, Flags = list[float], list[bool]


def _split(pos: Flags, neg: Flags) -> tuple[list[int], list[int]]:
    return [j for j, p in enumerate(pos) if p], [j for j, n in enumerate(neg) if n]


def hard(sim: Row, pos: Flags, neg: Flags) -> tuple[set[int], set[int]]:
    positives, negatives = _split(pos, neg)
    return (
        {min(positives, key=lambda j: sim[j])} if positives else set(),
        {max(negatives, key=lambda j: sim[j])} if negatives else set(),
    )


def semi_hard(sim: Row, pos: Flags, neg: Flags, margin: float) -> tuple[set[int], set[int]]:
    positives, negatives = _split(pos, neg)
    pairs = [(p, n) for p in positives for n in negatives if sim[p] - margin <= sim[n] < sim[p]]
    return {p for p, _ in pairs}, {n for _, n in pairs}


def easy_positive(sim: Row, pos: Flags, neg: Flags, semi: bool) -> tuple[set[int], set[int]]:
    positives, negatives = _split(pos, neg)
    best = max(positives, key=lambda j: sim[j]) if positives else None
    if semi:
        negatives = [n for n in negatives if best is not None and sim[n] < sim[best]]
    return (
        {best} if best is not None else set(),
        {max(negatives, key=lambda j: sim[j])} if negatives else set(),
    )


def multi_similarity(sim: Row, pos: Flags, neg: Flags, epsilon: float) -> tuple[set[int], set[int]]:
    positives, negatives = _split(pos, neg)
    return (
        {p for p in positives if negatives and sim[p] - epsilon < max(sim[n] for n in negatives)},
        {n for n in negatives if positives and sim[n] + epsilon > min(sim[p] for p in positives)},
    )


def angular(anchor: Row, candidates: list[Row], pos: Flags, neg: Flags, degrees: float) -> tuple[set[int], set[int]]:
    """From the vectors themselves."""
    positives, negatives = _split(pos, neg)
    pairs = set()
    for p in positives:
        middle = [(a + b) / 2 for a, b in zip(anchor, candidates[p], strict=True)]
        for n in negatives:
            angle = math.atan(math.dist(anchor, candidates[p]) / (2 * math.dist(candidates[n], middle)))
            if math.degrees(angle) > degrees:
                pairs.add((p, n))
    return {p for p, _ in pairs}, {n for _, n in pairs}
