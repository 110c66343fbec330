"""`crossmodal calibrate`: fit the score of a model to pairs that it was not trained on."""

from pathlib import Path

import click

from app.cli.options import root_option, store_option


@click.command()
@click.argument("model")
@click.argument("manifest", type=click.Path(dir_okay=False))
@click.option(
    "--out", type=click.Path(file_okay=False), help="Write a copy of the model there; default: into the model's folder."
)
@click.option("--split", help="Only rows of this split; default: all.")
@root_option
@store_option
def calibrate(
    model: str, manifest: str, out: str | None, split: str | None, root: str | None, store: str | None
) -> None:
    """Write calibration.json: what a score of MODEL means, fitted on the rows of MANIFEST.

    Take sources that training did not see: on its own training pairs a model is too sure of itself.

    \b
    Examples:
        crossmodal calibrate runs/mine held-out.jsonl
        crossmodal calibrate compact my-pairs.jsonl --out models/compact-mine
    """
    # torch loads here, so that --help does not wait for it
    from app.cli.bars import bars
    from crossmodal.features import FeatureStore
    from crossmodal.model import TwoTowerModel
    from training.calibration import calibrate as fit
    from training.data.manifest import read_pairs, refuse_none

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
        refuse_none(Path(manifest), found.pairs, found.failed)
        calibration = fit(found.pairs, loaded, progress=lambda done, total: tell("calibration", done, total))
    folder = Path(out) if out else loaded.folder
    if folder is None:
        raise click.UsageError("the model has no folder; name one with --out.")
    if out:
        loaded.save_pretrained(folder)
    calibration.save(folder)
    click.echo(folder / "calibration.json")
    for row, reason in found.failed:
        click.echo(f"{row}: {reason}", err=True)
    if found.failed:
        click.get_current_context().exit(1)
