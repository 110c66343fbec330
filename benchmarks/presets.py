"""Which recipe is worth what on one small set, with the same features, steps and rows?

Every preset learns from the training split of `visual` (247 visualiser clips of free music, one clip a track, 76
sources) and is judged on its validation split (130 clips, 12 other sources): recall@10, aligned, searched and apart, as
`crossmodal evaluate` has them, both directions, three seeds. All have the compact curves out of the feature store, and
the same short budget; their own towers, losses, rates and schedules. A second table keeps `compact` and changes its
loss. `control` needs a label: here the name of the visualiser, as the set has no genre.

Differences to `compact` are of the recall@10 on the same rows, mean of both directions and of the seeds, with 95 % by a
bootstrap over sources. A run that is kept in the folder of runs is not made again, so the benchmark may be stopped.
Vectors and sequence are ranked together as a calibrated model ranks them: each in deviations between unrelated media of
the training split, the share of the vectors as in the bundled model's calibration. `raw` has no Features: it trains
both encoders from media, one seed on its own short schedule, to show what it costs.

Usage: presets.py [--runs FOLDER] [--tables]     --tables: write the tables out of the runs that are there
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _media import DATA, work_folder
from harness import RESULTS, cpu_seconds

from crossmodal.features import FeatureStore
from crossmodal.matching import Calibration
from crossmodal.metrics import bootstrap_interval
from crossmodal.model import TwoTowerModel, find_folder
from training.config import Config, load_config
from training.data.manifest import read_pairs
from training.data.pairs import Pair
from training.evaluation import evaluate, uses_of_training
from training.evaluation.baselines import popularity
from training.evaluation.scores import aligned_scores
from training.evaluation.untrained import untrained
from training.inputs import Inputs, Material
from training.loop import Trainer
from training.report import Protocol, chance
from training.runs import make_batches, new_model, train_run

SEEDS = (0, 1, 2)
BUDGET = ("steps=300", "batch=48", "passage=[9, 10]", "optimiser.ema_from=100", "checkpoint_every=100000")
PROTOCOLS, SECONDS = ("aligned", "searched", "apart"), 12.0
MANIFEST = DATA / "visual" / "manifest.jsonl"
RAW = "raw, 60 steps of 8"
Runs = dict[str, list[dict[str, Any]]]  # name -> one record a seed


@dataclass(frozen=True, slots=True)
class Recipe:
    """A preset with settings on top; `label`: what the table calls it."""

    label: str
    preset: str
    settings: tuple[str, ...] = ()


PRESETS = (
    Recipe("compact", "compact"),
    Recipe("vmnet", "vmnet"),
    Recipe("pretet", "pretet"),
    Recipe("mvpt", "mvpt"),
    Recipe("vmcml", "vmcml"),
    Recipe("circle", "circle"),
    Recipe("intra", "intra"),
    Recipe("control", "control", ("loss.label=visualiser",)),
    Recipe("siglip", "siglip"),
    Recipe("compact, time shuffled", "compact", ("data.time=shuffled",)),
)
LOSSES = tuple(
    Recipe(f"{label} in compact", "compact", settings)
    for label, settings in {
        "circle": ("loss.name=circle",),
        "multi-similarity": ("loss.name=multi_similarity",),
        "contrastive (cosine)": ("loss.name=cosine_contrastive",),
        "SupCon": ("loss.name=supcon",),
        "SigLIP": ("loss.name=siglip",),
        "circle on the vectors": ("loss.vectors=circle",),
        "CosFace over ids": ("loss.vector_weight=0", "loss.label=music_id", "loss.labels=cosface"),
    }.items()
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=Path, default=None, help="Where runs are kept.")
    parser.add_argument("--tables", action="store_true")
    given = parser.parse_args()
    folder = given.runs or work_folder("presets")
    torch.set_num_threads(1)
    train, judged = (read_split(split) for split in ("train", "val"))
    if not given.tables:
        make_runs(train, judged, folder)
        make_raw_run(folder)
    write_tables(read_runs(folder), train, judged)


def read_split(split: str) -> list[Pair]:
    """The pairs of a split of `visual`; decoded once, then read from the user's feature store."""
    with FeatureStore() as store:
        return read_pairs(MANIFEST, store, split=split, domain="visual").pairs


def make_runs(train: list[Pair], judged: list[Pair], folder: Path) -> None:
    """Train and judge what `folder` lacks, all recipes of one seed before the next."""
    folder.mkdir(parents=True, exist_ok=True)
    for recipe, seed in [(recipe, seed) for seed in SEEDS for recipe in PRESETS + LOSSES]:
        path = folder / f"{recipe.label}-{seed}.json"
        if path.is_file():
            continue
        settings = [*BUDGET, *recipe.settings, f"seed={seed}"]
        began = time.process_time()
        model = learn(train, load_config(recipe.preset, settings))
        seconds = time.process_time() - began
        record = judge(judged, model, train) | {"cpu_seconds": round(seconds, 1), "seed": seed}
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(record), encoding="utf-8")
        beside.replace(path)
        aligned = hits(record, "aligned").mean()
        print(f"{recipe.label}, seed {seed}: {aligned:.3f} aligned, {seconds:.0f} CPU s", flush=True)


def make_raw_run(folder: Path) -> None:
    """Train the preset `raw` as `crossmodal train` does, if `folder` lacks it, and judge what it made of the media."""
    path = folder / f"{RAW}-0.json"
    if path.is_file():
        return
    with tempfile.TemporaryDirectory() as run:
        began = cpu_seconds()
        train_run(Inputs((MANIFEST,)), Path(run) / "model", preset="raw")
        seconds = cpu_seconds() - began
        model = TwoTowerModel.from_pretrained(Path(run) / "model")
        with FeatureStore(Path(run) / "features.db") as store:
            train, judged = (read_pairs(MANIFEST, store, split=split, model=model).pairs for split in ("train", "val"))
        record = judge(judged, model, train) | {"cpu_seconds": round(seconds, 1), "seed": 0}
    path.write_text(json.dumps(record), encoding="utf-8")


def learn(train: list[Pair], config: Config) -> TwoTowerModel:
    """The model of a run, on the pairs and nothing else."""
    batches = make_batches(Material({"visual": train}), config, hop=train[0].video.hop)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(new_model(config), batches, config, Path(folder))
        trainer.fit_preparation()
        return trainer.run()


def judge(judged: list[Pair], model: TwoTowerModel, train: list[Pair]) -> dict[str, Any]:
    """Hits of every row, video to music and music to video, by protocol; and how large the model is."""
    found = evaluate(judged, model, calibration_of(model, train))
    sizes = {"parameters": sum(parameter.numel() for parameter in model.parameters())}
    zero = {"start_at_zero": hits_of(found.baselines["start_at_zero"]["searched"])}
    return sizes | zero | {name: hits_of(protocol) for name, protocol in found.protocols.items()}


def calibration_of(model: TwoTowerModel, train: list[Pair]) -> Calibration:
    """What ranks: both parts in their deviations between training media of other sources; no probabilities.

    All clips here have one length and all musics one number of starts, so that the mean of unrelated media is left out.
    """
    bundled = Calibration.load(find_folder("compact"))
    assert bundled is not None
    scores = aligned_scores(train, model, SECONDS)
    groups = np.array([pair.group for pair in train])
    unrelated = groups[:, None] != groups[None, :]
    return Calibration(
        sigma_g=float(scores.g[unrelated].std()),
        lengths=(SECONDS,),
        starts=(1,),
        mean=((0.0,),),
        deviation=((float(scores.s_seq[unrelated].std()) if model.config.heads else 1.0,),),
        share_at_one=bundled.share_at_one,
        share_per_log_start=bundled.share_per_log_start,
        logistic=((SECONDS, 0.0, 1.0),),
    )


def hits_of(protocol: Protocol) -> list[list[float]]:
    return protocol.hits(10).round(6).tolist()


def read_runs(folder: Path) -> Runs:
    """The records that are there, by label."""
    runs: Runs = {}
    for label in [*(recipe.label for recipe in PRESETS), RAW, *(recipe.label for recipe in LOSSES)]:
        paths = [folder / f"{label}-{seed}.json" for seed in SEEDS]
        found = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]
        if found:
            runs[label] = found
    return runs


def hits(record: dict[str, Any], protocol: str) -> np.ndarray:
    """(2, N) 0-1: is each row's own among the first ten, video to music and music to video? Ties share."""
    return np.array(record[protocol])


def figures(records: list[dict[str, Any]], protocol: str) -> dict[str, list[float]]:
    """Recall@10 by seed, of each direction and of their mean."""
    each = [hits(record, protocol).mean(1) for record in records]
    return {
        "video_to_music": [round(float(v), 4) for v, _ in each],
        "music_to_video": [round(float(m), 4) for _, m in each],
        "mean": [round(float(pair.mean()), 4) for pair in each],
    }


def difference(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]], protocol: str, groups: np.ndarray
) -> dict[str, Any]:
    """Recall@10 of ours minus theirs, both directions and all seeds together, and its interval by source."""
    mine, other = (np.mean([hits(record, protocol).mean(0) for record in side], axis=0) for side in (ours, theirs))
    low, high = bootstrap_interval(mine - other, groups)
    return {"difference": round(float((mine - other).mean()), 4), "interval": [round(low, 4), round(high, 4)]}


def summary(runs: Runs, groups: np.ndarray) -> dict[str, Any]:
    """Figures of each recipe, and what `compact` has more."""
    return {
        label: {
            "seeds": len(records),
            "parameters": records[0].get("parameters"),
            "cpu_seconds": [record["cpu_seconds"] for record in records if "cpu_seconds" in record],
            **{name: figures(records, name) for name in PROTOCOLS if name in records[0]},
            "compact_minus_it": {
                name: difference(runs["compact"], records, name, groups) for name in PROTOCOLS if name in records[0]
            },
        }
        for label, records in runs.items()
    }


def baselines(runs: Runs, judged: list[Pair], plain: dict[str, Protocol]) -> Runs:
    """What learns nothing, and `compact` without its search."""
    most_used = hits_of(popularity(judged, uses_of_training(MANIFEST, "val") or {}))
    return {
        "compact, at the start of each music only": [{"searched": each["start_at_zero"]} for each in runs["compact"]],
        "untrained: motion × loudness": [{name: hits_of(plain[name]) for name in PROTOCOLS}],
        "popularity": [dict.fromkeys(PROTOCOLS, most_used)],
    }


def write_tables(runs: Runs, train: list[Pair], judged: list[Pair]) -> None:
    """`presets.md`, `presets.json` and `presets.png` of the runs that are there."""
    groups, plain = np.array([pair.group for pair in judged]), untrained(judged, SECONDS)
    by_luck = chance(plain["aligned"])["recall@10"]
    losses = {recipe.label for recipe in LOSSES}
    recipes = {label: records for label, records in runs.items() if label not in losses}
    result = summary(recipes | baselines(runs, judged, plain), groups)
    swapped = summary({label: runs[label] for label in runs if label in losses | {"compact"}}, groups)
    lines = [*heading(train, judged, by_luck), *table(result, by_luck), *LOSS_HEADING, *table(swapped, by_luck)]
    (RESULTS / "presets.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {"budget": BUDGET, "chance": by_luck, "torch": version("torch")}
    facts |= {"rows": [len(train), len(judged)], "presets": result, "losses": swapped}
    (RESULTS / "presets.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(result | swapped, by_luck)


LOSS_HEADING = [
    "",
    "## The loss changed inside `compact`",
    "",
    "Towers, schedule and rate stay those that InfoNCE was tuned with; the losses' constants are their defaults, which",
    "are their papers'. CosFace is on the vectors, beside InfoNCE on the sequences, as a class has no sequence.",
    "",
]


def heading(train: list[Pair], judged: list[Pair], by_luck: float) -> Iterator[str]:
    assert __doc__ is not None
    yield "# " + __doc__.split("\n\nUsage", maxsplit=1)[0].strip()
    yield ""
    yield f"Budget: {', '.join(BUDGET[:4])}; {len(train)} training rows, {len(judged)} judged."
    yield f"Chance is {by_luck:.3f}. Mean of the seeds ± their deviation; the column says how many are there."
    yield ""
    yield "![recall@10](presets.png)"
    yield ""


def table(result: dict[str, Any], by_luck: float) -> Iterator[str]:
    """Markdown: recall@10 of both directions by protocol, and what `compact` has more."""
    columns = ["aligned V→M / M→V", "searched", "apart", "compact − it, aligned", "searched", "apart"]
    yield f"| recipe | seeds | parameters | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for place, (label, row) in enumerate(result.items()):
        cells = [both_ways(row[name]) if name in row else "" for name in PROTOCOLS]
        less = [signed(row["compact_minus_it"][name]) if name in row and place else "" for name in PROTOCOLS]
        size = "" if row["parameters"] is None else f"{row['parameters']:,}"
        yield f"| {label} | {row['seeds'] if size else ''} | {size} | {' | '.join([*cells, *less])} |"
    yield f"| chance | | | {' | '.join([f'{by_luck:.2f} / {by_luck:.2f}'] * 3)} | | | |"


def both_ways(found: dict[str, list[float]]) -> str:
    sides = [np.array(found[name]) for name in ("video_to_music", "music_to_video")]
    spread = np.std(found["mean"], ddof=1) if len(found["mean"]) > 1 else None
    text = " / ".join(f"{side.mean():.2f}" for side in sides)
    return text if spread is None else f"{text} ± {spread:.2f}"


def signed(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{found['difference']:+.2f} ({low:+.2f} to {high:+.2f})"


def draw(result: dict[str, Any], by_luck: float) -> None:
    """Recall@10 of every recipe under the three protocols, a point a seed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    labels = list(result)
    figure = Figure(figsize=(9, 0.32 * len(labels) + 1), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, 3, sharey=True), PROTOCOLS, strict=True):
        for place, label in enumerate(labels):
            if name not in result[label]:
                continue
            means = result[label][name]["mean"]
            colour = "#b5432a" if label == "compact" else "#2a6f97"
            axes.plot(means, [place] * len(means), "o", color=colour, alpha=0.5, markersize=4)
            axes.plot(np.mean(means), place, "|", color=colour, markersize=14, markeredgewidth=2)
        axes.axvline(by_luck, color="grey", linestyle=":", linewidth=1)
        axes.set(title=f"{name}: recall@10", xlim=(0, 1), yticks=range(len(labels)), yticklabels=labels)
        axes.grid(axis="x", alpha=0.3)
    figure.axes[0].invert_yaxis()
    figure.savefig(RESULTS / "presets.png")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
