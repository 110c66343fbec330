"""What the tests of training share."""

from collections.abc import Iterator

import pytest
from accelerate.state import AcceleratorState
from training_made import coupled_pairs

from training.data.pairs import Pair


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """24 coupled pairs of 12 s."""
    return coupled_pairs(24)


@pytest.fixture(autouse=True)
def a_process_of_its_own() -> Iterator[None]:
    """Accelerate keeps its precision for the whole process: each test begins as a new one would."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
