"""Pictures of a run and of an evaluation, as PNG: learning curves, where ranks fall, recall by depth."""

import csv
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluation import Evaluation

INK, GREY = "#1f2933", "#8a949e"
COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7c3aed", "#a16207")
SMOOTH = 50  # points of loss that the thick line is the mean of


def training_curves(csv_path: Path, png_path: Path) -> Path:
    """Loss and learning rate by step, recall by epoch beside its chance, out of a run's `metrics.csv`.

    Args:
        csv_path: columns `epoch`, `step`, `loss`, `lr` and those of `training.evaluation.retrieval`; a cell may be
            empty.
        png_path: where; written beside and moved.

    Returns:
        `png_path`.
    """
    columns = _read(csv_path)

    def draw(figure: Any) -> None:
        loss, recall = figure.subplots(1, 2)
        _loss(loss, columns)
        _recall(recall, columns)

    return _write(png_path, (10.0, 4.0), draw)


def rank_histogram(ranks: Mapping[str, np.ndarray], path: Path, *, pool: int) -> Path:
    """Where the right music stands, in twenty equal parts of the pool; a dashed line is chance.

    Args:
        ranks: name of a protocol or direction -> (N,) ranks from 1, inf for a miss (drawn in the last part).
        path: of the PNG.
        pool: how many candidates there are.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots(1, len(ranks), sharey=True, squeeze=False)[0]
        for index, (axis, (name, rank)) in enumerate(zip(axes, ranks.items(), strict=True)):
            places = (np.minimum(rank, pool) - 0.5) / pool
            counts, edges = np.histogram(places, bins=np.linspace(0, 1, 21))
            colour = COLOURS[index % len(COLOURS)]
            axis.bar(edges[:-1] * 100, counts / max(len(rank), 1), width=4.6, align="edge", color=colour)
            axis.axhline(0.05, color=GREY, linestyle="--", linewidth=1)
            _label(axis, name, "rank, % of the pool", "share of queries" if index == 0 else "")

    return _write(path, (3.4 * len(ranks) + 0.6, 3.4), draw)


def recall_curve(ranks: Mapping[str, np.ndarray], path: Path, *, pool: int) -> Path:
    """Share of the queries whose right music is among the first k, for every k; a dashed line is chance, k / pool.

    Args:
        ranks: name of a protocol or system -> (N,) ranks from 1.
        path: of the PNG.
        pool: how many candidates there are.
    """

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        depths = np.arange(1, pool + 1)
        for index, (name, rank) in enumerate(ranks.items()):
            share = np.searchsorted(np.sort(rank), depths, side="right") / max(len(rank), 1)
            axis.plot(depths, share, color=COLOURS[index % len(COLOURS)], label=name, linewidth=1.8)
        axis.plot(depths, depths / pool, color=GREY, linestyle="--", linewidth=1, label="chance")
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_xlim(1, pool)
        axis.set_ylim(0, 1.01)
        axis.grid(color="#e3e7eb", linewidth=0.6)
        axis.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0))
        _label(axis, f"Recall in a pool of {pool}", "k (log scale)", "recall@k")

    return _write(path, (7.4, 4.2), draw)


def evaluation_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """`ranks.png` and `recall.png` of an evaluation: every protocol video to music, and the untrained row beside.

    Args:
        evaluation: of `training.evaluation.evaluate`.
        folder: made if it is not there.
    """
    ranks = {name: found.standings()[0].expected() for name, found in evaluation.protocols.items()}
    curves = dict(ranks)
    if "aligned" in evaluation.untrained:
        curves["untrained, aligned"] = evaluation.untrained["aligned"].standings()[0].expected()
    return [
        rank_histogram(ranks, folder / "ranks.png", pool=evaluation.pool),
        recall_curve(curves, folder / "recall.png", pool=evaluation.pool),
    ]


def _loss(axis: Any, columns: dict[str, np.ndarray]) -> None:
    step, loss = _known(columns, "step", "loss")
    axis.plot(step, loss, color=COLOURS[0], linewidth=0.8, alpha=0.35 if len(step) > 2 * SMOOTH else 1.0)
    if len(step) > 2 * SMOOTH:
        mean = np.convolve(loss, np.ones(SMOOTH) / SMOOTH, "valid")
        axis.plot(step[SMOOTH // 2 : SMOOTH // 2 + len(mean)], mean, color=COLOURS[0], linewidth=1.8)
    _label(axis, "Loss", "step", "loss, and learning rate (grey)")
    step, rate = _known(columns, "step", "lr")
    if len(step):
        beside = axis.twinx()
        beside.plot(step, rate, color=GREY, linewidth=1)
        beside.set_ylim(0, max(float(rate.max()) * 1.1, 1e-12))
        beside.tick_params(colors=GREY, labelsize=8)
        beside.spines[["top", "left"]].set_visible(False)


def _recall(axis: Any, columns: dict[str, np.ndarray]) -> None:
    lines = {
        "video to music": ("video_to_music/recall@10", COLOURS[0], "-"),
        "music to video": ("music_to_video/recall@10", COLOURS[1], "-"),
        "chance": ("chance/recall@10", GREY, "--"),
    }
    by_epoch = "epoch" in columns
    for label, (name, colour, style) in lines.items():
        at, value = _known(columns, "epoch" if by_epoch else "step", name)
        if len(at):
            axis.plot(at, value, style, color=colour, label=label, marker="" if label == "chance" else ".")
    axis.set_ylim(0, 1)
    axis.locator_params(axis="x", integer=True)
    axis.grid(color="#e3e7eb", linewidth=0.6)
    if axis.lines:
        axis.legend(frameon=False, fontsize=9, loc="best")
    _label(axis, "Recall@10 on the validation set", "epoch" if by_epoch else "step", "")


def _label(axis: Any, title: str, x: str, y: str) -> None:
    axis.set_title(title, fontsize=10, color=INK, loc="left")
    axis.set_xlabel(x, fontsize=9)
    axis.set_ylabel(y, fontsize=9)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _read(path: Path) -> dict[str, np.ndarray]:
    """Columns of a CSV as float64, NaN where a cell is empty or no number."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return {name: np.array([_number(row.get(name)) for row in rows]) for name in reader.fieldnames or ()}


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def _known(columns: dict[str, np.ndarray], x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
    """The points of two columns where both are finite."""
    none = np.zeros(0)
    at, value = columns.get(x, none), columns.get(y, none)
    if len(at) != len(value):
        return none, none
    is_known = np.isfinite(at) & np.isfinite(value)
    return at[is_known], value[is_known]


def _write(path: Path, size: tuple[float, float], draw: Callable[[Any], None]) -> Path:
    """Draw on a figure of its own, without pyplot's global state, and move it to `path` once it is whole."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # a second to load: here, where it is needed
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=120, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    draw(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    figure.savefig(beside, format="png")
    beside.replace(path)
    return path
