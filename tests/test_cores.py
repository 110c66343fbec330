"""Workers are counted by what this process may use, not by what the machine has."""

import os
import subprocess
import sys

import pytest

from crossmodal.cores import n_cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes are bound to cores on Linux alone")
def test_a_process_bound_to_one_core_counts_one() -> None:
    bound = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    asks = "from crossmodal.cores import n_cores; print(n_cores())"
    said = subprocess.run([sys.executable, "-c", bound + asks], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "1" and 1 <= n_cores() <= (os.cpu_count() or 1)
