"""`crossmodal match`: which track, from which second, how well."""

from typing import TYPE_CHECKING, Any, Literal

import click

from app.cli.options import json_option
from app.cli.output import path_fields, plain, print_json, print_table

if TYPE_CHECKING:
    from crossmodal.catalogue import Track
    from crossmodal.matching import Match, Matcher, Matches

HEAD = ("#", "title", "artist", "length", "from", "fit", "score", "better than")


@click.command()
@click.argument("media", type=click.Path())
@click.option("--catalogue", "-c", default=None, help="Folder made by `index`; default: the user's own.")
@click.option("--model", default="compact", show_default=True, help="A bundled model's name, or a model folder.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="How many to list.")
@click.option(
    "--to",
    default="music",
    show_default=True,
    type=click.Choice(["music", "video"]),
    help="music: tracks for a clip; video: clips for a track.",
)
@click.option("--alpha", type=click.FloatRange(0, 1), help="Share of a further global vector, where a model has one.")
@json_option
def match(
    media: str,
    catalogue: str | None,
    model: str,
    k: int,
    to: Literal["music", "video"],
    alpha: float | None,
    as_json: bool,
) -> None:
    """List the tracks of a catalogue that fit MEDIA, a clip, best, and the second to start each from.

    \b
    Examples:
        crossmodal match holiday.mp4
        crossmodal match holiday.mp4 -k 3 --json | jq '.matches[0].track'
        crossmodal match song.mp3 --to video
    """
    from crossmodal.matching import Matcher  # torch loads here, so that --help does not wait for it

    with Matcher.open(catalogue, model=model) as matcher:
        _catch_up(matcher, to)
        found = matcher.match_media(media, k, to, alpha)
    if as_json:
        print_json(as_object(found, media))
        return
    for warning in found.query.warnings:
        click.echo(warning, err=True)
    if not found.query.calibrated:
        click.echo("This model has no calibration: the order means something, a score there is none.", err=True)
    print_table(HEAD, [_cells(rank, one) for rank, one in enumerate(found.matches, 1)])


def as_object(found: "Matches", media: str) -> dict[str, Any]:
    """What --json prints."""
    query = found.query
    return {
        "query": {
            **path_fields(media),
            "duration": round(query.duration, 3),
            "warnings": list(query.warnings),
            "to": query.to,
            "compared": query.compared,
            "calibrated": query.calibrated,
            "is_still": query.is_still,
        },
        "matches": [_match_object(rank, one) for rank, one in enumerate(found.matches, 1)],
    }


def _match_object(rank: int, match: "Match") -> dict[str, Any]:
    value = {
        "rank": rank,
        "track": _track_object(match.track),
        "score": _rounded(match.score, 4),
        "word": match.word,
        "percentile": _rounded(match.percentile, 2),
        "start": match.start,
        "alternatives": match.alternatives,
        "length": match.length,
        "is_short": match.is_short,
        "reasons": [
            {"kind": r.kind, "text": r.text, "clip_time": r.clip_time, "track_time": r.track_time}
            for r in match.reasons
        ],
        "other_places": [{**path_fields(place.path), "start": place.start} for place in match.other_places],
        "moments": [None if moment != moment else round(float(moment), 3) for moment in match.moments],
    }
    result: dict[str, Any] = plain(value)
    return result


def _track_object(track: "Track") -> dict[str, Any]:
    return {
        "id": track.id,
        **path_fields(track.path),
        "side": track.side,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "genre": track.genre,
        "licence": track.licence,
        "duration": round(track.duration, 3),
        "loudness_lufs": track.loudness_lufs,
        "peak_dbfs": track.peak_dbfs,
    }


def _cells(rank: int, match: "Match") -> tuple[str, ...]:
    return (
        str(rank),
        match.track.title,
        match.track.artist or "",
        clock(match.track.duration),
        clock(match.start),
        match.word or "",
        "" if match.score is None else f"{match.score:.2f}",
        "" if match.percentile is None else f"{min(match.percentile, 99.9):.1f} %",
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def clock(seconds: float) -> str:
    """Seconds as m:ss.t, to the tenth that a start is given to."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes}:{rest // 10:02d}.{rest % 10}"


def _catch_up(matcher: "Matcher", to: str) -> None:
    """Vectors of this model for what was indexed with another, made from the stored Features."""
    from app.cli.bars import bars
    from crossmodal.errors import CatalogueError

    side: Literal["audio", "video"] = "audio" if to == "music" else "video"
    done, present = matcher.coverage(side)
    if done == present:
        return
    click.echo(
        f"{done} of {present} have vectors of this model; making the others, nothing is decoded again.", err=True
    )
    try:
        with bars() as tell:
            matcher.catch_up(side, progress=lambda job: tell(job.phase, job.done, job.total))
    except CatalogueError as error:
        click.echo(f"{error} What has vectors is searched.", err=True)
