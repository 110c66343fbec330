"""Paths in tables: local files, as they are written; nothing in them is expanded."""

import os
import re
from pathlib import Path

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")


def local_path(text: str, root: Path) -> Path:
    """The file that `text` names, relative to `root`.

    Only `scheme://` is an address; `~` and `$` are letters like any other.

    Raises:
        ValueError: an address, a path of another system, or no name that a file can have; with the remedy.
    """
    if ADDRESS.match(text):
        raise ValueError(f"{text!r} is an address. Only local files are read: download it and name the file")
    if "\0" in text:
        raise ValueError(f"{text!r} holds a NUL character, which no file name can")
    path = root / text
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not a name that a file here can have. Save the table as UTF-8") from None
    if os.name != "nt" and (WINDOWS.match(text) or "\\" in text) and not os.path.lexists(path):
        raise ValueError(f"{text!r} is a Windows path. Write it relative to the table's folder, with / for \\")
    if any("\udc80" <= letter <= "\udcff" for letter in text) and not os.path.lexists(path):
        raise ValueError(f"{text!r} is not UTF-8, and there is no such file. Save the table as UTF-8")
    return path


def path_from(file: str | Path, folder: str | Path) -> str:
    """`file` as a table in `folder` names it: relative, with `/`; absolute where no way leads there (another drive).

    Example:
        >>> path_from("/films/a/clip.mp4", "/films")
        'a/clip.mp4'
    """
    file, folder = os.fspath(file), os.path.realpath(folder)
    # The folder's links are followed and the file's are not: a linked file keeps the name that the person gave it.
    file = os.path.join(os.path.realpath(os.path.dirname(file)), os.path.basename(file))  # noqa: PTH118, PTH119, PTH120
    try:
        return os.path.relpath(file, folder).replace(os.sep, "/")
    except ValueError:
        return file


def moved_path(text: str, old: str | Path, new: str | Path) -> str:
    """What a table in folder `old` calls `text`, as a table in folder `new` calls it; absolute paths stay."""
    return text if Path(text).is_absolute() else path_from(Path(old) / text, new)
