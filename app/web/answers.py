"""Matches as the page and the API take them: plain values, no HTML; the page puts them into text nodes."""

import os
from itertools import pairwise
from math import floor
from typing import Any

import numpy as np

from app.cli.match import as_object
from app.web.sounds import present_file
from crossmodal.catalogue import Catalogue
from crossmodal.errors import one_line
from crossmodal.matching import Match, Matcher, Matches

MAX_MOMENTS = 400
BEST_SHOWN = 99.9  # percent: nothing is better than all


def for_page(matcher: Matcher, found: Matches) -> dict[str, Any]:
    """What the list and the time line draw.

    Args:
        matcher: that found them.
        found: the matches.
    """
    ready, present = matcher.coverage()
    limits = None if matcher.calibration is None else matcher.calibration.limits
    query = found.query
    return {
        "duration": query.duration,
        "compared": query.compared,
        "ready": ready,
        "present": present,
        "calibrated": query.calibrated,
        "is_still": query.is_still,
        "warnings": [f"{line[:1].upper()}{line[1:].rstrip('.')}." for line in query.warnings],
        "good_enough": None if limits is None else limits.fair,
        "rows": [_row(matcher.catalogue, match) for match in found.matches],
    }


def for_programs(found: Matches, name: str) -> dict[str, Any]:
    """What `crossmodal match --json` prints, for a Gradio client."""
    renamed: dict[str, Any] = with_file_for_path(as_object(found, name))
    return renamed


def with_file_for_path(value: Any) -> Any:
    """`value` with `file` for each `path` in it: a Gradio client downloads whatever has a `path`."""
    if isinstance(value, list | tuple):
        return [with_file_for_path(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    names = {"path": "file", "path_bytes": "file_bytes"}
    return {names.get(name, name): with_file_for_path(inner) for name, inner in value.items()}


def shown_percentile(percentile: float | None) -> str:
    """`99.9` and never 100; empty where the library is too small.

    Example:
        >>> shown_percentile(100.0), shown_percentile(99.87), shown_percentile(None)
        ('99.9', '99.8', '')
    """
    return "" if percentile is None else f"{min(BEST_SHOWN, floor(10 * percentile) / 10):.1f}"


def _row(catalogue: Catalogue, match: Match) -> dict[str, Any]:
    track = match.track
    play_id, start, duration = _what_plays(catalogue, match)
    return {
        "id": track.id,
        "play": play_id,
        "title": one_line(track.title, 200) or "Untitled",
        "artist": one_line(track.artist or "", 200),
        "duration": duration,
        "start": start,
        "alternatives": [round(max(0.0, second + start - match.start), 2) for second in match.alternatives],
        "word": match.word,
        "score": match.score,
        "percentile": shown_percentile(match.percentile),
        "moments": thinned(match.moments),
        "length": match.length,
        "is_short": match.is_short,
        "reasons": [reason.text for reason in match.reasons],
    }


def _what_plays(catalogue: Catalogue, match: Match) -> tuple[int | None, float, float]:
    """(track, start, duration) that is played: another place of the recording where the track's own file is gone."""
    track = match.track
    if present_file(track) is not None:
        return track.id, match.start, track.duration
    there = {os.fspath(place.path): place.start for place in match.other_places if place.path.is_file()}
    for other in catalogue.recordings([track.recording_id]):
        for path in other.places:
            if os.fspath(path) in there:
                return other.id, there[os.fspath(path)], other.duration
    return None, match.start, track.duration


def thinned(moments: np.ndarray) -> list[float | None]:
    """(n,) at most 400 values, each the mean of those it stands for; None where nothing was seen."""
    if len(moments) > MAX_MOMENTS:
        edges = np.linspace(0, len(moments), MAX_MOMENTS + 1).astype(int)
        parts = [moments[low:high] for low, high in pairwise(edges)]
        values = [float(part[np.isfinite(part)].mean()) if np.isfinite(part).any() else np.nan for part in parts]
    else:
        values = [float(value) for value in moments]
    return [None if value != value else round(value, 3) for value in values]
