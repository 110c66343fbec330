"""`crossmodal extract`: the Features of a manifest into the store."""

from pathlib import Path

import click

from app.cli.main import NOTHING_DONE, SOME_FAILED
from app.cli.options import json_option, root_option, store_option, workers_option
from app.cli.output import path_fields, print_json, shown_path


@click.command()
@click.argument("manifest", type=click.Path(dir_okay=False))
@click.option(
    "--model", default="compact", show_default=True, help="Whose encoders: a bundled model, or a model folder."
)
@root_option
@store_option
@workers_option
@json_option
@click.pass_context
def extract(
    context: click.Context,
    manifest: str,
    model: str,
    root: str | None,
    store: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Make the Features of every file of MANIFEST, and keep them, so that `train` and `evaluate` decode nothing.

    It may be stopped at any time, and goes on where it was. Files that cannot be used are listed.

    \b
    Examples:
        crossmodal extract pairs.jsonl
        crossmodal extract pairs.jsonl --model runs/mine --store features.db
    """
    # torch loads here, so that --help does not wait for it
    from app.cli.bars import bars
    from crossmodal.errors import ManifestError
    from crossmodal.features import FeatureStore
    from crossmodal.manifest import read_table
    from crossmodal.model import TwoTowerModel
    from training.manifests.extracting import extract as run

    table = read_table(manifest, root)
    if not table.records:
        raise ManifestError(manifest, None, "has no row.")
    encoders = TwoTowerModel.from_pretrained(model).encoders
    with FeatureStore(Path(store) if store else None) as features, bars() as tell:
        found = run(
            table.rows, encoders, features, workers=workers, progress=lambda done, total: tell("files", done, total)
        )
    if as_json:
        failed = [{**path_fields(path), "reason": reason} for path, reason in found.failed]
        faults = [{"line": fault.line, "reason": fault.trouble} for fault in table.faults]
        print_json({"made": found.made, "there": found.there, "failed": failed, "bad_rows": faults})
    else:
        click.echo(f"{found.made} files made, {found.there} there before, {len(found.failed)} failed")
    for fault in table.faults:
        click.echo(str(fault), err=True)
    for path, reason in found.failed:
        click.echo(f"{shown_path(path.parent)}: {reason}", err=True)
    if found.failed or table.faults:
        context.exit(SOME_FAILED if found.made + found.there else NOTHING_DONE)
