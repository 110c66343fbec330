"""What a file says about itself: title, artist and so on, capped, cleaned, and never at the cost of the file."""

import logging
import math
import re
import unicodedata
from typing import Any

from crossmodal.media.info import Tags
from crossmodal.media.sources import NamelessHandle, OpenSource, Source, open_source

log = logging.getLogger(__name__)

MAX_BYTES = 1024
_NAMES = {
    "title": ("title", "TIT2", "\xa9nam"),
    "artist": ("artist", "TPE1", "\xa9ART", "TPE2", "aART", "albumartist"),
    "album": ("album", "TALB", "\xa9alb"),
    "genre": ("genre", "TCON", "\xa9gen"),
    "licence": ("license", "licence", "TXXX:LICENSE", "TXXX:license", "WCOP", "copyright", "TCOP", "cprt"),
    "date": ("date", "TDRC", "\xa9day", "year"),
    "comment": ("comment", "COMM::eng", "COMM", "\xa9cmt", "description"),
}
_BPM = ("bpm", "TBPM", "tmpo", "tempo")
BPM_RANGE, YEAR_RANGE = (20.0, 400.0), (1000, 2999)


def read_tags(source: Source) -> Tags:
    """The tags of a medium; those that cannot be read are None.

    Raises:
        MediaError: the file cannot be opened at all.
    """
    with open_source(source) as opened:
        return tags_of(opened)[0]


def tags_of(opened: OpenSource) -> tuple[Tags, list[str]]:
    """Tags of what is open, and a warning if they could not be read; mutagen's failures cost nothing but the tags."""
    import mutagen

    try:
        handle = NamelessHandle(opened.handle, opened.size_bytes)
        found = mutagen.File(handle)
    except Exception as error:  # a foreign parser on foreign bytes may raise anything
        log.debug("%s: tags: %s", opened.name, error)
        return Tags(), ["its tags could not be read"]
    return (Tags() if found is None or found.tags is None else _tags(found.tags)), []


def _tags(found: Any) -> Tags:
    texts = {field: next((t for key in keys if (t := _text(found, key))), None) for field, keys in _NAMES.items()}
    bpm = next((n for key in _BPM if (n := _number(_text(found, key), BPM_RANGE)) is not None), None)
    year = _number((texts["date"] or "")[:4], YEAR_RANGE)
    return Tags(**texts, bpm=bpm, year=None if year is None else int(year))


def _text(found: Any, key: str) -> str | None:
    """The first value of a key as clean text; None if it is not there or nothing readable is left of it."""
    try:
        value = found[key]
    except (KeyError, ValueError, TypeError):
        return None
    value = getattr(value, "text", value)
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return clean(str(getattr(value, "url", value))) or None


def clean(text: str) -> str:
    """One line without control, direction, zero-width and private characters, of at most 1 KB of UTF-8.

    Example:
        >>> clean("A\\u202eb\\n c\\x00")
        'Ab c'
    """
    text = text[: 4 * MAX_BYTES]
    kept = (" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    text = re.sub(" +", " ", "".join(kept)).strip()
    return text.encode("utf-8", "ignore")[:MAX_BYTES].decode("utf-8", "ignore")


def _number(text: str | None, within: tuple[float, float]) -> float | None:
    """A number within a range; None for anything else."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and within[0] <= number <= within[1] else None
