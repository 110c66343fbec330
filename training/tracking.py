"""What a run leaves to look at: a line a step, a row an epoch, both for TensorBoard too."""

import csv
import json
from pathlib import Path
from typing import Any

LOG, METRICS, BOARD = "log.jsonl", "metrics.csv", "tensorboard"
Report = dict[str, float | int | str]


class Tracker:
    """Writes `log.jsonl` (steps), `metrics.csv` (epochs) and `tensorboard/` in the folder of a run.

    Args:
        folder: of the run.
        step: steps that were done before; lines after it, of a run that was killed, are dropped.
        history: rows of the epochs, the trainer's own list: written anew after each.
    """

    def __init__(self, folder: Path, step: int, history: list[Report]) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        self.folder, self.history = folder, history
        _cut(folder / LOG, step)
        self._write_history()
        self._log = (folder / LOG).open("a", encoding="utf-8", buffering=1)
        self._board: Any = SummaryWriter(str(folder / BOARD), purge_step=step + 1)

    def step(self, report: Report) -> None:
        """One step."""
        self._log.write(json.dumps(report) + "\n")
        self._to_board("step", report)

    def epoch(self, report: Report) -> None:
        """One epoch, whose row stands in the history."""
        self._write_history()
        self._to_board("epoch", report)

    def close(self) -> None:
        """Write what is held back."""
        self._log.close()
        self._board.close()

    def _to_board(self, group: str, report: Report) -> None:
        for name, value in report.items():
            if name not in ("step", "epoch") and not isinstance(value, str):
                self._board.add_scalar(f"{group}/{name}", value, int(report["step"]))

    def _write_history(self) -> None:
        """All rows beside and moved: a few hundred at most."""
        path = self.folder / METRICS
        if not self.history:
            path.unlink(missing_ok=True)
            return
        beside = path.with_suffix(".part")
        with beside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(self.history[-1]))
            writer.writeheader()
            writer.writerows(self.history)
        beside.replace(path)


def _cut(path: Path, step: int) -> None:
    """Drop the lines that were written after the state was, and one that is only half there."""
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[:step]
    beside = path.with_suffix(".part")
    beside.write_text("".join(lines), encoding="utf-8")
    beside.replace(path)
