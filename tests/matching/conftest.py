"""Fixtures of a made library."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crossmodal.catalogue import Catalogue
from crossmodal.matching import Calibration


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    return Calibration(
        sigma_g=0.2,
        lengths=(2, 12),
        starts=(1, 100),
        mean=((0.2, 0.5), (0.1, 0.25)),
        deviation=((0.1, 0.1), (0.05, 0.08)),
        share_at_one=0.2,
        share_per_log_start=0.05,
        logistic=((2, -2, 1.5), (12, -5, 2.5)),
    )


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "catalogue", create=True) as opened:
        yield opened
