"""`crossmodal demo`: write the demo library."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Another seed, other songs and clips."
)
@click.option("--pairs", default=60, show_default=True, type=click.IntRange(1, 1000), help="How many tracks and clips.")
def demo(folder: Path, seed: int, pairs: int) -> None:
    """Write procedural tracks, the clips that belong to them, and a manifest of the pairs into DIR.

    Run again, it makes only what is missing.

    \b
    Examples:
        crossmodal demo library
        crossmodal demo library --pairs 12 --seed 7
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from crossmodal.demo import write_demo  # SciPy and PyAV load here, so that --help does not wait for them

    columns = (TextColumn("Making tracks and clips"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=pairs)
        library = write_demo(
            folder, seed=seed, pairs=pairs, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    count, made = len(library.rows), library.n_made
    click.echo(
        f"{folder}: {count} pairs, {made} made now and {count - made} there before; listed in {library.manifest}"
    )
