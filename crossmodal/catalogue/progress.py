"""How far a job is, as a value that the command line and the page draw."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobProgress:
    """A moment of a job.

    Args:
        phase: what is being done, in words.
        done, total: files.
        name: of the last file, as a person may see it.
        rate: files a second since the phase began.
        remaining: seconds, None while unknown.
    """

    phase: str
    done: int
    total: int
    name: str = ""
    rate: float = 0.0
    remaining: float | None = None


Progress = Callable[[JobProgress], None]


class Pace:
    """Counts files of one phase and reports each.

    Args:
        progress: told; None: nobody.
        phase: in words.
        total: files.
    """

    def __init__(self, progress: Progress | None, phase: str, total: int) -> None:
        self.done, self.total = 0, total
        self._progress, self._phase = progress, phase
        self._begun = time.monotonic()
        self._tell("")

    def step(self, name: str) -> None:
        """One file more is done."""
        self.done += 1
        self._tell(name)

    def _tell(self, name: str) -> None:
        if self._progress is None:
            return
        passed = time.monotonic() - self._begun
        rate = self.done / passed if self.done and passed > 0 else 0.0
        remaining = (self.total - self.done) / rate if rate else None
        self._progress(JobProgress(self._phase, self.done, self.total, name, rate, remaining))
