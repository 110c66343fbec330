"""Do the losses differ, once encoder, data, budget and search are the same ('A Metric Learning Reality Check')?

Two encoders learn two modalities by P x K batches. (a) *digits*: scikit-learn's, left half against right half; classes
0 to 4 are learned, 5 to 9 retrieved: a left half asks for other right halves of its digit. Five digits say little of
how the halves of others belong together: whatever the loss, the figures stay near chance (recall@1 .20, MAP@R .05).
(b) *pairs*: procedural video and music with hidden rhythm, energy and colour seen through two different sensors; 200
musics are learned, 100 others retrieved, each by six clips (recall@1 by chance .01).

Each loss has the same networks, steps and search (four learning rates, chosen by MAP@R: in (a) on pictures of the
trained classes that were held out, in (b) on 60 further musics); its other constants are its defaults. Proxies learn
ten times as fast as the rest (the authors of Proxy-Anchor: a hundred times). Mean and spread are over three seeds, at
the chosen rate. Ours take both directions; the peer's (pytorch-metric-learning) takes one call each way, halved.
`cosine_contrastive` is one name for two losses: the peer's mean is over those negatives that are above the margin, ours
over all, as in `torch.nn.CosineEmbeddingLoss`; where negatives are many and easy the peer's learns more.

Usage: losses.py [--quick] [NAME...]     --quick: one seed, two rates, a third of the steps; names: keys of registries
"""

import json
import statistics
import sys
import time

import torch
from _digits import digits
from _pairs import pairs
from _retrieval_tasks import Task, judge
from harness import RESULTS
from pytorch_metric_learning import distances
from pytorch_metric_learning import losses as peers
from torch import Tensor, nn

from crossmodal.losses import PAIR_LOSSES, PROXY_LOSSES, CrossModalLoss, PairBatch, SideBatch
from crossmodal.similarity import unit_rows

RATES, SEEDS = (1e-3, 3e-3, 1e-2, 3e-2), (0, 1, 2)
PROXY_RATE = 10  # times that of the encoders
PEERS = {
    "infonce": lambda dim, classes: peers.NTXentLoss(temperature=0.07),
    "supcon": lambda dim, classes: peers.SupConLoss(temperature=0.1),
    "circle": lambda dim, classes: peers.CircleLoss(m=0.4, gamma=80),
    "multi_similarity": lambda dim, classes: peers.MultiSimilarityLoss(alpha=2, beta=50, base=0.5),
    "cosine_contrastive": lambda dim, classes: peers.ContrastiveLoss(
        pos_margin=1, neg_margin=0.25, distance=distances.CosineSimilarity()
    ),
    "arcface": lambda dim, classes: peers.ArcFaceLoss(classes, dim),
    "cosface": lambda dim, classes: peers.CosFaceLoss(classes, dim),
    "proxy_anchor": lambda dim, classes: peers.ProxyAnchorLoss(classes, dim),
}
ONE_SPACE = {"arcface", "cosface", "proxy_anchor"}  # of the peer's, those that take no second set


class PeerLoss(nn.Module):
    """The peer's loss in both directions; its proxy losses see the rows of both sides."""

    def __init__(self, name: str, task: Task) -> None:
        super().__init__()
        self.name, self.loss = name, PEERS[name](task.dim, task.classes)

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


def loss_of(name: str, is_peer: bool, task: Task) -> nn.Module:
    if is_peer:
        return PeerLoss(name, task)
    if name in PROXY_LOSSES:
        return CrossModalLoss(labels=PROXY_LOSSES[name](task.dim, task.classes))
    return CrossModalLoss(vectors=PAIR_LOSSES[name]())


def train(name: str, is_peer: bool, rate: float, seed: int, task: Task, steps: int) -> list[nn.Module]:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    towers, loss = task.towers(), loss_of(name, is_peer, task)
    constants = [part for part in loss.parameters() if part.requires_grad]
    own_rate = rate * (PROXY_RATE if name in PROXY_LOSSES else 1)
    groups = [{"params": [p for tower in towers for p in tower.parameters()]}, {"params": constants, "lr": own_rate}]
    optimiser = torch.optim.Adam(groups, lr=rate, fused=True)
    for _ in range(steps):
        rows = task.rows(generator)
        labels = task.train[2][rows]
        sides = [
            SideBatch(labels, vectors=unit_rows(tower(side[rows])), labels=labels)
            for tower, side in zip(towers, task.train[:2], strict=True)
        ]
        optimiser.zero_grad()
        loss(PairBatch(*sides)).backward()
        optimiser.step()
        loss.after_step()
    return towers


def searched(name: str, is_peer: bool, task: Task, quick: bool) -> dict[str, object]:
    """The judged figures at the rate that was best on what was held out of training."""
    rates, seeds = (RATES[1:3], SEEDS[:1]) if quick else (RATES, SEEDS)
    began, runs = time.process_time(), {}
    for rate in rates:
        for seed in seeds:
            towers = train(name, is_peer, rate, seed, task, task.steps // 3 if quick else task.steps)
            chosen, new = (judge(towers, data, task.own_counts) for data in (task.choose, task.new))
            runs.setdefault(rate, []).append((chosen[1], *new))
    best = max(runs, key=lambda rate: statistics.mean(run[0] for run in runs[rate]))
    held_out, recall, precision = ([run[at] for run in runs[best]] for at in range(3))
    return {
        "task": task.name,
        "loss": name,
        "whose": "peer" if is_peer else "ours",
        "rate": best,
        "map_at_r_held_out": held_out,
        "recall_at_1": recall,
        "map_at_r": precision,
        "seconds_a_run": round((time.process_time() - began) / (len(rates) * len(seeds)), 2),
    }


def shown(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def table(results: list[dict[str, object]]) -> list[str]:
    lines = ["| loss | whose | rate | recall@1 new | MAP@R new | MAP@R held out | CPU s a run |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for r in sorted(results, key=lambda r: -statistics.mean(r["map_at_r"])):
        figures = [shown(r[key]) for key in ("recall_at_1", "map_at_r", "map_at_r_held_out")]
        lines.append(f"| {r['loss']} | {r['whose']} | {r['rate']:g} | {' | '.join(figures)} | {r['seconds_a_run']} |")
    return lines


def write(results: list[dict[str, object]], quick: bool) -> None:
    lines = [f"# {__doc__.splitlines()[0]}", "", *__doc__.split("Usage")[0].splitlines()[2:]]
    if quick:
        lines += ["**A quick run: one seed, two rates and a third of the steps; small differences mean nothing.**", ""]
    for name in sorted({r["task"] for r in results}):
        lines += [f"## {name}", "", *table([r for r in results if r["task"] == name]), ""]
    (RESULTS / "losses.md").write_text("\n".join([*lines, "![MAP@R of each loss](losses.png)"]) + "\n")
    (RESULTS / "losses.json").write_text(json.dumps({"quick": quick, "results": results}, indent=1) + "\n")
    plot(results)


def plot(results: list[dict[str, object]]) -> None:
    """`losses.png`: MAP@R on what is new, mean and spread over seeds, ours and the peer's on one line."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tasks = sorted({r["task"] for r in results})
    figure, axes = plt.subplots(1, len(tasks), figsize=(6 * len(tasks), 7), squeeze=False)
    for axis, task in zip(axes[0], tasks, strict=True):
        own = [r for r in results if r["task"] == task]
        best = {r["loss"]: statistics.mean(r["map_at_r"]) for r in own if r["whose"] == "ours"}
        order = {name: at for at, name in enumerate(sorted(best, key=best.__getitem__))}
        for whose, marker, shift in (("ours", "o", 0.0), ("peer", "x", 0.25)):
            side = [r for r in own if r["whose"] == whose]
            values = [r["map_at_r"] for r in side]
            spread = [statistics.stdev(v) if len(v) > 1 else 0 for v in values]
            heights = [order[r["loss"]] - shift for r in side]
            axis.errorbar(
                [statistics.mean(v) for v in values], heights, xerr=spread, fmt=marker, label=whose, capsize=2
            )
        axis.set_yticks(range(len(order)), list(order))
        axis.set_xlabel("MAP@R on classes never seen, mean ± deviation of seeds")
        axis.set_title(task)
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(RESULTS / "losses.png", dpi=110)
    plt.close(figure)


def main() -> None:
    torch.set_num_threads(1)
    arguments = sys.argv[1:]
    quick = "--quick" in arguments
    names = [name for name in arguments if name != "--quick"] or [*PAIR_LOSSES, *PROXY_LOSSES]
    results = []
    for task in (pairs(), digits()):
        for name in names:
            for is_peer in (False, True) if name in PEERS else (False,):
                results.append(searched(name, is_peer, task, quick))
                print(results[-1], flush=True)
            write(results, quick)


if __name__ == "__main__":
    main()
