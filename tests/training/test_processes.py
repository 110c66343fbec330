"""A run as real processes: two do what one does, and one that is killed at any step goes on to the same numbers."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from training_made import TINY, coupled_pairs, made_trainer, no_better

from training.state import STATE
from training.tracking import LOG

WORKER = Path(__file__).with_name("loop_worker.py")
CALM = ("model.dropout=0", "steps=4")
PATIENCE = 240.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / LOG).read_text().splitlines()]


@pytest.mark.parametrize(
    "settings",
    [(), ("chunk_rows=2", "loss.memory=16"), ("epochs=4", "patience=1")],
    ids=["plain", "in parts", "ended early"],
)
def test_two_processes_give_the_losses_of_one_with_all_rows(tmp_path: Path, settings: tuple[str, ...]) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port())]
    words = [*launch, str(WORKER), str(tmp_path / "two"), *CALM, *settings]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    alone = made_trainer(tmp_path / "one", coupled_pairs(24), *TINY, *CALM, *settings, judge=no_better)
    alone.fit_preparation()
    alone.run()
    two, one = losses(tmp_path / "two"), losses(tmp_path / "one")
    assert len(one) == (6 if "patience=1" in settings else 4)
    assert two[0] == pytest.approx(one[0], abs=1e-5)
    assert two == pytest.approx(one, rel=1e-3)  # Adam's first steps turn on the sign of gradients that are all but 0
    said = re.findall(r"\b[0-9a-f]{32}\b", done.stdout)
    assert len(said) == 2 and said[0] == said[1]  # both hold the same model at the end


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_run_that_is_killed_at_any_step_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    settings = ("steps=9", "checkpoint_every=1")
    whole = made_trainer(tmp_path / "whole", coupled_pairs(24), *TINY, *settings)
    whole.fit_preparation()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the worker: sums are split among threads
    try:
        model = whole.run()
    finally:
        torch.set_num_threads(threads)
    folder = tmp_path / "killed"
    for at in (1, 4, 6):
        child = subprocess.Popen([sys.executable, str(WORKER), str(folder), *settings], stdout=subprocess.PIPE)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and child.poll() is None and _steps(folder) < at:
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert (folder / STATE).is_file() or at == 1
    done = subprocess.run([sys.executable, str(WORKER), str(folder), *settings], capture_output=True, text=True)
    assert done.stdout.strip() == model.fingerprint, done.stderr[-2000:]
    assert losses(folder) == losses(tmp_path / "whole")


def _steps(folder: Path) -> int:
    return (folder / LOG).read_text().count("\n") if (folder / LOG).is_file() else 0
