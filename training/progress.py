"""How long work tells how far it is."""

from typing import Protocol


class Tell(Protocol):
    """Told how far a part of the work is, and perhaps a note on it."""

    def __call__(self, name: str, done: int, total: int, note: str = "") -> None: ...
