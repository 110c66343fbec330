"""Ranks and precisions out of vectors, block by block: the (N, M) matrix of similarities is never held.

`ranks_of` is exact: products in float32 decide all that lies further from the positive than float32 can be off, and
what is nearer is computed again in float64, pair by pair and always in the same order, so that equal vectors tie
wherever they stand.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from crossmodal.cores import n_cores
from crossmodal.metrics.ranking import Standings

ROWS, COLUMNS = 256, 2048  # of a block: 2 MB of similarities, counted before they leave the cache
PAIRS = 1 << 16  # computed again at a time
WORD, WORDS = 8, 128  # flags in a word; words whose sum stays below 256 in every byte
UNIT = 2.0**-24  # rounding of float32


@dataclass(frozen=True, slots=True, eq=False)
class Precisions:
    """What labels say of each query, (N,) float each; 0 where no item has its label.

    Args:
        average: average precision over the whole ranking.
        r: R-precision: share of the right among the first R, R the number of right items.
        first: whether the nearest is right; a share where it ties.
    """

    average: np.ndarray
    r: np.ndarray
    first: np.ndarray


def ranks_of(
    queries: np.ndarray,
    items: np.ndarray,
    query_ids: np.ndarray | None = None,
    item_ids: np.ndarray | None = None,
    *,
    own: np.ndarray | None = None,
) -> Standings:
    """Standing of each query's best positive by dot product: `standings` of the whole matrix, exactly.

    Args:
        queries: (N, D) float; unit vectors for cosines.
        items: (M, D) float.
        query_ids: (N,) of anything comparable; None: row i belongs to item i.
        item_ids: (M,): an item is right where the ids are equal.
        own: (N,) int: the one item that is right; others with the query's id are then neither right nor wrong.

    Raises:
        ValueError: shapes that do not belong together, or values that are not finite.

    Example:
        >>> rows = np.eye(3, dtype=np.float32)
        >>> ranks_of(rows, rows[[1, 0, 2]]).expected().tolist()
        [2.5, 2.5, 1.0]
    """
    _check(queries, items)
    if query_ids is None or item_ids is None:
        if len(queries) != len(items):
            raise ValueError(f"{len(queries)} queries and {len(items)} items: without ids, row i belongs to item i")
        query_ids = item_ids = np.arange(len(items))
    same = _SameId(np.asarray(query_ids), np.asarray(item_ids))
    best, right, same_ahead, same_tied = _positives(queries, items, same, own)
    ahead, tied = np.zeros((2, len(queries)), np.int64)
    limit = np.where(right > 0, best, np.inf)

    workers = max(1, min(n_cores(), len(queries) // ROWS))

    def count(first: int) -> None:
        counter = _Counter(queries, items, limit)
        for start in range(first * ROWS, len(queries), workers * ROWS):
            ahead[start : start + ROWS], tied[start : start + ROWS] = counter.count(start)

    if workers == 1:
        count(0)
    else:  # a core multiplies its own blocks and counts them: products that share the cores wait for the counting
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
            list(pool.map(count, range(workers)))
    found = right > 0
    return Standings(np.where(found, ahead - same_ahead, 0), np.where(found, tied - same_tied, 0), right)


def precisions_of(queries: np.ndarray, items: np.ndarray, query_ids: np.ndarray, item_ids: np.ndarray) -> Precisions:
    """Average precision, R-precision and precision at 1 by dot product in float32; ties as in `average_precisions`.

    Args:
        queries: (N, D) float.
        items: (M, D) float.
        query_ids: (N,) labels.
        item_ids: (M,) labels: an item is right where they are equal.

    Raises:
        ValueError: shapes that do not belong together, or values that are not finite.
    """
    _check(queries, items)
    same = _SameId(np.asarray(query_ids), np.asarray(item_ids))
    columns = np.ascontiguousarray(items[same.order].astype(np.float32).T)  # the right items of a query side by side
    found = np.zeros((3, len(queries)))
    rows_at_once = max(1, ROWS * COLUMNS // max(len(items), 1))
    for start in range(0, len(queries), rows_at_once):
        sim = queries[start : start + rows_at_once].astype(np.float32) @ columns
        bounds = zip(same.first[start:], same.last[start:], strict=True)
        right = [np.sort(row[a:b]) for row, (a, b) in zip(sim, bounds, strict=False)]
        sim.sort(axis=1)
        for k, (row, of_row) in enumerate(zip(sim, right, strict=True)):
            if len(of_row):
                found[:, start + k] = _precisions(row, of_row)
    return Precisions(*found)


def _precisions(ordered: np.ndarray, right: np.ndarray) -> tuple[float, float, float]:
    """Average, R- and first precision out of rising similarities of all items and of the right ones."""
    at_least = len(ordered) - np.searchsorted(ordered, right)
    right_at_least = len(right) - np.searchsorted(right, right)
    return float(np.mean(right_at_least / at_least)), _share(ordered, right, len(right)), _share(ordered, right, 1)


def _share(ordered: np.ndarray, right: np.ndarray, depth: int) -> float:
    """Share of the right among the first `depth`; the tied at the edge count by how many of them fit in."""
    edge = ordered[len(ordered) - depth]
    beyond = len(ordered) - np.searchsorted(ordered, edge, side="right")
    right_beyond = len(right) - np.searchsorted(right, edge, side="right")
    tied = len(ordered) - np.searchsorted(ordered, edge) - beyond
    right_tied = len(right) - np.searchsorted(right, edge) - right_beyond
    return float((right_beyond + right_tied * (depth - beyond) / tied) / depth)


class _SameId:
    """Which items have a query's id: `order[first[i] : last[i]]`."""

    def __init__(self, query_ids: np.ndarray, item_ids: np.ndarray) -> None:
        self.query_ids, self.item_ids = query_ids, item_ids
        self.order = np.argsort(item_ids, kind="stable")
        ordered = item_ids[self.order]
        self.first = np.searchsorted(ordered, query_ids, side="left")
        self.last = np.searchsorted(ordered, query_ids, side="right")

    def pairs(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Queries in runs of bounded size: the run, and for each of its pairs the query and the item."""
        counts = self.last - self.first
        ends, start = np.cumsum(counts), 0
        while start < len(counts):
            before = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, before + PAIRS, side="right")))
            of_run = counts[start:stop]
            query = np.repeat(np.arange(start, stop), of_run)
            within = np.arange(of_run.sum()) - np.repeat(np.cumsum(of_run) - of_run, of_run)
            yield slice(start, stop), query, self.order[self.first[query] + within]
            start = stop


def _positives(
    queries: np.ndarray, items: np.ndarray, same: _SameId, own: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each query the best positive's similarity and how many positives have it; same ids ahead of it and tied."""
    n = len(queries)
    best = np.full(n, -np.inf)
    if own is not None:
        own = np.asarray(own)
        if (same.item_ids[own] != same.query_ids).any():
            raise ValueError("own: an item that a query owns must have the query's id")
        best = _exact(queries, items, np.arange(n), own)
    ahead, tied = np.zeros((2, n), np.int64)
    for run, query, item in same.pairs():
        value = _exact(queries, items, query, item)
        if own is None:
            np.maximum.at(best, query, value)
        size = run.stop - run.start
        ahead[run] = np.bincount(query[value > best[query]] - run.start, minlength=size)
        tied[run] = np.bincount(query[value == best[query]] - run.start, minlength=size)
    return best, tied if own is None else np.ones(n, np.int64), ahead, tied


class _Counter:
    """Counts, for a block of queries at a time, the items that are closer than a limit and those exactly as close."""

    def __init__(self, queries: np.ndarray, items: np.ndarray, best: np.ndarray) -> None:
        self.queries, self.items, self.best = queries, items, best
        self.margin = _margin(queries, items)
        rows, columns = min(ROWS, len(queries)), -(-min(COLUMNS, len(items)) // WORD) * WORD
        self.sim = np.empty((rows, columns), np.float32)  # kept: fresh memory costs as much as the product
        self.above, self.at_least = np.empty((2, rows, columns), bool)

    def count(self, start: int) -> tuple[np.ndarray, np.ndarray]:
        """Of the queries from `start` on, as many as fit: closer items (n,) and items exactly as close (n,)."""
        run = slice(start, start + len(self.sim))
        block, best, margin = self.queries[run].astype(np.float32, copy=False), self.best[run], self.margin[run]
        low, high = (best - margin).astype(np.float32)[:, None], (best + margin).astype(np.float32)[:, None]
        n = len(block)
        ahead, tied = np.zeros((2, n), np.int64)
        for at in range(0, len(self.items), COLUMNS):
            sim = self._product(block, self.items[at : at + COLUMNS])
            above = np.greater(sim, high, out=self.above[:n])
            at_least = np.greater_equal(sim, low, out=self.at_least[:n])
            query, item = _differ(above, at_least)  # too near for float32
            value = _exact(self.queries, self.items, query + start, item + at)
            ahead += _count(above) + np.bincount(query[value > best[query]], minlength=n)
            tied += np.bincount(query[value == best[query]], minlength=n)
        return ahead, tied

    def _product(self, block: np.ndarray, part: np.ndarray) -> np.ndarray:
        part = part.astype(np.float32, copy=False)
        sim = self.sim[: len(block)]
        if len(part) == sim.shape[1]:
            return np.matmul(block, part.T, out=sim)
        sim[:, : len(part)] = block @ part.T
        sim[:, len(part) :] = -np.inf  # flags are counted by the word: what is beyond the last item is behind all
        return sim


def _margin(queries: np.ndarray, items: np.ndarray) -> np.ndarray:
    """(N,) how far a float32 product can be off: gamma_D |q| |m| (Higham 2002, eq. 3.5), and rounding of the limit."""
    steps = queries.shape[1] + 8
    gamma = steps * UNIT / (1 - steps * UNIT)
    longest = np.sqrt(max((_squares(items[k : k + PAIRS]).max() for k in range(0, len(items), PAIRS)), default=0.0))
    return gamma * longest * np.sqrt(_squares(queries)) + np.finfo(np.float32).tiny


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows, dtype=np.float64)


def _count(flags: np.ndarray) -> np.ndarray:
    """(N,) how many are set in (N, C) bool, C a multiple of 8: eight at a time, as bytes of a word."""
    words = flags.view(np.uint64)
    sums = [words[:, at : at + WORDS].sum(axis=1) for at in range(0, words.shape[1], WORDS)]
    return np.stack(sums, axis=1).view(np.uint8).sum(axis=1, dtype=np.int64)


def _differ(above: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where two arrays of flags differ: rows and columns."""
    words = above.view(np.uint64), near.view(np.uint64)
    row, word = np.divmod(np.flatnonzero(words[0] != words[1]), words[0].shape[1])
    flags = np.arange(WORD)
    columns = word[:, None] * WORD + flags
    differs = above[row[:, None], columns] != near[row[:, None], columns]
    return np.repeat(row, differs.sum(axis=1)), columns[differs]


def _exact(queries: np.ndarray, items: np.ndarray, query: np.ndarray, item: np.ndarray) -> np.ndarray:
    """(P,) products of pairs in float64, each summed in the same order."""
    values = np.empty(len(query))
    for at in range(0, len(query), PAIRS):
        left = queries[query[at : at + PAIRS]].astype(np.float64)
        values[at : at + PAIRS] = (left * items[item[at : at + PAIRS]]).sum(axis=1)
    return values


def _check(queries: np.ndarray, items: np.ndarray) -> None:
    if queries.ndim != 2 or items.ndim != 2 or queries.shape[1] != items.shape[1]:
        raise ValueError(f"queries {queries.shape} and items {items.shape} must be (N, D) and (M, D)")
    for name, rows in (("queries", queries), ("items", items)):
        if not np.isfinite(rows).all():
            raise ValueError(f"{name} hold values that are not finite. Leave those rows out.")
