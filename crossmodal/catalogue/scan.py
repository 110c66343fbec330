"""Reading folders: every file that may be media, once, and what was skipped or could not be read."""

import os
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.catalogue.candidates import HEAD_BYTES, is_skipped_folder, judge_head, judge_name
from crossmodal.catalogue.records import FileState

RECYCLED = "in recycle bins and snapshots"
SKIPPED_NAMES = {
    "AppleDouble": "AppleDouble (._*)",
    "part file": "part files",
    "not media": "not media",
}


@dataclass(slots=True)
class Scan:
    """What stands in some folders.

    Args:
        files: path -> state, of every candidate, in the order found.
        skipped: reason -> how many files (or whole folders, for recycle bins).
        trouble: (path, reason) of what could not be read.
        roots: folders that were read; what is missing from them is not seen.
        blind: folders that exist and could not be read; nothing is known of what is in them.
    """

    files: dict[bytes, FileState] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    trouble: list[tuple[bytes, str]] = field(default_factory=list)
    roots: list[bytes] = field(default_factory=list)
    blind: list[bytes] = field(default_factory=list)

    def covers(self, path: bytes) -> bool:
        """Whether this scan would have found a file of that path, if it were there."""
        return any(is_inside(path, root) for root in self.roots) and not any(is_inside(path, b) for b in self.blind)


def scan_folders(folders: Iterable[str | Path]) -> Scan:
    """Read folders and all folders in them.

    Links to folders are followed after everything that needs no link, each real folder once. A file given instead of a
    folder is taken as it is. A missing, unreadable or empty folder is listed under `trouble` and is no root.

    Args:
        folders: absolute or relative; paths found are absolute.
    """
    scan, walk = Scan(), _Walk()
    for folder in folders:
        root = os.path.abspath(os.fsencode(folder))  # noqa: PTH100 (bytes; links stay as the person wrote them)
        if os.path.isfile(root):  # noqa: PTH113 (bytes)
            walk.take_file(scan, root)
            continue
        entries_before = walk.n_entries
        readable = walk.descend(scan, root)
        if not readable:
            continue
        if walk.n_entries == entries_before and root not in walk.inside:
            scan.trouble.append((root, "is empty: is its disk there? Nothing was changed for it"))
            continue
        scan.roots.append(root)
    return scan


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether `path` is `folder` or lies in it; both absolute."""
    return path == folder or path.startswith(folder.rstrip(os.sep.encode()) + os.sep.encode())


class _Walk:
    """One walk over any number of roots; remembers each real folder and file."""

    def __init__(self) -> None:
        self.n_entries = 0
        self.inside: set[bytes] = set()
        self._folders: set[tuple[int, int]] = set()
        self._files: set[bytes] = set()

    def descend(self, scan: Scan, root: bytes) -> bool:
        """Walk a root; False: it could not be read."""
        if not self._is_folder(scan, root):
            return False
        readable = True
        direct, linked = [root], list[bytes]()
        while direct or linked:
            folder = direct.pop() if direct else linked.pop(0)
            found = self._read(scan, folder)
            if found is None:
                readable = readable and folder != root
                continue
            direct.extend(reversed(found[0]))
            linked.extend(found[1])
        return readable

    def take_file(self, scan: Scan, path: bytes) -> None:
        """Take one file, if it may be media and was not taken."""
        if path in self._files:
            return
        try:
            status = os.stat(path)  # noqa: PTH116 (bytes)
            if not stat.S_ISREG(status.st_mode):
                scan.skipped["devices, pipes and sockets"] += 1
                return
            verdict = judge_name(os.path.basename(path))  # noqa: PTH119 (bytes)
            verdict = verdict or judge_head(_head(path))
        except FileNotFoundError:
            scan.skipped["links that lead nowhere"] += 1
            return
        except OSError as error:
            scan.trouble.append((path, f"cannot be read ({error.strerror})"))
            scan.blind.append(path)
            return
        if verdict != "candidate":
            scan.skipped[SKIPPED_NAMES[verdict]] += 1
            return
        self._files.add(path)
        scan.files[path] = FileState.of(status)

    def _is_folder(self, scan: Scan, root: bytes) -> bool:
        if os.path.isdir(root):  # noqa: PTH112 (bytes)
            return True
        scan.trouble.append((root, "there is no such folder. Nothing was changed for it"))
        return False

    def _read(self, scan: Scan, folder: bytes) -> tuple[list[bytes], list[bytes]] | None:
        """(folders, links to folders) in `folder`, its files taken; None: it could not be read."""
        try:
            status = os.stat(folder)  # noqa: PTH116 (bytes)
            if (status.st_dev, status.st_ino) in self._folders:
                self.inside.add(folder)
                return [], []
            self._folders.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            scan.trouble.append((folder, f"this folder cannot be read ({error.strerror}); its tracks stay as they are"))
            scan.blind.append(folder)
            return None
        self.n_entries += len(entries)
        direct, linked = list[bytes](), list[bytes]()
        for entry in entries:
            if not _is_directory(entry):
                self.take_file(scan, entry.path)
            elif is_skipped_folder(entry.name):
                scan.skipped[RECYCLED] += 1
            else:
                (linked if entry.is_symlink() else direct).append(entry.path)
        return direct, linked


def _is_directory(entry: "os.DirEntry[bytes]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a ring of links
        return False


def _head(path: bytes) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 (bytes)
        return file.read(HEAD_BYTES)
