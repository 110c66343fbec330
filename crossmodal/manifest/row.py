"""One row of a manifest: who belongs to whom, and which part of the files counts."""

import difflib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, model_validator

from crossmodal.manifest.paths import local_path

PATHS = ("video", "audio")
NUMBERS = ("video_start", "video_end", "audio_start", "audio_end", "weight")
TEXTS = ("id", "music_id", "group")
NEEDED = PATHS
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")


class Literally(float):
    """A JSON number that remembers how it was written: 1E10 as an id stays 1E10."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Read `text`; ValueError where it is beyond a float's range."""
        number = super().__new__(cls, text)
        if not math.isfinite(number):
            raise ValueError(f"{text} is larger than numbers go")
        number.text = text
        return number


def _text(value: object) -> object:
    if value is None or value == "":
        return None
    if isinstance(value, Literally):
        return value.text
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("must be text")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, str) and not _encodes(value):
        raise ValueError("is not UTF-8. Save the table as UTF-8")
    return str(value)


def _number(value: object) -> object:
    if value is None or value == "":
        return None
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        hint = ". Write it with a point" if isinstance(value, str) and DECIMAL_COMMA.fullmatch(value.strip()) else ""
        raise ValueError(f"{_shown(value)} is not a number{hint}")
    if value < 0:
        raise ValueError(f"{_shown(value)} is below 0")
    return float(value)


def _weight(value: object) -> object:
    number = _number(value)
    return 1.0 if number is None else number


def _path(value: object, info: ValidationInfo) -> object:
    if value is None or value == "" or isinstance(value, Path):
        return value or None
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not the name of a file")
    return local_path(value, Path((info.context or {}).get("root", ".")))


def _needed_path(value: object, info: ValidationInfo) -> object:
    path = _path(value, info)
    if path is None:
        raise ValueError("is empty. Name a file")
    return path


def _split(value: object) -> object:
    if value is None or value == "":
        return None
    if value not in ("train", "val", "test"):
        near = difflib.get_close_matches(str(value).lower(), ("train", "val", "test"), n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}?" if near else "Leave it empty for none."
        raise ValueError(f"{_shown(value)} is not train, val or test. {hint}")
    return value


def _labels(value: object) -> object:
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError('must be a JSON object, such as {"genre": "house"}') from error
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise ValueError('must be a JSON object, such as {"genre": "house"}')
    known = {str(name): _label(inner) for name, inner in value.items()}
    return {name: inner for name, inner in known.items() if inner not in ("", ())}


def _label(value: object) -> str | tuple[str, ...]:
    """A label as text or several; empty where it is unknown."""
    if isinstance(value, list | tuple):
        parts = [part for inner in value for part in [_label(inner)] if isinstance(part, str) and part]
        return tuple(parts)
    if isinstance(value, Mapping):
        raise ValueError("a label must be text or a list of texts")
    if isinstance(value, bool):
        return str(value).lower()
    return str(_text(value) or "")


Text = Annotated[str | None, BeforeValidator(_text)]
Seconds = Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_number)]


class Row(BaseModel):
    """One pair of a manifest; further columns are kept in `model_extra`, unused.

    Relative paths are joined to the folder that the table was read with; nothing in them is expanded.
    """

    model_config = ConfigDict(extra="allow", frozen=True, validate_default=False)

    id: Annotated[str, BeforeValidator(_text)] = Field(description="The pair; unique in a manifest.")
    video: Annotated[Path, BeforeValidator(_needed_path)] = Field(description="Local path of the video.")
    audio: Annotated[Path | None, BeforeValidator(_path)] = Field(
        description="Local path of the music; null: the video's own sound."
    )
    video_start: Seconds = Field(None, description="Seconds: where the part of the video that counts begins.")
    video_end: Seconds = Field(None, description="Seconds: where it ends.")
    audio_start: Seconds = Field(None, description="Seconds: where the part of the audio that counts begins.")
    audio_end: Seconds = Field(None, description="Seconds: where it ends.")
    music_id: Text = Field(None, description="Equal ids are the same music; default: the audio's content hash.")
    group: Text = Field(None, description="What a split must keep together: source, artist, film.")
    labels: Annotated[dict[str, str | tuple[str, ...]], BeforeValidator(_labels)] = Field(
        default_factory=dict, description="Label name to value or values; JSON text in CSV and Parquet."
    )
    split: Annotated[Literal["train", "val", "test"] | None, BeforeValidator(_split)] = Field(
        None, description="What the pair is for."
    )
    weight: Annotated[float, BeforeValidator(_weight)] = Field(1.0, ge=0, description="Of the pair in the loss.")

    @model_validator(mode="after")
    def _ends_after_starts(self) -> Self:
        for side in PATHS:
            start, end = getattr(self, f"{side}_start"), getattr(self, f"{side}_end")
            if end is not None and end <= (start or 0.0):
                raise ValueError(f"{side}_end ({end:g}) must be after {side}_start ({start or 0:g})")
        return self


FIELDS = tuple(Row.model_fields)


def make_row(cells: Mapping[str, Any], root: Path) -> Row:
    """A row of its cells.

    Args:
        cells: by column.
        root: what relative paths start from.

    Raises:
        ValueError: the first bad value, in words.
    """
    try:
        return Row.model_validate(dict(cells), context={"root": str(root)})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise ValueError(f"{where}: {message}." if where else f"{message}.") from error


def row_schema() -> dict[str, Any]:
    """The JSON Schema of a row, as a file may hold it; `data_manifests/row.schema.json` is its copy (`make docs`)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Row.model_json_schema()}


def nearest_field(name: str) -> str | None:
    """The field that `name` may have been meant for, or None."""
    near = difflib.get_close_matches(name.strip().lower(), FIELDS, n=1, cutoff=0.75)
    return near[0] if near else None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
