"""What a guarded child says of a file in one call: whether it belongs into the library, its content hash, its tags."""

from dataclasses import dataclass
from pathlib import Path

from crossmodal.catalogue.records import TAG_FIELDS
from crossmodal.media import Tags, content_hash, probe

FILM = "film"  # kind of a file passed over: a picture, in a folder of music
SOUND = "sound"  # kind of a file passed over: no picture, in a folder of clips


@dataclass(frozen=True, slots=True)
class Inspection:
    """A file, looked at.

    Args:
        content_hash: of the side that counts; empty where the file is of the other kind.
        kind: `FILM` or `SOUND` where it is of the other kind, else empty.
        tags: field of `TAG_FIELDS` -> text.
    """

    content_hash: str
    kind: str
    tags: dict[str, str]


def inspect_music(path: Path | str) -> Inspection:
    """A file of a music folder; a film is known as one and not hashed.

    Raises:
        MediaError: the file cannot be used.
    """
    info = probe(path)
    if info.video is not None:
        return Inspection("", FILM, {})
    return Inspection(content_hash(path, "audio"), "", _texts(info.tags))


def inspect_sound(path: Path | str) -> Inspection:
    """A file of a music folder, where the sound of films counts too.

    Raises:
        MediaError: the file cannot be used.
    """
    return Inspection(content_hash(path, "audio"), "", _texts(probe(path).tags))


def inspect_clip(path: Path | str) -> Inspection:
    """A file of a folder of clips; music is known as music and not hashed.

    Raises:
        MediaError: the file cannot be used.
    """
    info = probe(path)
    if info.video is None and info.audio is not None:
        return Inspection("", SOUND, {})
    return Inspection(content_hash(path, "video"), "", _texts(info.tags))


def _texts(tags: Tags) -> dict[str, str]:
    return {name: text for name in TAG_FIELDS if (text := getattr(tags, name))}
