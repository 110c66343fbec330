"""Is a manifest true: every row can be read, every file used, every part lies in its file?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossmodal.errors import MediaError
from crossmodal.manifest import Record, Row, Table, moved_path, read_table, write_table
from crossmodal.manifest.row import PATHS
from training.manifests.looking import Looks, Progress, Side, look_at

PAST_THE_END = 0.5  # seconds: an end that lies further past the file's is worth a word


@dataclass(frozen=True, slots=True)
class Note:
    """What is to be said of a row: its line in the file, its id, and what."""

    line: int
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Validation:
    """What came of it.

    Args:
        table: as read.
        good: records that hold.
        faults: why each of the others does not, by line.
        warnings: what is wrong with good rows but can be lived with.
    """

    table: Table
    good: list[Record] = field(default_factory=list)
    faults: list[Note] = field(default_factory=list)
    warnings: list[Note] = field(default_factory=list)


def validate(
    path: Path, root: Path | None = None, *, workers: int | None = None, progress: Progress | None = None
) -> Validation:
    """Read a manifest and every file that it names.

    Args:
        path: JSONL, CSV or Parquet.
        root: what relative paths start from; None: the manifest's folder.
        workers: files read at once; None: one a core.
        progress: told (done, total) of files.

    Raises:
        ManifestError: it cannot be read at all.
    """
    table = read_table(path, root)
    looks = look_at((file for row in table.rows for file in files_of(row)), workers=workers, progress=progress)
    result = Validation(table)
    first: dict[str, int] = {}
    for record in table.records:
        name = _name(record)
        trouble = record.trouble or _trouble(record.row, first, looks)
        if trouble:
            result.faults.append(Note(record.line, name, trouble))
            continue
        first[name] = record.line
        result.good.append(record)
        assert record.row is not None
        result.warnings.extend(Note(record.line, name, text) for text in _warnings(record.row, looks))
    return result


def files_of(row: Row) -> list[tuple[Path, Side]]:
    """The files of a row, each with the side that is used; without an audio file it is the video's own sound."""
    return [(row.video, "video"), (row.audio or row.video, "audio")]


def write_clean(result: Validation, out: Path, root: Path | None) -> None:
    """Write the good rows, each with its id; paths lead to the same files from the new place.

    Raises:
        ManifestError: it cannot be written.
    """
    write_table(out, clean_columns(result.table), [clean_cells(r, result.table, out, root) for r in result.good])


def clean_columns(table: Table) -> list[str]:
    """The table's columns, with `id`."""
    return list(table.columns) if "id" in table.columns else ["id", *table.columns]


def clean_cells(record: Record, table: Table, out: Path, root: Path | None) -> dict[str, Any]:
    """A good row's cells as a table at `out` holds them; with a root, paths go on starting from it."""
    assert record.row is not None
    cells = {**record.cells, "id": record.row.id}
    if root is None and out.parent.resolve() != table.path.parent.resolve():
        for name in PATHS:
            if cells.get(name):
                cells[name] = moved_path(cells[name], table.path.parent, out.parent)
    return cells


def _name(record: Record) -> str:
    return record.row.id if record.row is not None else str(record.cells.get("id") or record.line)


def _trouble(row: Row | None, first: dict[str, int], looks: Looks) -> str:
    """Why a row does not hold; empty: it does."""
    assert row is not None
    if row.id in first:
        return f"id {row.id!r} is that of line {first[row.id]}, too."
    for path, side in files_of(row):
        try:
            look = looks.of(path, side)
        except MediaError as error:
            return f"{side}: {error}"
        if look.silent:
            return f"{side}: {path.name}: the sound is silent. A pair needs music."
        start = getattr(row, f"{side}_start") or 0.0
        if start >= look.duration:
            return f"{side}_start ({start:g}) lies past the end of {path.name} ({look.duration:.2f} s)."
    return ""


def _warnings(row: Row, looks: Looks) -> Iterator[str]:
    for path, side in files_of(row):
        look = looks.of(path, side)
        yield from (f"{side}: {path.name}: {text}" for text in look.warnings)
        end = getattr(row, f"{side}_end")
        if end is not None and end > look.duration + PAST_THE_END:
            yield f"{side}_end ({end:g}) lies past the end of {path.name} ({look.duration:.2f} s); what is there counts"
