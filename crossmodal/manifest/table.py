"""Tables of pairs: manifests, and tables to score. The line of each row is the file's own."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossmodal.errors import ManifestError
from crossmodal.manifest.forms import RawRow, RawTable, read_raw
from crossmodal.manifest.row import FIELDS, NEEDED, Row, make_row, nearest_field


@dataclass(frozen=True, slots=True)
class Record:
    """A row as it stands in the file, and what was made of it.

    Args:
        line: the file's own line from 1, on which the row begins; in Parquet the number of the row.
        cells: by column, empty ones None.
        row: None where it cannot be used.
        trouble: why not, else empty.
    """

    line: int
    cells: dict[str, Any]
    row: Row | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """What was read.

    Args:
        path: of the table.
        columns: in their order.
        records: rows that can be used and rows that cannot, in their order.
        notes: columns that look like mistyped ones, one line each.
    """

    path: Path
    columns: tuple[str, ...]
    records: list[Record]
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        """The rows that can be used."""
        return [record.row for record in self.records if record.row is not None]

    @property
    def faults(self) -> list[ManifestError]:
        """Why each of the others cannot."""
        return [ManifestError(str(self.path), r.line, r.trouble) for r in self.records if r.row is None]


def read_table(path: str | Path, root: str | Path | None = None) -> Table:
    """Read a table; rows that cannot be used stay in it, with the reason.

    JSONL, CSV (comma, tab or semicolon; UTF-8 or UTF-16) or Parquet, by the name's ending. A row without an `id` is
    called by its line.

    Args:
        path: of the table.
        root: what relative paths start from; None: the table's folder.

    Raises:
        ManifestError: it cannot be read at all, or lacks `video` or `audio`.
    """
    path = Path(path)
    raw = read_raw(path)
    _check_columns(path, raw)
    base = path.parent if root is None else Path(root)
    return Table(path, raw.columns, [_record(row, base) for row in raw.rows], _notes(raw.columns))


def read_rows(path: str | Path, root: str | Path | None = None) -> Table:
    """Read a manifest: a table whose every row can be used, with ids that are unique.

    Raises:
        ManifestError: as `read_table`, and at the first row that cannot be used.
    """
    table = read_table(path, root)
    faults = table.faults
    if faults:
        more = f" ({len(faults) - 1} more rows have faults.)" if len(faults) > 1 else ""
        raise ManifestError(str(table.path), faults[0].line, faults[0].trouble + more)
    first: dict[str, int] = {}
    for record in table.records:
        assert record.row is not None
        if record.row.id in first:
            where = first[record.row.id]
            raise ManifestError(str(table.path), record.line, f"id {record.row.id!r} is that of line {where}, too.")
        first[record.row.id] = record.line
    return table


def _check_columns(path: Path, raw: RawTable) -> None:
    for name in NEEDED:
        if name not in raw.columns:
            near = next((c for c in raw.columns if c not in FIELDS and nearest_field(c) == name), None)
            hint = f"Is {near!r} it? Rename it." if near else f"It has: {', '.join(raw.columns) or 'nothing'}."
            raise ManifestError(str(path), None, f"has no column {name!r}. {hint}")


def _record(raw: RawRow, root: Path) -> Record:
    if raw.trouble:
        return Record(raw.line, raw.cells, None, raw.trouble)
    cells = raw.cells
    missing = next((name for name in NEEDED if name not in cells), None)
    if missing is not None:
        return Record(raw.line, cells, None, f"{missing}: is missing; null stands for none.")
    named = cells if cells.get("id") not in (None, "") else {**cells, "id": str(raw.line)}
    try:
        return Record(raw.line, cells, make_row(named, root))
    except ValueError as error:
        return Record(raw.line, cells, None, str(error))


def _notes(columns: tuple[str, ...]) -> list[str]:
    taken = Counter(columns)
    found = ((name, nearest_field(name)) for name in columns if name not in FIELDS)
    return [
        f"column {name!r} is kept and not used. Did you mean {near!r}?"
        for name, near in found
        if near is not None and near not in taken
    ]
