"""What a person can cause to go wrong, as one tree.

CrossmodalError
├── MediaError        a file that cannot be used: which, why, what to do
├── ManifestError     a table or manifest: which file, which line
├── CatalogueError    the library on disk: locked, read-only, empty, too new
├── ModelError        a model folder or checkpoint
├── NonFiniteError    NaN or infinity where a number is needed; a ValueError too
└── ConfigError       settings: an unknown key, a value out of range
"""

from typing import Literal

MediaErrorKind = Literal[
    "missing",
    "empty",
    "not_media",
    "no_video",
    "no_audio",
    "truncated",
    "corrupt",
    "too_large",
    "timed_out",
    "unsupported",
    "refused",
]


def one_line(text: str, limit: int = 400) -> str:
    """`text` without control, direction and zero-width characters, on one line, at most `limit` characters."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


class CrossmodalError(Exception):
    """The base of every error whose text is meant for a person: what, where, what to do, on one line."""


class MediaError(CrossmodalError):
    """A media file that cannot be used.

    Args:
        file: name as the person gave it.
        kind: one of the closed set, for programs.
        trouble: what is wrong, without a full stop.
        remedy: what to do about it, a sentence; may be empty.
    """

    def __init__(self, file: str, kind: MediaErrorKind, trouble: str, remedy: str = "") -> None:
        super().__init__(file, kind, trouble, remedy)
        self.file, self.kind, self.trouble, self.remedy = file, kind, trouble, remedy

    def __str__(self) -> str:
        text = f"{self.file}: {self.trouble}."
        return one_line(f"{text} {self.remedy}" if self.remedy else text)


class ManifestError(CrossmodalError):
    """A manifest or table that cannot be read, or one bad row of it.

    Args:
        file: the table.
        line: the file's own line number from 1, or None for the whole file.
        trouble: what is wrong and what to do.
    """

    def __init__(self, file: str, line: int | None, trouble: str) -> None:
        super().__init__(file, line, trouble)
        self.file, self.line, self.trouble = file, line, trouble

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}, line {self.line}"
        return one_line(f"{where}: {self.trouble}")


class CatalogueError(CrossmodalError):
    """The catalogue cannot do what was asked.

    Args:
        kind: `missing`, `empty`, `locked`, `read_only`, `refused`, `too_new`, `damaged`, `other_model`.
        message: what, where, what to do, as one line.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(kind, message)
        self.kind, self.message = kind, message

    def __str__(self) -> str:
        return one_line(self.message)


class ModelError(CrossmodalError):
    """A model folder that cannot be read, or does not fit what it is used with."""


class ConfigError(CrossmodalError):
    """A setting that is unknown or out of range; the text names the key and the nearest valid one."""


class NonFiniteError(CrossmodalError, ValueError):
    """NaN or infinity in what a loss is given: a run that diverged."""
