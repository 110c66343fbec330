"""Measurements in a process of their own, where memory is asked for: a script calls itself with `--one` and words."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Row = dict[str, float]


def in_process(file: str, *words: str) -> Row:
    """What `file --one WORDS` prints last, one JSON object."""
    command = [sys.executable, file, "--one", *words]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(file).parent)
    return json.loads(said.stdout.splitlines()[-1])


def cost_of(step: Callable[[], object], warm_up: Callable[[], object]) -> Row:
    """CPU seconds of one step, and by how many MB the resident set grew; on a GPU seconds, and what is allocated.

    `warm_up` is the same on little data: what is loaded once is not counted.
    """
    import torch

    warm_up()
    on_gpu = torch.cuda.is_available()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    step()
    if on_gpu:
        torch.cuda.synchronize()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if on_gpu:
        cpu, peak = wall, torch.cuda.max_memory_allocated() / 2**20
    return {"cpu": cpu, "wall": wall, "peak_mb": peak}
