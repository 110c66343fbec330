"""Pair losses as plain loops in float64, written from the papers; nothing here is imported from us.

Each takes a matrix `sim` (higher is closer; a distance comes negated) and the flags `pos` and `neg` of its entries.
"""

import math
from itertools import product

Matrix, Flags = list[list[float]], list[list[bool]]
Triplets = list[tuple[float, float]]


def columns_of(flags: list[bool]) -> list[int]:
    return [j for j, flag in enumerate(flags) if flag]


def rows_of(sim: Matrix, pos: Flags, neg: Flags) -> list[tuple[list[float], list[float]]]:
    """The positive and the negative similarities of each row."""
    return [
        ([row[j] for j in columns_of(p)], [row[j] for j in columns_of(n)])
        for row, p, n in zip(sim, pos, neg, strict=True)
    ]


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def log1p_exp(x: float) -> float:
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def log_sum_exp(values: list[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(v - top) for v in values))


def infonce(sim: Matrix, pos: Flags, neg: Flags, scale: float = 20) -> float:
    return mean(
        [
            math.log1p(sum(math.exp(scale * (n - p)) for n in negatives))
            for positives, negatives in rows_of(sim, pos, neg)
            for p in positives
            if negatives
        ]
    )


def n_pair(sim: Matrix, pos: Flags, neg: Flags) -> float:
    return infonce(sim, pos, neg, 1)


def supcon_out(sim: Matrix, pos: Flags, neg: Flags, temperature: float = 0.1) -> float:
    values = []
    for positives, negatives in rows_of(sim, pos, neg):
        if positives or negatives:
            whole = sum(math.exp(s / temperature) for s in positives + negatives)
            values.append(-mean([math.log(math.exp(p / temperature) / whole) for p in positives]))
    return mean(values)


def supcon_in(sim: Matrix, pos: Flags, neg: Flags, temperature: float = 0.1) -> float:
    values = []
    for positives, negatives in rows_of(sim, pos, neg):
        whole = sum(math.exp(s / temperature) for s in positives + negatives)
        if positives:
            values.append(-math.log(mean([math.exp(p / temperature) / whole for p in positives])))
        elif negatives:
            values.append(0.0)
    return mean(values)


def siglip(sim: Matrix, pos: Flags, neg: Flags, scale: float = 10, bias: float = -10) -> float:
    rows = [row for row in rows_of(sim, pos, neg) if row[0] or row[1]]
    total = 0.0
    for positives, negatives in rows:
        total += sum(log1p_exp(-(scale * s + bias)) for s in positives)
        total += sum(log1p_exp(scale * s + bias) for s in negatives)
    return total / len(rows) if rows else 0.0


def circle(sim: Matrix, pos: Flags, neg: Flags, m: float = 0.4, gamma: float = 80) -> float:
    values = []
    for positives, negatives in rows_of(sim, pos, neg):
        if positives and negatives:
            push = [gamma * max(s + m, 0) * (s - m) for s in negatives]
            pull = [-gamma * max(1 + m - s, 0) * (s - (1 - m)) for s in positives]
            values.append(log1p_exp(log_sum_exp(push) + log_sum_exp(pull)))
    return mean(values)


def multi_similarity(
    sim: Matrix, pos: Flags, neg: Flags, epsilon: float = 0.1, alpha: float = 2, beta: float = 50, base: float = 0.5
) -> float:
    values = []
    for positives, negatives in rows_of(sim, pos, neg):
        if positives or negatives:
            kept_neg = [n for n in negatives if positives and n + epsilon > min(positives)]
            kept_pos = [p for p in positives if negatives and p - epsilon < max(negatives)]
            pull = math.log1p(sum(math.exp(-alpha * (p - base)) for p in kept_pos)) / alpha
            values.append(pull + math.log1p(sum(math.exp(beta * (n - base)) for n in kept_neg)) / beta)
    return mean(values)


def lifted(sim: Matrix, pos: Flags, neg: Flags, margin: float = 1) -> float:
    values = []
    for i, j in product(range(len(sim)), range(len(sim[0]))):
        if pos[i][j]:
            near = [sim[i][k] for k in columns_of(neg[i])]
            near += [sim[k][j] for k in range(len(sim)) if neg[k][j]]
            total = sum(math.exp(margin + s) for s in near)
            values.append(max(math.log(total) - sim[i][j], 0) ** 2 if total else 0.0)
    return mean(values) / 2


def generalised_lifted(sim: Matrix, pos: Flags, neg: Flags, margin: float = 1) -> float:
    return mean(
        [
            max(log_sum_exp([-p for p in positives]) + log_sum_exp([margin + n for n in negatives]), 0)
            for positives, negatives in rows_of(sim, pos, neg)
            if positives and negatives
        ]
    )


def triplets(sim: Matrix, pos: Flags, neg: Flags) -> Triplets:
    return [pair for positives, negatives in rows_of(sim, pos, neg) for pair in product(positives, negatives)]


def triplet_all(sim: Matrix, pos: Flags, neg: Flags, margin: float = 0.2) -> float:
    return mean([max(n - p + margin, 0) for p, n in triplets(sim, pos, neg)])


def triplet_non_zero(sim: Matrix, pos: Flags, neg: Flags, margin: float = 0.2) -> float:
    return mean([n - p + margin for p, n in triplets(sim, pos, neg) if n - p + margin > 0])


def triplet_semi_hard(sim: Matrix, pos: Flags, neg: Flags, margin: float = 0.2) -> float:
    return mean([n - p + margin for p, n in triplets(sim, pos, neg) if p - margin < n < p])


def triplet_soft(sim: Matrix, pos: Flags, neg: Flags) -> float:
    return mean([log1p_exp(n - p) for p, n in triplets(sim, pos, neg)])


def batch_hard(sim: Matrix, pos: Flags, neg: Flags, margin: float = 0.3) -> float:
    return mean([max(max(n) - min(p) + margin, 0) for p, n in rows_of(sim, pos, neg) if p and n])


def batch_hard_soft(sim: Matrix, pos: Flags, neg: Flags) -> float:
    return mean([log1p_exp(max(n) - min(p)) for p, n in rows_of(sim, pos, neg) if p and n])


def ranking(sim: Matrix, pos: Flags, neg: Flags, margin: float = 0.1) -> float:
    return sum(max(n - p + margin, 0) for p, n in triplets(sim, pos, neg))


def ranking_top(sim: Matrix, pos: Flags, neg: Flags, margin: float = 0.1, top: int = 2) -> float:
    hinges = []
    for positives, negatives in rows_of(sim, pos, neg):
        nearest = sorted(negatives, reverse=True)[:top]
        hinges += [max(n - p + margin, 0) for p, n in product(positives, nearest)]
    return mean(hinges)


def contrastive(sim: Matrix, pos: Flags, neg: Flags, margin: float = 1) -> float:
    return sum(
        sum(p * p for p in positives) / 2 + sum(max(margin + n, 0) ** 2 for n in negatives) / 2
        for positives, negatives in rows_of(sim, pos, neg)
    )


def cosine_contrastive(sim: Matrix, pos: Flags, neg: Flags, margin: float = 0.25) -> float:
    rows = rows_of(sim, pos, neg)
    far = mean([1 - p for positives, _ in rows for p in positives])
    return far + mean([max(n - margin, 0) for _, negatives in rows for n in negatives])


def margin(sim: Matrix, pos: Flags, neg: Flags, alpha: float = 0.2, beta: float = 1.2) -> float:
    rows = rows_of(sim, pos, neg)
    terms = [alpha - p - beta for positives, _ in rows for p in positives]
    terms += [alpha + n + beta for _, negatives in rows for n in negatives]
    return mean([term for term in terms if term > 0])
