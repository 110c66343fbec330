"""Two and three real processes give loss and gradients of one with the whole batch; none waits for ever."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from crossmodal.losses import Extra, PairBatch, SideBatch
from crossmodal.losses.gather import gather_batch, gather_rows

sys.path.insert(0, str(Path(__file__).parent))
import process_worker as worker

pytestmark = pytest.mark.xdist_group("gather")  # what they share is made once

SPLITS = [(size, counts) for size, splits in worker.COUNTS.items() for counts in splits]
PATIENCE = 120.0


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What each of three processes found."""
    folder = tmp_path_factory.mktemp("processes")
    children = [
        subprocess.Popen([sys.executable, worker.__file__, str(rank), "3", str(folder)], stderr=subprocess.PIPE)
        for rank in range(3)
    ]
    try:
        said = [child.communicate(timeout=PATIENCE)[1].decode() for child in children]
    finally:
        for child in children:
            child.kill()
    assert [child.returncode for child in children] == [0, 0, 0], "\n".join(said)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(3)]


@pytest.mark.parametrize(("size", "counts"), SPLITS, ids=str)
class TestUnevenProcesses:
    @pytest.mark.parametrize("how", ["plain", "cached"])
    def test_loss_and_averaged_gradients_are_those_of_one_process(
        self, results: list[dict], size: int, counts: tuple[int, ...], how: str
    ) -> None:
        alone = worker.step(slice(None), None, None)
        for rank in range(size):
            found = results[rank][size, counts, how]
            torch.testing.assert_close(found["loss"], alone["loss"], atol=1e-10, rtol=0)
            torch.testing.assert_close(found["gradients"], alone["gradients"], atol=1e-10, rtol=0)

    def test_tiles_are_shared_and_give_the_loss_and_gradients_of_one_process(
        self, results: list[dict], size: int, counts: tuple[int, ...]
    ) -> None:
        alone = worker.tiled(slice(None), None)
        for rank in range(size):
            found = results[rank][size, counts, "tiled"]
            torch.testing.assert_close(found["loss"], alone["loss"], atol=1e-10, rtol=0)
            torch.testing.assert_close(found["gradients"], alone["gradients"], atol=1e-10, rtol=0)

    def test_a_memory_is_alike_in_all_processes_and_that_of_one(
        self, results: list[dict], size: int, counts: tuple[int, ...]
    ) -> None:
        alone = worker.remember(slice(None), None)
        for rank in range(size):
            found = results[rank][size, counts, "memory"]
            assert torch.equal(found["ids"], alone["ids"])
            torch.testing.assert_close(found["loss"], alone["loss"], atol=1e-10, rtol=0)
            torch.testing.assert_close(found["gradients"], alone["gradients"], atol=1e-10, rtol=0)


@pytest.mark.parametrize("size", [2, 3])
def test_what_does_not_fit_is_refused_in_every_process(results: list[dict], size: int) -> None:
    for rank in range(size):
        width, kind, scalar, fields = results[rank][size, "refused"]
        assert "(2, 3) torch.float32, (2, 4) torch.float32" in width and "must agree" in kind
        assert "must have (N, ...) rows" in scalar
        assert "some processes have weight" in fields


@pytest.mark.parametrize("size", [2, 3])
def test_rows_come_in_the_order_of_the_processes_and_frozen_ones_take_part(results: list[dict], size: int) -> None:
    expected = [rank for rank in range(size) for _ in range(rank)]
    for rank in range(size):
        every, ints, flags, gradient = results[rank][size, "rows"]
        assert every[:, 0].tolist() == expected == ints.tolist() and flags.tolist() == [True] * size
        assert gradient is None or (gradient == size).all()


def test_one_process_alone_gets_its_own_rows_back() -> None:
    rows = torch.zeros(2, 3)
    assert gather_rows(rows) is rows
    side = SideBatch(torch.tensor([1]))
    batch = PairBatch(side, side, vector_extra=Extra(ignore=torch.zeros(1, 1, dtype=torch.bool)))
    assert gather_batch(batch) is batch
