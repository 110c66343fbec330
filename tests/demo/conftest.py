"""A demo library of two pairs, made once."""

import pytest

from crossmodal.demo import DemoLibrary, write_demo


@pytest.fixture(scope="session")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> DemoLibrary:
    """Two pairs, made by two processes; read-only."""
    return write_demo(tmp_path_factory.mktemp("demo") / "library", pairs=2, workers=2)
