"""`crossmodal train`: a preset on the data folder, or manifests of one's own."""

from pathlib import Path

import click

from app.cli.options import store_option


@click.command()
@click.option(
    "--manifest",
    "-m",
    "manifests",
    multiple=True,
    type=click.Path(dir_okay=False),
    help="Pairs to train on; repeatable.",
)
@click.option(
    "--out",
    default="runs/compact",
    show_default=True,
    type=click.Path(file_okay=False),
    help="Folder of the run and the model.",
)
@click.option("--preset", default="compact", show_default=True, help="Name of a preset, or a YAML file.")
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    help="Folder with visual/, music_train/ and video/, for `compact` without a manifest.",
)
@click.option("--root", type=click.Path(file_okay=False), help="What relative paths of the manifests start from.")
@store_option
@click.option("--resume", is_flag=True, help="Go on where the run in --out stopped.")
@click.argument("settings", nargs=-1)
def train(
    manifests: tuple[str, ...],
    out: str,
    preset: str,
    data: str | None,
    root: str | None,
    store: str | None,
    resume: bool,
    settings: tuple[str, ...],
) -> None:
    """Train a model; with --data, the one that is bundled.

    SETTINGS are key=value, e.g. steps=300 optimiser.lr=1e-3.

    \b
    Examples:
        crossmodal train --preset compact --data ../shared/data --out runs/compact
        crossmodal train --manifest pairs.jsonl --out runs/mine steps=2000
        crossmodal train --manifest pairs.jsonl --out runs/mine steps=2000 --resume
    """
    # torch loads here, so that --help does not wait for it
    from app.cli.bars import bars
    from training.inputs import Inputs
    from training.runs import train_run

    with bars() as tell:
        result = train_run(
            Inputs(tuple(Path(m) for m in manifests), Path(data) if data else None, Path(root) if root else None),
            Path(out),
            preset=preset,
            settings=settings,
            store_path=Path(store) if store else None,
            resume=resume,
            tell=tell,
        )
    for line in result.lines():
        click.echo(line, err=True)
    click.echo(result.folder)
    if result.failed:
        click.get_current_context().exit(1)
