"""Structure losses as plain loops in float64, written from the papers; nothing here is imported from us."""

import math
from itertools import permutations

Matrix = list[list[float]]


def sign(x: float) -> int:
    return (x > 0) - (x < 0)


def soft_structure(before: Matrix, after: Matrix) -> float:
    return sum(
        (sign(after[i][j] - after[i][k]) - sign(before[i][j] - before[i][k])) * (after[i][j] - after[i][k])
        for i, j, k in permutations(range(len(after)), 3)
    )


def neighbours(before: Matrix, after: Matrix, rows: int) -> float:
    terms = [
        (sign(now[j] - now[j + 1]) - sign(was[j] - was[j + 1])) * (now[j] - now[j + 1])
        for was, now in zip(before[:rows], after[:rows], strict=True)
        for j in range(len(now) - 1)
    ]
    return sum(terms) / len(terms) if terms else 0.0


def intra_modal(before: Matrix, after: Matrix, temperature: float) -> float:
    n, total = len(after), 0.0
    for i in range(n):
        others = [j for j in range(n) if j != i]
        shares = []
        for row in (before[i], after[i]):
            powers = [math.exp(row[j] / temperature) for j in others]
            shares.append([power / sum(powers) for power in powers])
        total += sum(was * math.log(was / now) for was, now in zip(*shares, strict=True))
    return total / n
