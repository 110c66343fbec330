"""`crossmodal index`: folders into a catalogue."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from app.cli.options import json_option, workers_option
from app.cli.output import path_fields, print_json, shown_path

if TYPE_CHECKING:
    from crossmodal.catalogue import IndexReport, JobProgress, Progress

SIDES = {"music": "audio", "video": "video"}


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path())
@click.option("--catalogue", "-c", default=None, help="Folder of the catalogue; default: the user's own.")
@click.option("--model", default="compact", show_default=True, help="A bundled model's name, or a model folder.")
@click.option(
    "--as",
    "as_what",
    default="music",
    show_default=True,
    type=click.Choice(["music", "video"]),
    help="What the folders hold: music, or clips for `match --to video`.",
)
@click.option("--with-video-sound", is_flag=True, help="Take the sound of video files as music too.")
@click.option("--prune", is_flag=True, help="Forget tracks whose files are gone (from folders that could be read).")
@click.option("--no-tags", is_flag=True, help="Do not read titles and artists; a track is called as its file.")
@workers_option
@json_option
@click.pass_context
def index(
    context: click.Context,
    folders: tuple[str, ...],
    catalogue: str | None,
    model: str,
    as_what: str,
    with_video_sound: bool,
    prune: bool,
    no_tags: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Add FOLDERS of music (or clips) to a catalogue, or bring it up to date with them.

    Only what is new or changed is read. It may be stopped at any time, and goes on where it was.

    \b
    Examples:
        crossmodal index ~/Music
        crossmodal index ~/Music /media/disk/Sounds -c library
        crossmodal index clips --as video -c library
    """
    # torch loads here, so that --help does not wait for it
    from crossmodal.catalogue import Catalogue, index_folders
    from crossmodal.model import TwoTowerModel

    towers = TwoTowerModel.from_pretrained(model)
    with Catalogue.open(catalogue, create=True) as library, drawn() as progress:
        report = index_folders(
            library,
            folders,
            towers,
            as_side="video" if SIDES[as_what] == "video" else "audio",
            with_video_sound=with_video_sound,
            prune=prune,
            tags=not no_tags,
            workers=workers,
            progress=progress,
        )
    if as_json:
        print_json(as_object(report))
    else:
        show(report)
    context.exit(exit_code(report))


def exit_code(report: "IndexReport") -> int:
    """0: all done; 1: some files or folders could not be read; 3: nothing usable was found and something was wrong."""
    if not report.unreadable:
        return 0
    return 1 if report.n_usable or report.reembedded else 3


def as_object(report: "IndexReport") -> dict[str, object]:
    """What --json prints."""
    return {
        "added": report.added,
        "updated": report.updated,
        "moved": report.moved,
        "retagged": report.retagged,
        "copies": report.copies,
        "unchanged": report.unchanged,
        "reembedded": report.reembedded,
        "not_seen": report.not_seen,
        "removed": report.removed,
        "skipped": dict(report.skipped),
        "unreadable": [{**path_fields(path), "reason": reason} for path, reason in report.unreadable],
        "duplicates": [{**path_fields(path), "same_as": path_fields(other)} for path, other in report.duplicates],
        "seconds": round(report.seconds, 2),
        "audio_seconds": round(report.audio_seconds, 2),
    }


def show(report: "IndexReport") -> None:
    """The summary for a person."""
    counts = {
        "added": report.added,
        "updated": report.updated,
        "moved": report.moved,
        "retagged": report.retagged,
        "further copies": report.copies,
        "embedded again": report.reembedded,
        "unchanged": report.unchanged,
        "not seen (kept; --prune forgets them)": report.not_seen,
        "forgotten": report.removed,
        "skipped": sum(report.skipped.values()),
        "unreadable": len(report.unreadable),
    }
    shown = [f"{count} {what}" for what, count in counts.items() if count or what in ("added", "unreadable")]
    click.echo(", ".join(shown) + ".")
    if report.added or report.updated:
        minutes = max(report.seconds, 1e-3) / 60
        rate = (report.added + report.updated) / minutes
        click.echo(
            f"{report.seconds:.0f} s, {rate:.0f} tracks a minute, {report.audio_seconds / 60:.0f} minutes of music."
        )
    for reason, count in sorted(report.skipped.items()):
        click.echo(f"  skipped {count}: {reason}")
    for path, other in report.duplicates:
        click.echo(f"  same recording: {shown_path(path)} = {shown_path(other)}")
    for path, reason in report.unreadable:
        click.echo(f"  unreadable: {shown_path(path)}: {reason}")


@contextmanager
def drawn() -> "Iterator[Progress]":
    """A progress bar with rate and time left on stderr; lines now and then where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, pace="")
        said: list[str] = []

        def tell(moment: "JobProgress") -> None:
            if not console.is_terminal:
                if [moment.phase] != said[-1:]:
                    said.append(moment.phase)
                    click.echo(f"{moment.phase} ...", err=True)
                return
            bar.update(
                task, description=moment.phase, completed=moment.done, total=moment.total or None, pace=pace(moment)
            )

        yield tell


def pace(moment: "JobProgress") -> str:
    """Rate and time left, in words."""
    if moment.remaining is None:
        return ""
    minutes, seconds = divmod(round(moment.remaining), 60)
    hours, minutes = divmod(minutes, 60)
    left = f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
    return f"{moment.rate * 60:.0f} a minute, {left} left"
