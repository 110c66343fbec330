"""Adding music: one child process of the server at a time, which runs until it is done or stopped, whoever looks."""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.cli.output import shown_path
from crossmodal.catalogue import Catalogue
from crossmodal.errors import CatalogueError, one_line

TROUBLES_SHOWN = 200


@dataclass(slots=True)
class Order:
    """What a child is told to do: folders to be read, or (without any) vectors of this model for what is there."""

    catalogue: Path
    folders: list[Path] = field(default_factory=list)

    @property
    def subject(self) -> str:
        return ", ".join(shown_path(folder) for folder in self.folders)


class Indexer:
    """Starts the child, listens to it, and keeps what it said.

    Args:
        model_name: that embeds.
    """

    def __init__(self, model_name: str) -> None:
        self._model = model_name
        self._waiting: deque[Order] = deque()
        self._child: subprocess.Popen[str] | None = None
        self._order: Order | None = None
        self._now: dict[str, Any] = {}
        self._last: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._stopping = False

    def add(self, order: Order) -> None:
        """Do it now, or after what runs."""
        with self._lock:
            known = [self._order, *self._waiting]
            if any(other is not None and (other.catalogue, other.folders) == (order.catalogue, order.folders)
                   for other in known):  # fmt: skip
                return
            self._waiting.append(order)
            self._next()

    def stop(self) -> None:
        """End what runs, cleanly, and forget what waits; what is done is kept."""
        with self._lock:
            self._waiting.clear()
            if self._child is not None and self._child.stdin is not None:
                self._stopping = True
                self._child.stdin.close()

    @property
    def is_running(self) -> bool:
        return self._child is not None

    def shown(self, catalogue: Catalogue | None) -> dict[str, Any]:
        """What runs and what the last run did; of other programs' runs, what the job table says."""
        with self._lock:
            order, now, last = self._order, dict(self._now), self._last
        running = None
        if order is not None:
            running = {"subject": order.subject, "is_ours": True, "is_stopping": self._stopping, **now}
        elif catalogue is not None:
            running = _foreign(catalogue)
        return {"running": running, "last": last, "waiting": len(self._waiting)}

    def close(self) -> None:
        """End the child with the server; what is done is kept."""
        self.stop()
        child = self._child
        if child is not None:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()

    def _next(self) -> None:
        if self._child is not None or not self._waiting:
            return
        self._order, self._now, self._stopping = self._waiting.popleft(), {}, False
        self._child = subprocess.Popen(
            [sys.executable, "-m", "app.web.indexing_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._child.stdin is not None
        order = {"catalogue": os.fspath(self._order.catalogue), "model": self._model}
        self._child.stdin.write(json.dumps({**order, "folders": [os.fspath(f) for f in self._order.folders]}) + "\n")
        self._child.stdin.flush()
        threading.Thread(target=self._listen, args=(self._child,), daemon=True, name="indexing").start()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        said: dict[str, Any] = {}
        for line in child.stdout:
            said = json.loads(line)
            if "progress" in said:
                with self._lock:
                    self._now = said["progress"]
        child.wait()
        with self._lock:
            subject = self._order.subject if self._order is not None else ""
            self._last = {"subject": subject, **_ended(said)}
            self._child, self._order = None, None
            self._next()


def _ended(said: dict[str, Any]) -> dict[str, Any]:
    """The last message of a child, as the page shows it."""
    if "report" in said:
        report = dict(said["report"])
        report["unreadable"] = report.get("unreadable", [])[:TROUBLES_SHOWN]
        return {"report": report}
    if "error" in said:
        return {"error": one_line(said["error"])}
    return {"error": "The reading was cut off. Add the folder again to go on; what is done is kept."}


def _foreign(catalogue: Catalogue) -> dict[str, Any] | None:
    """A run of another program on this catalogue, as the job table knows it."""
    try:
        jobs = catalogue.jobs(1)
    except CatalogueError:
        return None
    if not jobs or jobs[0].state != "running" or not _is_alive(jobs[0].host, jobs[0].pid):
        return None
    job = jobs[0]
    return {"subject": one_line(job.subject), "is_ours": False, "phase": "Indexing", "done": job.done,
            "total": job.total, "name": "", "rate": 0.0, "remaining": None}  # fmt: skip


def _is_alive(host: str, pid: int) -> bool:
    import socket

    import psutil

    return host == socket.gethostname() and bool(psutil.pid_exists(pid))
