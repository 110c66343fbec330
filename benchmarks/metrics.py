"""Do exact ranks in blocks run near the machine's matrix product, and label figures no slower than the peer's?

(a) `ranks_of` on N queries and N items of 128 dimensions, beside the bare product of the same blocks and of larger ones
(the faster counts), NumPy and torch, in the same run. At least 60 % of that rate.
(b) precision at 1, mean average precision and R-precision of 5,000 x 5,000 with labels, beside
pytorch-metric-learning's AccuracyCalculator. No slower, and the same values to 1e-6.

Usage: metrics.py [N]
"""

import os
import sys

THREADS = 2
os.environ.setdefault("OPENBLAS_NUM_THREADS", str(THREADS))  # before NumPy is loaded

import numpy as np  # noqa: E402
import psutil  # noqa: E402
from harness import Comparison, compare, measure, report  # noqa: E402

N = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
D, LABELLED, LABELS = 128, 5000, 200
SHARE = 0.6  # of the product's rate
ROUNDS = 3


def unit(rng: np.random.Generator, n: int, centres: np.ndarray | None = None) -> np.ndarray:
    """(n, D) float32 unit rows, around `centres` (n, D) if given."""
    rows = rng.standard_normal((n, D), dtype=np.float32) + (0 if centres is None else centres)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def numpy_product(queries: np.ndarray, items: np.ndarray, rows: int, columns: int) -> None:
    """All products, block by block, into one buffer."""
    out = np.empty((rows, columns), np.float32)
    for start in range(0, len(queries), rows):
        for at in range(0, len(items), columns):
            block, part = queries[start : start + rows], items[at : at + columns]
            np.matmul(block, part.T, out=out[: len(block), : len(part)])


def torch_product(queries: np.ndarray, items: np.ndarray, rows: int, columns: int) -> None:
    """The same with torch."""
    import torch

    left, right = torch.from_numpy(queries), torch.from_numpy(items)
    for start in range(0, len(queries), rows):
        for at in range(0, len(items), columns):
            torch.mm(left[start : start + rows], right[at : at + columns].T)


def ranking() -> tuple[Comparison, dict[str, str]]:
    """(a): cost of `ranks_of` beside the fastest bare product of each round."""
    from crossmodal.metrics import ranks_of
    from crossmodal.metrics.chunks import COLUMNS, ROWS

    rng = np.random.default_rng(0)
    queries = unit(rng, N)
    items = unit(rng, N, 8 * queries)
    products = {
        f"numpy {ROWS}x{COLUMNS}": lambda: numpy_product(queries, items, ROWS, COLUMNS),
        "numpy 4096x8192": lambda: numpy_product(queries, items, 4096, 8192),
        f"torch {ROWS}x{COLUMNS}": lambda: torch_product(queries, items, ROWS, COLUMNS),
    }
    ours, bare, shares = [], [], []
    for _ in range(ROUNDS):
        costs = {name: measure(product) for name, product in products.items()}
        fastest = min(costs.values(), key=lambda cost: cost.wall)
        ours.append(measure(lambda: ranks_of(queries, items)))
        bare.append(fastest)
        shares.append(fastest.wall / ours[-1].wall)
    rate = 2 * N * N * D / 1e9
    peak = psutil.Process().memory_info().rss / 2**20
    notes = {
        "share_of_the_rate_on_the_wall": f"{np.median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f}), "
        f"at least {SHARE}: {'kept' if np.median(shares) >= SHARE else 'MISSED'}",
        "gflops": " beside ".join(f"{rate / np.median([c.wall for c in side]):.0f}" for side in (ours, bare)),
        "last_round": ", ".join(f"{name} {cost.wall:.1f} s" for name, cost in costs.items()),
        "memory_mib": f"{peak:.0f} (the matrix would be {4 * N * N / 2**20:.0f})",
    }
    return Comparison(f"ranks of {N} x {N}, x bare product", ours, bare, limit=1 / SHARE), notes


def labelled() -> Comparison:
    """(b): the same values, then the time."""
    import torch
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    from crossmodal.metrics import precisions_of

    torch.set_num_threads(THREADS)
    rng = np.random.default_rng(1)
    query_ids, item_ids = rng.integers(LABELS, size=(2, LABELLED))
    centres = 0.5 * rng.standard_normal((LABELS, D), dtype=np.float32)
    queries, items = unit(rng, LABELLED, centres[query_ids]), unit(rng, LABELLED, centres[item_ids])
    names = ("precision_at_1", "mean_average_precision", "r_precision")
    calculator = AccuracyCalculator(
        include=names, k=LABELLED, device=torch.device("cpu"), knn_func=CustomKNN(CosineSimilarity())
    )

    def ours() -> dict[str, float]:
        found = precisions_of(queries, items, query_ids, item_ids)
        return dict(zip(names, (found.first.mean(), found.average.mean(), found.r.mean()), strict=True))

    def peer() -> dict[str, float]:
        return calculator.get_accuracy(queries, query_ids, items, item_ids, ref_includes_query=False)

    mine, theirs = ours(), peer()
    for name in names:
        np.testing.assert_allclose(mine[name], theirs[name], atol=1e-6, err_msg=name)
    return compare(f"label figures of {LABELLED} x {LABELLED}", ours, peer, rounds=ROUNDS, limit=1.0)


def main() -> None:
    """Both questions; the JSON stands in results/."""
    comparison, notes = ranking()
    report([comparison, labelled()], __file__, **notes)


if __name__ == "__main__":
    main()
