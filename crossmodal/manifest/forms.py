"""The forms that a table comes in (JSONL, CSV, Parquet), read into cells with the line that each row stands on."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from crossmodal.errors import ManifestError
from crossmodal.manifest.encoding import decode
from crossmodal.manifest.guarding import unguard
from crossmodal.manifest.row import DECIMAL_COMMA, FIELDS, NUMBERS, PATHS, Literally

Form = Literal["jsonl", "csv", "tsv", "parquet"]
SUFFIXES: dict[str, Form] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class RawRow:
    """Cells by column, empty ones None; `line` counts from 1; `trouble` says why the row is unusable, or is empty."""

    line: int
    cells: dict[str, Any]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class RawTable:
    """Columns in their order, and rows."""

    columns: tuple[str, ...]
    rows: list[RawRow] = field(default_factory=list)


def form_of(path: Path) -> Form:
    """The form that a file's name says.

    Raises:
        ManifestError: none of ours.
    """
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise ManifestError(str(path), None, f"a table's name ends in one of {', '.join(SUFFIXES)}. Rename it.")
    return form


def read_raw(path: Path) -> RawTable:
    """A table as it is in the file.

    Raises:
        ManifestError: it cannot be read at all.
    """
    form = form_of(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ManifestError(str(path), None, "there is no such file. Check the name.") from None
    except OSError as error:
        raise ManifestError(str(path), None, f"cannot be read ({error.strerror}).") from error
    if form == "parquet":
        return _parquet(path, data)
    try:
        text = decode(data)
    except ValueError as error:
        raise ManifestError(str(path), None, str(error)) from error
    return _jsonl(path, text) if form == "jsonl" else _delimited(path, text)


def _jsonl(path: Path, text: str) -> RawTable:
    columns: dict[str, None] = {}
    rows = []
    # Not splitlines: JSON may hold U+2028 and its like inside a string.
    for line, content in enumerate(io.StringIO(text, newline=None), 1):
        if not content.strip():
            continue
        row = _json_row(line, content)
        columns.update(dict.fromkeys(row.cells))
        rows.append(row)
    if not columns and rows:
        raise ManifestError(str(path), rows[0].line, rows[0].trouble)
    return RawTable(tuple(columns), rows)


def _json_row(line: int, content: str) -> RawRow:
    try:
        value = json.loads(
            content, parse_float=Literally, parse_constant=_constant, object_pairs_hook=_object_without_doubles
        )
    except (ValueError, RecursionError) as error:
        return RawRow(line, {}, f"is not a JSON object on one line ({error}).")
    if not isinstance(value, dict):
        return RawRow(line, {}, "is not a JSON object. Each line is one: {...}.")
    return RawRow(line, value)


def _constant(name: str) -> None:
    if name != "NaN":  # which Python writes for a missing number
        raise ValueError(f"{name} is no number")


def _object_without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {twice!r} stands twice")
    return found


def _delimited(path: Path, text: str) -> RawTable:
    delimiter = _delimiter(text)
    lines = _cells(path, text, delimiter)
    try:
        _, header = next(lines)
    except StopIteration:
        raise ManifestError(str(path), None, "is empty. Its first line names the columns.") from None
    columns = [unguard(name.strip()) for name in header]
    while columns and not columns[-1]:
        columns.pop()
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise ManifestError(str(path), 1, f"two columns are called {twice!r}. Rename one.")
    return RawTable(tuple(columns), [_delimited_row(line, columns, cells, delimiter) for line, cells in lines])


def _delimiter(text: str) -> str:
    """What parts the names in the first line: the one of comma, tab and semicolon that gives most known columns."""
    line = text.lstrip("\r\n").replace("\r", "\n").partition("\n")[0]
    splits = {mark: next(csv.reader([line], delimiter=mark), []) for mark in (",", "\t", ";")}
    return max(splits, key=lambda mark: (len({name.strip() for name in splits[mark]} & set(FIELDS)), len(splits[mark])))


def _cells(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of each row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ManifestError(
                str(path),
                line,
                f'cannot be split into cells ({error}). A cell with a " in it is quoted, and it doubled.',
            ) from error
        if cells is None:
            return
        if cells:
            yield line, cells


def _delimited_row(line: int, columns: list[str], texts: list[str], delimiter: str) -> RawRow:
    values = [_cell(name, text, delimiter) for name, text in zip(columns, texts, strict=False)]
    cells = dict(zip(columns, values, strict=False))
    surplus = [text for text in texts[len(columns) :] if text]
    if len(texts) < len(columns) or surplus:
        return RawRow(line, cells, f"has {len(texts)} cells, the first line {len(columns)}.")
    return RawRow(line, cells)


def _cell(column: str, text: str, delimiter: str) -> str | None:
    if column in PATHS:
        return text or None
    if column in NUMBERS and delimiter != "," and DECIMAL_COMMA.fullmatch(text.strip()):
        return text.strip().replace(",", ".")
    return unguard(text) or None


def _parquet(path: Path, data: bytes) -> RawTable:
    import pyarrow as pa  # a fifth of a second, and only for this form
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(data))
        names = table.column_names
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ManifestError(str(path), None, f"two columns are called {twice!r}. Rename one.")
        rows = table.to_pylist(maps_as_pydicts="lossy")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ManifestError(str(path), None, f"is damaged, or no Parquet ({error}). Write it again.") from error
    return RawTable(tuple(names), [RawRow(k, _without_nan(row)) for k, row in enumerate(rows, 1)])


def _without_nan(cells: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and value != value else value for name, value in cells.items()}
