"""Do tiles give the loss of a big batch in a tenth of the memory and at most 0.8 of the time of the whole matrix?

Forward and backward, two sides of N rows in 256 dimensions, one positive a row, float32, one thread (or the GPU where
there is one). Each measurement is a process of its own; memory is what its resident set grows by (on a GPU what is
allocated), time is CPU seconds, of several rounds the least. *Whole* is `CrossModalLoss`, *by hand* the two
cross-entropies of CLIP on one matrix. What would not fit 12 GB is not run. Value and gradients are compared first.
InfoNCE in tiles makes one matrix for both directions (`losses/fused.py`), the others one for each.

Usage: big_batch.py [LARGEST]     rows of the largest batch; 65536, on a GPU 262144; about 12 minutes on a quiet core
"""

import json
import sys

from _alone import Row, cost_of, in_process
from harness import RESULTS, Comparison, Cost, report

SIZES = (4096, 8192, 16384, 32768, 65536, 131072, 262144)
LARGEST, LARGEST_ON_GPU = 65536, 262144
ROUNDS = {4096: 2}  # of the other sizes one
TIME, FITS_MB = 0.8, 12_000
DIM = 256
OTHERS = ("siglip", "supcon", "circle", "multi_similarity", "lifted")


def main() -> None:
    import torch

    usual = LARGEST_ON_GPU if torch.cuda.is_available() else LARGEST
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else usual
    print(in_process(__file__, "same", "infonce", "0")["note"], flush=True)
    found: dict[tuple[str, str, int], list[Row]] = {}
    jobs = [job for job in plan() if job[2] <= largest]
    for round_ in range(max(ROUNDS.values())):
        for how, name, rows in jobs:
            if round_ >= ROUNDS.get(rows, 1) or (how != "tiled" and expected_mb(found, how, name, rows) > FITS_MB):
                continue
            found.setdefault((how, name, rows), []).append(in_process(__file__, how, name, str(rows)))
            print(how, name, rows, found[how, name, rows][-1], flush=True)
            write(found)


def plan() -> list[tuple[str, str, int]]:
    """What is measured, in this order: the loss that all know, sizes for tiles alone, the others at two sizes."""
    usual = [(how, "infonce", rows) for rows in SIZES[:3] for how in ("tiled", "whole", "by_hand")]
    large = [("tiled", "infonce", rows) for rows in SIZES[3:]]
    every = [(how, name, rows) for rows in SIZES[:2] for name in OTHERS for how in ("tiled", "whole")]
    return [*usual, *every, *large]


def expected_mb(found: dict[tuple[str, str, int], list[Row]], how: str, name: str, rows: int) -> float:
    """By the square of the rows, from the half of them."""
    before = found.get((how, name, rows // 2))
    return 4 * before[0]["peak_mb"] if before else 0.0


def write(found: dict[tuple[str, str, int], list[Row]]) -> None:
    comparisons, notes = [], {}
    for (how, name, rows), ours in found.items():
        peers = {peer: found.get((peer, name, rows)) for peer in ("whole", "by_hand")} if how == "tiled" else {}
        for peer, theirs in peers.items():
            if theirs is None:
                continue
            label = f"{name}, {rows} rows, tiled against {peer.replace('_', ' ')}"
            count = min(len(ours), len(theirs))  # of the last round one may be missing as yet
            costs = [[Cost(row["cpu"], row["wall"]) for row in side[:count]] for side in (ours, theirs)]
            comparisons.append(Comparison(label, *costs, limit=TIME if peer == "whole" else None))
            notes[f"memory, {label}"] = f"{ours[0]['peak_mb'] / theirs[0]['peak_mb']:.3f}"
    report(comparisons, __file__, **notes)
    lines = [f"# {__doc__.splitlines()[0]}", "", *__doc__.split("Usage")[0].splitlines()[2:]]
    lines += ["| loss | rows | how | CPU s | peak MB |", "|---|---|---|---|---|"]
    for (how, name, rows), measured in found.items():
        seconds, peak = min(row["cpu"] for row in measured), max(row["peak_mb"] for row in measured)
        lines.append(f"| {name} | {rows} | {how.replace('_', ' ')} | {seconds:.2f} | {peak:.0f} |")
    for peer in ("whole", "by_hand"):
        if ("tiled", "infonce", 16384) in found and (peer, "infonce", 16384) not in found:
            half = found[peer, "infonce", 8192]
            seconds, peak = 4 * min(row["cpu"] for row in half), 4 * half[0]["peak_mb"]
            lines += [
                "",
                f"{peer} at 16384 rows was not run: {peak:.0f} MB, {seconds:.0f} CPU s by the square of rows.",
            ]
    (RESULTS / "big_batch.md").write_text("\n".join(lines) + "\n")


def one(how: str, name: str, rows: int) -> None:
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from crossmodal.losses import PAIR_LOSSES, CrossModalLoss, PairBatch, SideBatch
    from crossmodal.losses.tiled import TiledLoss
    from crossmodal.similarity import unit_rows

    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    class ByHand(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

        def forward(self, batch: PairBatch) -> Tensor:
            logits = self.log_scale.exp() * unit_rows(batch.video.vectors) @ unit_rows(batch.audio.vectors).T
            own = torch.arange(len(logits), device=logits.device)
            return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2

    def make(how: str) -> nn.Module:
        loss = PAIR_LOSSES[name]()
        made = {"whole": lambda: CrossModalLoss(vectors=loss), "tiled": lambda: TiledLoss(loss), "by_hand": ByHand}
        return made[how]().to(device)

    def batch(rows: int) -> PairBatch:
        generator = torch.Generator().manual_seed(rows)
        video = torch.randn(rows, DIM, generator=generator)
        audio = video + torch.randn(rows, DIM, generator=generator)
        ids = torch.randperm(10 * rows, generator=generator)[:rows].to(device)
        return PairBatch(*(SideBatch(ids, side.to(device).requires_grad_()) for side in (video, audio)))

    def step(loss: nn.Module, data: PairBatch) -> list[Tensor]:
        value = loss(data)
        value.backward()
        return [value.detach(), data.video.vectors.grad, data.audio.vectors.grad]

    if how == "same":
        results = [step(make(kind), batch(1500)) for kind in ("whole", "tiled", "by_hand")]
        for other in results[1:]:
            torch.testing.assert_close(other, results[0], atol=1e-6, rtol=1e-4)
        print(json.dumps({"note": "value and gradients agree at 1,500 rows"}))
        return
    loss, data = make(how), batch(rows)
    print(json.dumps(cost_of(lambda: step(loss, data), lambda: step(make(how), batch(300)))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
