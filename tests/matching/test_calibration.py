"""The score rises with what it should rise with, and its file is read as it was written."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.errors import ModelError
from crossmodal.matching import Calibration, plain_final


def test_final_is_the_formula_at_a_point_of_the_table(calibration: Calibration) -> None:
    w = 0.2 + 0.05 * np.log(100)
    expected = w * 0.3 / 0.2 + (1 - w) * (0.6 - 0.25) / 0.08
    assert calibration.final(0.3, 0.6, 12, 100) == pytest.approx(expected)


def test_between_points_it_is_linear_in_the_logarithms(calibration: Calibration) -> None:
    m, sigma = calibration.chance(float(np.sqrt(2 * 12)), 10)
    assert m == pytest.approx((0.2 + 0.5 + 0.1 + 0.25) / 4) and sigma == pytest.approx((0.1 + 0.1 + 0.05 + 0.08) / 4)


def test_a_longer_track_pays_for_its_chances_beyond_the_table_too(calibration: Calibration) -> None:
    m, _ = calibration.chance(5, np.array([1, 10, 100, 1000, 36_000]))
    assert (np.diff(m) > 0).all()


def test_where_nothing_is_left_to_compare_the_vectors_count_alone(calibration: Calibration) -> None:
    assert calibration.final(0.3, np.nan, 12, 100) == pytest.approx(0.3 / 0.2)
    assert plain_final([0.3, 0.3], [np.nan, 0.5]) == pytest.approx([0.3, 0.42])


@settings(deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=9), st.floats(0.3, 7200))
def test_probability_rises_with_final_and_stays_within_0_and_1(finals: list[float], seconds: float) -> None:
    made = Calibration(
        sigma_g=1, lengths=(1,), starts=(1,), mean=((0,),), deviation=((1,),), share_at_one=0, share_per_log_start=0,
        logistic=((1, -1, 1), (8, -3, 2)),
    )  # fmt: skip
    p = made.probability(np.sort(finals), seconds)
    assert (np.diff(p) >= 0).all() and (p >= 0).all() and (p <= 1).all()


def test_words_follow_the_limits(calibration: Calibration) -> None:
    words = [calibration.limits.word(p) for p in (0.85, 0.8499, 0.70, 0.50, 0.49)]
    assert words == ["very good", "good", "good", "fair", "weak"]


def test_the_file_leads_back_and_another_content_has_another_fingerprint(
    tmp_path: Path, calibration: Calibration
) -> None:
    calibration.save(tmp_path)
    assert Calibration.load(tmp_path) == calibration
    assert calibration.model_copy(update={"bonus": 0.2}).fingerprint != calibration.fingerprint
    assert Calibration.load(tmp_path / "none") is None


def test_a_damaged_file_is_one_line(tmp_path: Path, calibration: Calibration) -> None:
    path = calibration.save(tmp_path)
    path.write_text(path.read_text().replace('"sigma_g"', '"sigma_q"'))
    with pytest.raises(ModelError, match="calibrate"):
        Calibration.load(tmp_path)
