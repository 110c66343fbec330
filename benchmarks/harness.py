"""How benchmarks measure: interleaved rounds, CPU seconds of the whole process tree, medians, one JSON a file."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import psutil

THREADS = 2
PACKAGES = ("crossmodal", "av", "numpy", "scipy", "torch", "faiss-cpu", "opencv-python-headless")
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, in seconds: CPU of this process and all its children, and time on the wall."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours beside a peer, or ours alone where `peer` is empty.

    Fields `ours` and `peer` hold one cost a round, taken in turns; `limit` is what the ratio of CPU seconds (or,
    without a peer, the seconds on the wall) must not exceed, None where nothing was promised.
    """

    question: str
    ours: list[Cost]
    peer: list[Cost] = field(default_factory=list)
    limit: float | None = None

    def value(self) -> float:
        """Median of the rounds' ratios of CPU seconds; without a peer the median of seconds on the wall."""
        return statistics.median(self._values())

    def spread(self) -> tuple[float, float]:
        """The 10th and 90th percentile of what `value` is the median of."""
        low, high = np.percentile(self._values(), [10, 90])
        return float(low), float(high)

    def is_kept(self) -> bool:
        """Whether the promise holds."""
        return self.limit is None or self.value() <= self.limit

    def line(self) -> str:
        """The result in one line."""
        low, high = self.spread()
        unit = "x" if self.peer else " s wall"
        text = f"{self.question}: {self.value():.3g}{unit} ({low:.3g}-{high:.3g})"
        if self.peer:
            ours, peer = (statistics.median(cost.cpu for cost in side) for side in (self.ours, self.peer))
            text += f", {ours:.3g} CPU s beside {peer:.3g}"
        if self.limit is not None:
            text += f"; at most {self.limit:g}: {'kept' if self.is_kept() else 'MISSED'}"
        return text

    def _values(self) -> list[float]:
        if not self.peer:
            return [cost.wall for cost in self.ours]
        return [ours.cpu / max(peer.cpu, 1e-9) for ours, peer in zip(self.ours, self.peer, strict=True)]


def cpu_seconds() -> float:
    """User and system seconds so far of this process and of all its children, living or gone."""
    total = sum(os.times()[:4])
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
    return total


def measure(run: Callable[[], object]) -> Cost:
    """The cost of one run; what `run.prepare()` does, where it has one, is not counted."""
    getattr(run, "prepare", lambda: None)()
    cpu, wall = cpu_seconds(), time.perf_counter()
    run()
    wall = time.perf_counter() - wall
    return Cost(cpu_seconds() - cpu, wall)


def compare(
    question: str,
    ours: Callable[[], object],
    peer: Callable[[], object],
    rounds: int = 5,
    limit: float | None = None,
) -> Comparison:
    """Both in turns, the first of a round changing from round to round, after one run of each that does not count."""
    measure(ours)
    measure(peer)
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for index in range(rounds):
        for side in (0, 1) if index % 2 == 0 else (1, 0):
            costs[side].append(measure((ours, peer)[side]))
    return Comparison(question, *costs, limit=limit)


def clock(question: str, run: Callable[[], object], *, rounds: int = 5, limit: float | None = None) -> Comparison:
    """One thing alone, by the seconds on the wall."""
    return Comparison(question, [measure(run) for _ in range(rounds)], limit=limit)


def report(comparisons: Sequence[Comparison], file: str, **notes: object) -> None:
    """Print a line for each and write all of it to `results/NAME.json`."""
    for comparison in comparisons:
        print(comparison.line(), flush=True)
    for name, note in notes.items():
        print(f"  {name.replace('_', ' ')}: {note}", flush=True)
    result = {
        "machine": _machine(),
        "results": [
            {**asdict(c), "value": c.value(), "spread": c.spread(), "is_kept": c.is_kept()} for c in comparisons
        ],
        "notes": notes,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{Path(file).stem}.json"
    path.write_text(json.dumps(result, indent=1, default=str) + "\n")


def _machine() -> dict[str, object]:
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    load = os.getloadavg() if hasattr(os, "getloadavg") else ()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": THREADS,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load": [round(value, 2) for value in load],  # above the number of cores: distrust seconds on the wall
        "packages": packages,
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
