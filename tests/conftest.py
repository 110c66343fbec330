"""Fixtures shared by every test: the real media folder, restored random state."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


def real_media_folder() -> Path:
    """The folder of real media: $CROSSMODAL_DATA, or ../shared/data beside the project."""
    return Path(os.environ.get("CROSSMODAL_DATA", ROOT.parent / "shared" / "data"))


def pytest_configure(config: pytest.Config) -> None:
    # Commands that the tests start in child processes must find neither proxies nor a user's own catalogue.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # Two test processes of two threads each on two cores wait for one another: small sums take three times as long.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if real_media_folder().is_dir():
        return
    for item in items:
        if item.get_closest_marker("media"):
            item.add_marker(pytest.mark.skip(reason="no real media: CROSSMODAL_DATA names no folder"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [r for r in terminalreporter.stats.get("skipped", []) if "no real media" in str(r.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} tests on real media did not run: {real_media_folder()} is absent")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real media folder; tests that use it carry `pytest.mark.media`."""
    return real_media_folder()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    # Before the fixtures too: what a test draws must not hang on the tests that its process ran before.
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
