"""How much of the machine this process may use."""

import os


def n_cores() -> int:
    """Cores that this process may run on: in a container, or under taskset, fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone
    return len(affinity(0)) if affinity else os.cpu_count() or 1
