"""`crossmodal manifest`: make, check, split and count manifests."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.main import NOTHING_DONE, SOME_FAILED
from app.cli.options import json_option, root_option, store_option, workers_option
from app.cli.output import check_table, path_fields, print_json, shown_path

if TYPE_CHECKING:
    from training.manifests.folders import Made
    from training.manifests.splitting import Division
    from training.manifests.statistics import Statistics
    from training.manifests.validating import Note

WARNINGS_SHOWN = 10  # loud music decodes beyond full scale in every third file: faults must not drown in that

manifest_argument = click.argument("manifest", metavar="MANIFEST", type=click.Path(dir_okay=False))


def out_option(help_text: str, *, required: bool) -> Callable[..., Any]:
    """`--out`, whose form follows from the name's ending."""
    return click.option("--out", "-o", required=required, type=click.Path(dir_okay=False), help=help_text)


@click.group()
def manifest() -> None:
    """Make, check, split and count manifests: tables of (video, audio) pairs."""


@manifest.command(short_help="Check every row and every file.")
@manifest_argument
@out_option("Write the good rows here (JSONL, CSV, TSV, Parquet).", required=False)
@root_option
@workers_option
@json_option
@click.pass_context
def validate(
    context: click.Context, manifest: str, out: str | None, root: str | None, workers: int | None, as_json: bool
) -> None:
    """Check every row of MANIFEST and every file that it names; bad rows are listed with their lines.

    Exit code 0: all rows hold; 1: some do not; 3: none does.

    \b
    Examples:
        crossmodal manifest validate pairs.jsonl
        crossmodal manifest validate pairs.csv -o clean.jsonl
    """
    from app.cli.bars import bars
    from crossmodal.errors import ManifestError
    from training.manifests.validating import validate as run
    from training.manifests.validating import write_clean

    check_table(out)
    base = Path(root) if root else None
    with bars() as tell:
        result = run(Path(manifest), base, workers=workers, progress=lambda done, total: tell("files", done, total))
    if not result.table.records:
        raise ManifestError(manifest, None, "has no row.")
    if out and result.good:
        write_clean(result, Path(out), base)
    total = len(result.table.records)
    if as_json:
        faults, warnings = ([_note(note) for note in notes] for notes in (result.faults, result.warnings))
        summary = {**path_fields(manifest), "rows": total, "good": len(result.good), "bad": faults}
        print_json({**summary, "warnings": warnings, "notes": result.table.notes, "out": out if result.good else None})
    else:
        written = f": {out}" if out and result.good else ""
        click.echo(f"{len(result.good)} of {total} rows hold{written}")
    for text in result.table.notes:
        click.echo(f"{manifest}: {text}", err=True)
    _list(manifest, result.warnings[:WARNINGS_SHOWN], "kept, with a warning: ")
    if (more := len(result.warnings) - WARNINGS_SHOWN) > 0:
        click.echo(f"{shown_path(manifest)}: {more} more warnings; --json gives all of them", err=True)
    _list(manifest, result.faults)
    if result.faults:
        context.exit(SOME_FAILED if result.good else NOTHING_DONE)


@manifest.command("from-folder", short_help="Make a manifest of a folder of films.")
@click.argument("videos", type=click.Path())
@click.argument("music", required=False, type=click.Path())
@out_option("The manifest to write (JSONL, CSV, TSV, Parquet).", required=True)
@click.option(
    "--root",
    type=click.Path(file_okay=False),
    help="What paths are written relative to; default: the manifest's folder.",
)
@workers_option
@json_option
@click.pass_context
def from_folder(
    context: click.Context,
    videos: str,
    music: str | None,
    out: str,
    root: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Make a manifest of the films in VIDEOS with their own sound, or with the files in MUSIC of the same names.

    Subfolders called train, val and test give the split, other subfolders the group: what a split keeps together.

    \b
    Examples:
        crossmodal manifest from-folder films -o films.jsonl
        crossmodal manifest from-folder clips songs -o pairs.csv --json
    """
    from app.cli.bars import bars
    from crossmodal.errors import ManifestError
    from crossmodal.manifest import write_table
    from training.manifests.folders import from_folder as run

    check_table(out)
    with bars() as tell:
        made = run(
            Path(videos),
            Path(music) if music else None,
            base=Path(root) if root else Path(out).parent,
            workers=workers,
            progress=lambda done, total: tell("files", done, total),
        )
    if made.rows:
        write_table(out, made.columns, made.rows)
    _show_made(made, out, as_json)
    if not made.rows:
        raise ManifestError(videos, None, "gives no pair. Films need a sound track, or music of the same name.")
    if made.failed:
        context.exit(SOME_FAILED)


@manifest.command(short_help="Give every row a split; what belongs together stays together.")
@manifest_argument
@out_option("Where the rows are written, with their splits.", required=True)
@click.option("--shares", default="0.8,0.1,0.1", show_default=True, help="Of train, val and test; two leave test out.")
@click.option("--seed", default=0, show_default=True, help="Another seed, other rows in each split.")
@click.option("--model", default="compact", show_default=True, help="Finds sounds that are nearly the same.")
@root_option
@store_option
@workers_option
@json_option
@click.pass_context
def split(
    context: click.Context,
    manifest: str,
    out: str,
    shares: str,
    seed: int,
    model: str,
    root: str | None,
    store: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Give every row of MANIFEST a split: train, val or test; splits that stand in it are replaced.

    Rows that share music, group, artist, a video or a sound stay together, and so do sounds that are nearly the same.
    An artist is a column or a label of that name. The order of rows changes nothing.

    \b
    Examples:
        crossmodal manifest split pairs.jsonl -o split.jsonl
        crossmodal manifest split pairs.jsonl -o split.jsonl --shares 0.9,0.1 --seed 7
    """
    wanted = _shares(shares)
    check_table(out)
    # torch loads here, so that --help does not wait for it
    from app.cli.bars import bars
    from crossmodal.features import FeatureStore
    from crossmodal.manifest import write_table
    from training.manifests.sounds import near_sounds
    from training.manifests.splitting import split_manifest
    from training.manifests.validating import clean_cells, clean_columns

    base = Path(root) if root else None
    with FeatureStore(Path(store) if store else None) as features, bars() as tell:

        def near(sounds: dict[str, Path]) -> list[tuple[str, str, float]]:
            told = lambda done, total: tell("sounds", done, total)  # noqa: E731
            return near_sounds(sounds, features, model=model, workers=workers, progress=told)

        result = split_manifest(
            Path(manifest),
            wanted,
            seed=seed,
            root=base,
            near=near,
            workers=workers,
            progress=lambda done, total: tell("files", done, total),
        )
    columns = clean_columns(result.table)
    rows = [
        {**clean_cells(record, result.table, Path(out), base), "split": name}
        for record, name in zip(result.table.records, result.splits, strict=True)
    ]
    write_table(out, columns if "split" in columns else [*columns, "split"], rows)
    _show_division(result, out, as_json)
    _list(manifest, result.unread, "went by its columns alone: ")
    if result.unread:
        context.exit(SOME_FAILED)


@manifest.command(short_help="Count rows, hours, splits, labels, repetitions, gaps.")
@manifest_argument
@root_option
@workers_option
@json_option
@click.pass_context
def stats(context: click.Context, manifest: str, root: str | None, workers: int | None, as_json: bool) -> None:
    """Count the rows, hours, splits and labels of MANIFEST, what stands in it twice, and what is missing.

    \b
    Examples:
        crossmodal manifest stats pairs.jsonl
        crossmodal manifest stats pairs.jsonl --json | jq .hours
    """
    from dataclasses import asdict

    from app.cli.bars import bars
    from training.manifests.statistics import statistics

    with bars() as tell:
        found = statistics(
            Path(manifest),
            Path(root) if root else None,
            workers=workers,
            progress=lambda done, total: tell("files", done, total),
        )
    if as_json:
        print_json({**path_fields(manifest), **asdict(found)})
    else:
        _show_statistics(found)
    _list(manifest, found.faults)
    for path in found.missing:
        click.echo(f"{shown_path(path)}: there is no such file.", err=True)
    for _, reason in found.unreadable:
        click.echo(reason, err=True)
    if found.faults or found.missing or found.unreadable:
        context.exit(SOME_FAILED if any(found.hours.values()) else NOTHING_DONE)


def _note(note: "Note") -> dict[str, Any]:
    return {"line": note.line, "id": note.id, "reason": note.text}


def _list(manifest: str, notes: "list[Note]", lead: str = "") -> None:
    from crossmodal.errors import one_line

    for note in notes:
        click.echo(one_line(f"{shown_path(manifest)}, line {note.line} ({note.id}): {lead}{note.text}", 1000), err=True)


def _shares(text: str) -> dict[str, float]:
    try:
        numbers = [float(part) for part in text.replace("/", ",").split(",")]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 3 or not all(0 <= n < float("inf") for n in numbers) or not sum(numbers) > 0:
        raise click.BadParameter(
            f"{text!r} is no shares of train, val and test, such as 0.8,0.1,0.1", param_hint="--shares"
        )
    return {name: number / sum(numbers) for name, number in zip(("train", "val", "test"), numbers, strict=False)}


def _show_made(made: "Made", out: str, as_json: bool) -> None:
    listed = [
        [{**path_fields(path), "reason": reason} for path, reason in part] for part in (made.left_out, made.failed)
    ]
    if as_json:
        written = out if made.rows else None
        print_json({"out": written, "rows": len(made.rows), "left_out": listed[0], "failed": listed[1]})
    elif made.rows:
        click.echo(f"{len(made.rows)} pairs: {out}")
    for path, reason in made.left_out:
        click.echo(f"left out: {shown_path(path)}: {reason}.", err=True)
    for path, reason in made.failed:
        click.echo(f"failed: {shown_path(path)}: {reason}", err=True)


def _show_division(result: "Division", out: str, as_json: bool) -> None:
    total = len(result.splits)
    if as_json:
        near = [{"audio": [one, other], "similarity": alike} for one, other, alike in result.near]
        unread = [_note(note) for note in result.unread]
        counts = {"rows": total, "splits": result.counts, "groups": result.n_groups, "largest_group": result.largest}
        print_json({"out": out, **counts, "near_duplicates": near, "unread": unread})
        return
    parts = ", ".join(f"{count} {name} ({count / total:.0%})" for name, count in result.counts.items())
    click.echo(f"{parts}: {out}")
    click.echo(
        f"{result.n_groups} sets of rows hang together, the largest of {result.largest} rows; "
        f"{len(result.near)} pairs of sounds are nearly the same."
    )


def _show_statistics(found: "Statistics") -> None:
    hours = ", ".join(f"{count:.2f} h of {side}" for side, count in found.hours.items())
    files = " and ".join(f"{count} of {side}" for side, count in found.files.items())
    lines = [
        f"{found.usable} of {found.rows} rows can be read: {hours}; different contents: {files}",
        f"{found.musics} music ids, {found.groups} groups, {found.artists} artists named",
        *(f"split {name}: {part['rows']:g} rows, {part['hours']:.2f} h" for name, part in found.splits.items()),
        *(_label_line(name, values, found.unlabelled[name]) for name, values in found.labels.items()),
    ]
    if found.empty:
        lines.append("rows without: " + ", ".join(f"{name} {count}" for name, count in found.empty.items()))
    for kind, repeated in found.duplicates.items():
        shown = "; ".join(", ".join(map(str, own)) for own in repeated[:5])
        lines.append(f"same {kind} on several lines, {len(repeated)} times: {shown}{'; …' if repeated[5:] else ''}")
    lines += [f"{count} times the same {kind} in two splits" for kind, count in found.shared.items()]
    lines += [f"{len(found.missing)} files missing, {len(found.unreadable)} cannot be used"]
    click.echo("\n".join(lines))


def _label_line(name: str, values: dict[str, int], without: int) -> str:
    from crossmodal.errors import one_line

    shown = ", ".join(f"{value} {count}" for value, count in list(values.items())[:8])
    return one_line(
        f"label {name}: {len(values)} values ({shown}{', …' if len(values) > 8 else ''}), {without} rows without"
    )
