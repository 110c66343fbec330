"""`crossmodal evaluate`: recall of a model on a manifest."""

import json
from pathlib import Path
from typing import Any

import click

from app.cli.options import json_option, root_option, store_option


@click.command()
@click.argument("model")
@click.argument("manifest", type=click.Path(dir_okay=False))
@click.option("--split", help="Only rows of this split; default: all.")
@click.option("--min-seconds", default=6.0, show_default=True, help="Shorter rows are left out and counted.")
@root_option
@store_option
@json_option
def evaluate(
    model: str, manifest: str, split: str | None, min_seconds: float, root: str | None, store: str | None, as_json: bool
) -> None:
    """Recall of MODEL (a folder or `compact`) on the rows of MANIFEST.

    *aligned*: the same seconds of both sides; *searched*: the middle of the clip in the whole audio; *apart*: the first
    half of the video against the second half of the audio, by the vectors alone.

    \b
    Examples:
        crossmodal evaluate compact ../shared/data/visual/manifest.jsonl --split val
        crossmodal evaluate runs/mine pairs.jsonl --json | jq .searched
    """
    # torch loads here, so that --help does not wait for it
    from app.cli.bars import bars
    from crossmodal.features import FeatureStore
    from crossmodal.matching.calibration import Calibration
    from crossmodal.model import TwoTowerModel, find_folder
    from training.data.manifest import read_pairs
    from training.evaluation import evaluate as run

    loaded = TwoTowerModel.from_pretrained(model)
    with FeatureStore(Path(store) if store else None) as features, bars() as tell:
        found = read_pairs(
            Path(manifest),
            features,
            split=split,
            root=Path(root) if root else None,
            model=loaded,
            progress=lambda done, total: tell("rows", done, total),
        )
        result = run(
            found.pairs,
            loaded,
            Calibration.load(find_folder(model)),
            min_seconds=min_seconds,
            progress=lambda done, total: tell("protocols", done, total),
        )
    summary = {**result.summary(), "failed": [{"id": row, "reason": reason} for row, reason in found.failed]}
    if as_json:
        click.echo(json.dumps(_plain(summary)))
    else:
        _show(summary)
    for row, reason in found.failed:
        click.echo(f"{row}: {reason}", err=True)
    if found.failed:
        click.get_current_context().exit(1)


def _show(summary: dict[str, Any]) -> None:
    click.echo(f"{summary['pool']} rows of {summary['seconds']:g} s, {len(summary['left_out'])} shorter ones left out")
    head = f"{'':10}{'video to music':>28}{'music to video':>28}{'mean R@10':>12}{'95 % by group':>18}{'untrained':>12}"
    click.echo(f"{head}\n{'':10}{'R@1   R@5  R@10  median':>28}{'R@1   R@5  R@10  median':>28}")
    for name in ("aligned", "searched", "apart"):
        part, plain = summary[name], summary["untrained"].get(name)
        low, high = part["mean_interval"]
        both = "".join(f"{_figures(part[way]):>28}" for way in ("video_to_music", "music_to_video"))
        beside = f"{plain['mean_recall@10']:>12.3f}" if plain else f"{'no curves':>12}"
        mean = f"{part['mean_recall@10']:>12.3f}{f'{low:.2f} to {high:.2f}':>18}{beside}"
        click.echo(f"{name:10}{both}{mean}")
    click.echo(f"{'chance':10}recall@10 {summary['chance']['recall@10']:.3f}")


def _figures(way: dict[str, Any]) -> str:
    return f"{way['recall@1']:.2f}  {way['recall@5']:.2f}  {way['recall@10']:.2f}  {way['median_rank']:5g}"


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value
