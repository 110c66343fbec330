"""Pairs out of made files: each file once, a bad row costs itself only."""

from pathlib import Path

import pytest

from crossmodal.demo import make_clip, make_track
from crossmodal.features import FeatureStore
from crossmodal.manifest import Row
from crossmodal.model import TwoTowerModel
from crossmodal.scoring import score_pairs


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    make_clip(folder / "a.mp4", seconds=2.0)
    make_track(folder / "a.wav", seconds=4.0)
    return folder


def test_six_spellings_of_a_file_are_one_and_bad_rows_are_told(media: Path, tmp_path: Path) -> None:
    (media / "sub").mkdir()
    (media / "link.mp4").symlink_to(media / "a.mp4")
    spellings = [
        "a.mp4",
        "./a.mp4",
        "sub/../a.mp4",
        "link.mp4",
        "//" + str(media / "a.mp4").lstrip("/"),
        "sub/.././a.mp4",
    ]
    rows = [Row(id=str(k), video=media / text, audio=media / "a.wav") for k, text in enumerate(spellings)]
    rows.append(Row(id="bad", video=media / "none.mp4", audio=media / "a.wav"))
    model = TwoTowerModel.from_pretrained("compact")
    calls: list[str] = []
    kept = model.embed
    model.embed = lambda *a, **k: (calls.append(a[1]), kept(*a, **k))[1]  # type: ignore[method-assign,assignment]
    with FeatureStore(tmp_path / "features.db") as store:
        scored = list(score_pairs(rows, model, store=store))
    assert sorted(calls) == ["audio", "video"]
    assert len({(row.score, row.start) for row in scored[:6]}) == 1 and scored[0].status in ("ok", "partial")
    assert scored[6].status == "error" and "no such file" in scored[6].reason and scored[6].percentile is None
