"""How results are printed: a table for a person, one JSON object for a program; and how a file's name is shown.

A name is bytes. Where they are UTF-8, it is printed as it is. Where they are not, `path` shows a stand-in, and JSON
carries `path_bytes` beside it: the bytes, percent-encoded (`urllib.parse.unquote_to_bytes` leads back to the file).
"""

import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from crossmodal.errors import one_line

WIDEST = 48  # cells; a longer text in a table is cut


def shown_path(path: str | Path) -> str:
    """A path as a person may see it: one line, with a stand-in for bytes that are not UTF-8."""
    return one_line(os.fsencode(path).decode("utf-8", "replace"), 4096)


def path_fields(path: str | Path) -> dict[str, str]:
    """`path`, and `path_bytes` where the name is not UTF-8, for JSON."""
    raw = os.fsencode(path)
    try:
        return {"path": raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"path": raw.decode("utf-8", "replace"), "path_bytes": quote_from_bytes(raw)}


def check_table(out: str | None) -> None:
    """Refuse, before an hour of work rather than after it, a table that could not be written.

    Raises:
        ManifestError: the name's ending, or the folder.
    """
    from crossmodal.errors import ManifestError
    from crossmodal.manifest.forms import form_of  # pydantic loads here

    if out is None:
        return
    form_of(Path(out))
    folder = Path(os.path.realpath(out)).parent
    if not folder.is_dir():
        raise ManifestError(out, None, f"there is no folder {folder}. Make it first.")
    if not os.access(folder, os.W_OK):
        raise ManifestError(out, None, f"{folder} cannot be written. Choose another place.")


def print_json(value: Any) -> None:
    """One JSON object on stdout; NaN and infinity are null."""
    _write(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """`value` out of what JSON knows: arrays become lists, numbers that are none become None."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return shown_path(value) if isinstance(value, Path) else value


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns side by side on stdout; what looks like a number stands to the right."""
    from rich.cells import cell_len, set_cell_size  # counts how wide letters of every script are

    table = [list(head), *([one_line(cell) for cell in row] for row in rows)]
    widths = [min(max(cell_len(row[k]) for row in table), WIDEST) for k in range(len(head))]
    is_number = [all(_is_number(row[k]) for row in table[1:]) for k in range(len(head))]
    for row in table:
        cells = []
        for cell, width, right in zip(row, widths, is_number, strict=True):
            short = cell if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"
            gap = " " * (width - cell_len(short))
            cells.append(gap + short if right else short + gap)
        _write("  ".join(cells).rstrip())


def _is_number(text: str) -> bool:
    return not text.strip("0123456789.:-")


def _write(line: str) -> None:
    """A line on stdout, with stand-ins for letters that the terminal's encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")
