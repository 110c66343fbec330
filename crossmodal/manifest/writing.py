"""Writing tables: a file stands under its name only when it is whole."""

import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from crossmodal.errors import ManifestError
from crossmodal.manifest.forms import Form, form_of
from crossmodal.manifest.guarding import guard
from crossmodal.manifest.row import NUMBERS, PATHS, TEXTS

Cells = dict[str, Any]


def write_table(
    path: str | Path, columns: Sequence[str], rows: Iterable[Cells], *, numbers: Sequence[str] = ()
) -> None:
    """Write rows as JSONL, CSV, TSV or Parquet, by the name's ending.

    Args:
        path: replaced if it is there.
        columns: in their order; a row's other cells are left out, cells that it lacks are null.
        rows: cells by column.
        numbers: further columns that hold numbers (in Parquet they are typed so).

    Raises:
        ManifestError: the name's ending, or it cannot be written there.
    """
    path = Path(path)
    form = form_of(path)
    table = [{name: row.get(name) for name in columns} for row in rows]
    data = _WRITERS[form](list(columns), table, {*NUMBERS, *numbers})
    try:
        _replace(path, data)
    except OSError as error:
        raise ManifestError(str(path), None, f"cannot be written ({error.strerror}).") from error


def _replace(path: Path, data: bytes) -> None:
    target = Path(os.path.realpath(path))  # a link stays one
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _jsonl(columns: list[str], rows: list[Cells], numbers: set[str]) -> bytes:
    return "".join(f"{_json({name: _plain(row[name]) for name in columns})}\n" for row in rows).encode()


def _csv(columns: list[str], rows: list[Cells], numbers: set[str]) -> bytes:
    return _delimited(columns, rows, ",")


def _tsv(columns: list[str], rows: list[Cells], numbers: set[str]) -> bytes:
    return _delimited(columns, rows, "\t")


def _delimited(columns: list[str], rows: list[Cells], delimiter: str) -> bytes:
    lines = [delimiter.join(_quoted(guard(name), delimiter) for name in columns)]
    for row in rows:
        texts = {name: _cell_text(row[name]) for name in columns}
        cells = [texts[name] if name in PATHS else guard(texts[name]) for name in columns]
        lines.append(delimiter.join(_quoted(cell, delimiter) for cell in cells))
    return _encoded("".join(f"{line}\n" for line in lines))


def _quoted(cell: str, delimiter: str) -> str:
    """A cell between quotes where it needs them. (The csv module's writer lets a lone carriage return through.)"""
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in (delimiter, '"', "\r", "\n")) else cell


def _parquet(columns: list[str], rows: list[Cells], numbers: set[str]) -> bytes:
    import pyarrow as pa  # a fifth of a second, and only for this form
    import pyarrow.parquet as pq

    arrays = {name: _arrow_column(name, [_plain(row[name]) for row in rows], name in numbers) for name in columns}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink)
    return bytes(sink.getvalue())


_WRITERS: dict[Form, Callable[[list[str], list[Cells], set[str]], bytes]] = {
    "jsonl": _jsonl,
    "csv": _csv,
    "tsv": _tsv,
    "parquet": _parquet,
}


def _arrow_column(name: str, values: list[Any], is_number: bool) -> Any:
    """A column of one type; one whose values have no common type becomes text."""
    import pyarrow as pa

    if is_number:
        try:
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        except (TypeError, ValueError):
            pass
    if name not in (*PATHS, *TEXTS, "labels") and not any(isinstance(value, dict) for value in values):
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            pass
    texts = [None if value is None else _storable(_cell_text(value)) for value in values]
    return pa.array(texts, pa.string())


def _cell_text(value: Any) -> str:
    value = _plain(value)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list | tuple):
        return _json(value)
    return str(value)


def _plain(value: Any) -> Any:
    """Not-a-number is null in every form."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, Path) else value


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    # Lone surrogates (bytes of a name that is not UTF-8) can only stand as escapes.
    return text if _storable(text) == text else json.dumps(value, default=str)


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")  # a name that is not UTF-8 leads back to its file
    except UnicodeEncodeError:
        return _storable(text).encode()


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
