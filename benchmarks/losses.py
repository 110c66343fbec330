"""Do the losses differ, once encoder, data, budget and search are the same ('A Metric Learning Reality Check')?

Two encoders learn from scikit-learn's digits cut in two, left half against right half, classes 0 to 4; classes 5 to 9,
never seen, are retrieved: a left half asks for right halves of its digit. Each loss has the same two small networks,
steps, P x K batches (5 classes, 16 of each) and search (four learning rates, chosen by MAP@R on pictures of the trained
classes that were held out); its other constants are its defaults. Untrained networks have recall@1 .11 on the new
classes: what is learned of five digits says little of how the halves of other digits belong together, so that the
figures on the new classes are near chance and those on the trained ones tell more. Mean and spread are over seeds, at
the chosen rate. Ours take both directions; the peer's (pytorch-metric-learning) takes one call each way, halved.

Usage: losses.py [--quick] [NAME...]     --quick: one seed, two rates, 100 steps; names: keys of PAIR_ and PROXY_LOSSES
"""

import json
import statistics
import sys
import time

import torch
from harness import RESULTS
from pytorch_metric_learning import distances
from pytorch_metric_learning import losses as peers
from sklearn.datasets import load_digits
from torch import Tensor, nn

from crossmodal.losses import (
    PAIR_LOSSES,
    PROXY_LOSSES,
    CrossModalLoss,
    PairBatch,
    SideBatch,
)
from crossmodal.similarity import cosine, unit_rows

TRAINED, DIM, STEPS, PER_CLASS = 5, 32, 300, 16
RATES, SEEDS = (3e-4, 1e-3, 3e-3, 1e-2), (0, 1, 2)
Data = tuple[Tensor, Tensor, Tensor]  # left (N, 32), right (N, 32), labels (N,)
PEERS = {
    "infonce": lambda: peers.NTXentLoss(temperature=0.07),
    "supcon": lambda: peers.SupConLoss(temperature=0.1),
    "circle": lambda: peers.CircleLoss(m=0.4, gamma=80),
    "multi_similarity": lambda: peers.MultiSimilarityLoss(alpha=2, beta=50, base=0.5),
    "cosine_contrastive": lambda: peers.ContrastiveLoss(
        pos_margin=1, neg_margin=0.25, distance=distances.CosineSimilarity()
    ),
    "arcface": lambda: peers.ArcFaceLoss(TRAINED, DIM),
    "cosface": lambda: peers.CosFaceLoss(TRAINED, DIM),
    "proxy_anchor": lambda: peers.ProxyAnchorLoss(TRAINED, DIM),
}
ONE_SPACE = {"arcface", "cosface", "proxy_anchor"}  # of the peer's, those that take no second set


class PeerLoss(nn.Module):
    """The peer's loss in both directions; its proxy losses see the rows of both sides."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.loss = name, PEERS[name]()

    def forward(self, batch: PairBatch) -> Tensor:
        (v, a), labels = (batch.video.vectors, batch.audio.vectors), batch.video.ids
        if self.name in ONE_SPACE:
            return self.loss(torch.cat([v, a]), labels.repeat(2))
        other = labels.clone()  # one tensor for both sides would lose the diagonal
        return (
            self.loss(v, labels, ref_emb=a, ref_labels=other) + self.loss(a, labels, ref_emb=v, ref_labels=other)
        ) / 2

    def after_step(self) -> None:
        """Nothing is held in range."""


def halves() -> tuple[Data, Data, Data]:
    """To train on, to choose the rate by, to judge by."""
    digits = load_digits()
    pictures = torch.from_numpy(digits.images).float() / 16  # (N, 8, 8)
    labels = torch.from_numpy(digits.target).long()
    left, right = pictures[:, :, :4].flatten(1), pictures[:, :, 4:].flatten(1)
    is_seen = labels < TRAINED
    held = torch.arange(len(labels)) % 4 == 0
    parts = (is_seen & ~held, is_seen & held, ~is_seen)
    train, choose, judge = ((left[p], right[p], labels[p]) for p in parts)
    return train, choose, judge


def loss_of(name: str, is_peer: bool) -> nn.Module:
    if is_peer:
        return PeerLoss(name)
    if name in PROXY_LOSSES:
        return CrossModalLoss(labels=PROXY_LOSSES[name](DIM, TRAINED))
    return CrossModalLoss(vectors=PAIR_LOSSES[name]())


def train(name: str, is_peer: bool, rate: float, seed: int, data: Data, steps: int = STEPS) -> list[nn.Module]:
    torch.manual_seed(seed)
    towers = [nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, DIM)) for _ in range(2)]
    loss = loss_of(name, is_peer)
    learned = [*(p for tower in towers for p in tower.parameters()), *loss.parameters()]
    optimiser = torch.optim.Adam([p for p in learned if p.requires_grad], lr=rate)
    rows_of = [torch.where(data[2] == label)[0] for label in range(TRAINED)]
    for _ in range(steps):
        rows = torch.cat([own[torch.randint(len(own), (PER_CLASS,))] for own in rows_of])
        labels = data[2][rows]
        sides = [
            SideBatch(labels, vectors=unit_rows(tower(half[rows])), labels=labels)
            for tower, half in zip(towers, data[:2], strict=True)
        ]
        optimiser.zero_grad()
        loss(PairBatch(*sides)).backward()
        optimiser.step()
        loss.after_step()
    return towers


@torch.no_grad()
def judge(towers: list[nn.Module], data: Data) -> tuple[float, float]:
    """recall@1 and MAP@R of left halves asking for right halves, without the other half of the same picture."""
    sim = cosine(towers[0](data[0]), towers[1](data[1])).fill_diagonal_(-2)
    is_pos = (data[2][:, None] == data[2]).fill_diagonal_(False)
    hits = is_pos.gather(1, sim.argsort(1, descending=True)).double()  # (N, N)
    relevant, rank = is_pos.sum(1, keepdim=True), torch.arange(1, sim.shape[1] + 1)
    precise = hits.cumsum(1) / rank * hits * (rank <= relevant)
    return hits[:, 0].mean().item(), (precise.sum(1) / relevant[:, 0]).mean().item()


def searched(name: str, is_peer: bool, quick: bool) -> dict[str, object]:
    """The judged figures at the rate that was best on what was held out of training."""
    parts = halves()
    rates, seeds = (RATES[1:3], SEEDS[:1]) if quick else (RATES, SEEDS)
    began, runs = time.process_time(), {}
    for rate in rates:
        for seed in seeds:
            towers = train(name, is_peer, rate, seed, parts[0], STEPS // 3 if quick else STEPS)
            runs.setdefault(rate, []).append((judge(towers, parts[1])[1], *judge(towers, parts[2])))
    best = max(runs, key=lambda rate: statistics.mean(run[0] for run in runs[rate]))
    seen, recall, precision = ([run[at] for run in runs[best]] for at in range(3))
    return {
        "loss": name,
        "whose": "peer" if is_peer else "ours",
        "rate": best,
        "map_at_r_seen": seen,
        "recall_at_1": recall,
        "map_at_r": precision,
        "seconds_a_run": round((time.process_time() - began) / (len(rates) * len(seeds)), 2),
    }


def shown(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def write(results: list[dict[str, object]], quick: bool) -> None:
    lines = [f"# {__doc__.splitlines()[0]}", "", *__doc__.split("Usage")[0].splitlines()[2:]]
    if quick:
        lines += [
            "**A quick run: one seed, two rates and 100 steps; differences of a few hundredths mean nothing.**",
            "",
        ]
    lines += ["| loss | whose | rate | recall@1 new | MAP@R new | MAP@R trained | CPU s a run |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for r in sorted(results, key=lambda r: -statistics.mean(r["map_at_r"])):
        cells = (
            r["loss"],
            r["whose"],
            f"{r['rate']:g}",
            shown(r["recall_at_1"]),
            shown(r["map_at_r"]),
            shown(r["map_at_r_seen"]),
        )
        lines.append(f"| {' | '.join(map(str, cells))} | {r['seconds_a_run']} |")
    (RESULTS / "losses.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "losses.json").write_text(
        json.dumps({"quick": quick, "steps": STEPS, "results": results}, indent=1) + "\n"
    )


def main() -> None:
    torch.set_num_threads(1)
    arguments = sys.argv[1:]
    quick = "--quick" in arguments
    names = [name for name in arguments if name != "--quick"] or [*PAIR_LOSSES, *PROXY_LOSSES]
    results = []
    for name in names:
        for is_peer in (False, True) if name in PEERS else (False,):
            results.append(searched(name, is_peer, quick))
            print(results[-1], flush=True)
        write(results, quick)


if __name__ == "__main__":
    main()
