"""What a run of `index` did, as a value."""

import dataclasses
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from crossmodal.errors import one_line


@dataclass(slots=True)
class IndexReport:
    """What a run did.

    Args:
        added: tracks that are new.
        updated: files whose content changed.
        moved: files that have another path.
        retagged: files with the same content and other tags.
        unchanged: files that were as before.
        copies: further files with a content that the library has.
        reembedded: tracks that got vectors of this model from what was stored.
        not_seen: files that are known and were not there; they are kept.
        removed: tracks that were pruned.
        skipped: reason -> files (folders, for recycle bins) that are no candidates.
        unreadable: (path, reason) of what could not be read.
        duplicates: (path, path of the same recording) found in this run.
        seconds: wall time.
        audio_seconds: length of what was added.
        stopped: ended before all was done.
    """

    added: int = 0
    updated: int = 0
    moved: int = 0
    retagged: int = 0
    unchanged: int = 0
    copies: int = 0
    reembedded: int = 0
    not_seen: int = 0
    removed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)
    duplicates: list[tuple[Path, Path]] = field(default_factory=list)
    seconds: float = 0.0
    audio_seconds: float = 0.0
    stopped: bool = False

    @property
    def n_usable(self) -> int:
        """Files of this run that are in the library."""
        return self.added + self.updated + self.moved + self.retagged + self.unchanged + self.copies

    def add_trouble(self, path: bytes, reason: str) -> None:
        """List a file or folder that could not be read."""
        self.unreadable.append((Path(os.fsdecode(path)), one_line(reason)))

    def as_json(self) -> str:
        """One JSON object; bytes of a path that are not UTF-8 stand as `\\udcXX` (Python's surrogateescape)."""
        values: dict[str, object] = {part.name: getattr(self, part.name) for part in dataclasses.fields(self)}
        values["unreadable"] = [{"path": str(path), "reason": reason} for path, reason in self.unreadable]
        values["duplicates"] = [{"path": str(path), "same_as": str(other)} for path, other in self.duplicates]
        return json.dumps(values)
