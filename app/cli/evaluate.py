"""`crossmodal evaluate`: recall of a model on a manifest."""

import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from app.cli.evaluation_table import show_evaluation
from app.cli.options import json_option, root_option, store_option


@click.command()
@click.argument("model")
@click.argument("manifest", type=click.Path(dir_okay=False))
@click.option("--split", help="Only rows of this split; default: all.")
@click.option("--min-seconds", default=6.0, show_default=True, help="Shorter rows are left out and counted.")
@click.option("--plots", type=click.Path(file_okay=False), help="Write rank histograms and recall curves (PNG) there.")
@click.option("--leaks", is_flag=True, help="Also swap sounds within groups, as media; exit 1 if the old id is found.")
@root_option
@store_option
@json_option
def evaluate(
    model: str,
    manifest: str,
    split: str | None,
    min_seconds: float,
    plots: str | None,
    leaks: bool,
    root: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Recall of MODEL (a folder or `compact`) on the rows of MANIFEST.

    *aligned*: the same seconds of both sides; *searched*: the middle of the clip in the whole audio; *apart*: the first
    half of the video against the second half of the audio, by the vectors alone. What else is printed, and how to read
    it, stands in docs/evaluation.md.

    \b
    Examples:
        crossmodal evaluate compact ../shared/data/visual/manifest.jsonl --split val
        crossmodal evaluate runs/mine pairs.jsonl --plots plots --leaks
        crossmodal evaluate runs/mine pairs.jsonl --json | jq .searched
    """
    # torch loads here, so that --help does not wait for it
    from app.cli.bars import bars
    from crossmodal.features import FeatureStore
    from crossmodal.matching.calibration import Calibration
    from crossmodal.model import TwoTowerModel, find_folder
    from training.data.manifest import read_pairs, refuse_none
    from training.evaluation import evaluate as run
    from training.evaluation import uses_of_training
    from training.plots import evaluation_plots

    loaded, calibration = TwoTowerModel.from_pretrained(model), Calibration.load(find_folder(model))
    path, folder = Path(manifest), Path(root) if root else None
    with FeatureStore(Path(store) if store else None) as features, bars() as tell:
        found = read_pairs(path, features, split=split, root=folder, model=loaded, progress=partial(tell, "rows"))
        refuse_none(path, found.pairs, found.failed)
        result = run(
            found.pairs,
            loaded,
            calibration,
            min_seconds=min_seconds,
            uses=uses_of_training(path, split, root=folder),
            progress=partial(tell, "protocols"),
        )
        leak = _leaks(path, split, folder, loaded, calibration, features, partial(tell, "swapped")) if leaks else None
    if plots:
        evaluation_plots(result, Path(plots))
    summary = {**result.summary(), "failed": [{"id": row, "reason": reason} for row, reason in found.failed]}
    if leak is not None:
        summary["leaks"] = leak
    if as_json:
        click.echo(json.dumps(_plain(summary)))
    else:
        show_evaluation(summary)
    for row, reason in found.failed:
        click.echo(f"{row}: {reason}", err=True)
    if found.failed or (leak is not None and leak["is_leaking"]):
        click.get_current_context().exit(1)


def _leaks(
    manifest: Path,
    split: str | None,
    root: Path | None,
    model: Any,
    calibration: Any,
    store: Any,
    progress: Callable[[int, int], None],
) -> dict[str, Any]:
    from crossmodal.errors import ManifestError
    from crossmodal.manifest import read_rows
    from training.leaks import leaks, model_matcher, swap_sounds

    rows = [row for row in read_rows(manifest, root=root).rows if split is None or row.split == split]
    with tempfile.TemporaryDirectory() as folder:
        files = swap_sounds(rows, Path(folder), progress=progress)
        if not files:
            raise ManifestError(
                str(manifest), None, "no group has rows of two musics, so no sound can be swapped. Leave --leaks out."
            )
        return leaks(files, model_matcher(model, calibration, store)).summary()


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value
