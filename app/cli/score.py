"""`crossmodal score`: a table of (video, audio) pairs gets its scores."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.main import NOTHING_DONE, SOME_FAILED
from app.cli.output import check_table

if TYPE_CHECKING:
    from crossmodal.manifest import Record, Table
    from crossmodal.scoring import ScoredRow


@click.command()
@click.argument("table", type=click.Path(dir_okay=False))
@click.option("--out", "-o", required=True, type=click.Path(dir_okay=False), help="CSV, TSV, JSONL or Parquet.")
@click.option("--catalogue", "-c", default=None, help="Folder made by `index`: what percentiles are taken against.")
@click.option("--model", default="compact", show_default=True, help="A bundled model's name, or a model folder.")
@click.option(
    "--root", type=click.Path(file_okay=False), help="What relative paths start from; default: the table's folder."
)
@click.option("--store", type=click.Path(), help="Feature store; default: beside the catalogue, or the user's cache.")
def score(table: str, out: str, catalogue: str | None, model: str, root: str | None, store: str | None) -> None:
    """Score the pairs of TABLE and write it with the columns score, percentile, start, status and reason.

    It has columns `video` and `audio` (CSV, JSONL or Parquet). Bad rows are listed, the rest is done.

    \b
    Examples:
        crossmodal score pairs.csv -o scores.csv
        crossmodal score pairs.jsonl -o scores.parquet -c ~/music-catalogue
    """
    # torch loads here, so that --help does not wait for it
    from crossmodal.errors import ManifestError
    from crossmodal.manifest import read_table, write_table
    from crossmodal.scoring import COLUMNS

    found = read_table(table, root)
    columns = [*_own_columns(found), *COLUMNS]
    check_table(out)
    if not found.records:
        raise ManifestError(table, None, "has no row.")
    for note in found.notes:
        click.echo(note, err=True)
    scored = iter(_scores(found, catalogue, model, store))
    rows, failed = [], []
    for record in found.records:
        cells = next(scored).cells() if record.row is not None else _unread(record)
        rows.append({**record.cells, **cells})
        if cells["status"] == "error":
            failed.append(f"line {record.line}: {cells['reason']}")
    write_table(out, columns, rows, numbers=("score", "percentile", "start"))
    _tell(found, rows, failed, out)
    if failed:
        click.get_current_context().exit(SOME_FAILED if len(failed) < len(rows) else NOTHING_DONE)


def _own_columns(table: "Table") -> list[str]:
    """The table's columns without ours, which are replaced if all five are there and refused if some are."""
    from crossmodal.errors import ManifestError
    from crossmodal.scoring import COLUMNS

    taken = [name for name in COLUMNS if name in table.columns]
    if taken and len(taken) < len(COLUMNS):
        raise ManifestError(
            str(table.path), None, f"has a column {taken[0]!r}, which `score` writes. Rename it, or remove it."
        )
    return [name for name in table.columns if name not in COLUMNS]


def _scores(table: "Table", catalogue: str | None, model: str, store: str | None) -> "list[ScoredRow]":
    from app.cli.bars import bars
    from crossmodal.features import FeatureStore
    from crossmodal.scoring import score_pairs

    kept = FeatureStore(Path(store)) if store else None
    try:
        with bars() as tell:
            return list(
                score_pairs(table.rows, model, catalogue, lambda done, total: tell("rows", done, total), store=kept)
            )
    finally:
        if kept is not None:
            kept.close()


def _unread(record: "Record") -> dict[str, Any]:
    return {"score": None, "percentile": None, "start": None, "status": "error", "reason": record.trouble}


def _tell(table: "Table", rows: list[dict[str, Any]], failed: list[str], out: str) -> None:
    for line in failed:
        click.echo(f"{table.path}, {line}", err=True)
    partial = sum(row["status"] == "partial" for row in rows)
    own = sum(row.audio is None for row in table.rows)
    counts = [f"{len(rows) - len(failed)} of {len(rows)} rows scored"]
    counts += [f"{partial} of them from files that are damaged in part"] if partial else []
    counts += [f"{own} used the video's own sound, having no audio"] if own else []
    click.echo(f"{', '.join(counts)}: {out}", err=True)
