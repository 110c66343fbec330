"""Manifests and tables of pairs: rows, readers, writers."""

from crossmodal.manifest.paths import moved_path, path_from
from crossmodal.manifest.row import FIELDS, Row, row_schema
from crossmodal.manifest.table import Record, Table, read_rows, read_table
from crossmodal.manifest.writing import write_table

__all__ = [
    "FIELDS",
    "Record",
    "Row",
    "Table",
    "moved_path",
    "path_from",
    "read_rows",
    "read_table",
    "row_schema",
    "write_table",
]
