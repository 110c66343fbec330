"""Pictures: written whole, with what they show in them, also where columns or cells are missing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.plots import rank_histogram, recall_curve, training_curves

HEAD = "epoch,step,loss,lr,seconds,video_to_music/recall@10,music_to_video/recall@10,chance/recall@10\n"
BLUE, ORANGE = (11, 110, 153), (194, 65, 12)


def pixels_of(path: Path, colour: tuple[int, int, int], part: slice = slice(None)) -> int:
    """How many pixels have a colour, within a part of the width."""
    pixels = np.asarray(Image.open(path).convert("RGB"))[:, part]
    return int((np.abs(pixels.astype(int) - colour).max(axis=2) < 12).sum())


def test_curves_show_loss_on_the_left_and_both_directions_on_the_right(tmp_path: Path) -> None:
    rows = [f"{k // 5},{k},{2 - k / 10},0.001,0.1,{f'{k / 20},{k / 25},.1' if k % 5 == 4 else ',,'}" for k in range(15)]
    (tmp_path / "metrics.csv").write_text(HEAD + "\n".join(rows) + "\n")
    path = training_curves(tmp_path / "metrics.csv", tmp_path / "plots" / "curves.png")
    assert Image.open(path).size == (1200, 480)
    assert pixels_of(path, BLUE, slice(0, 600)) > 200
    assert pixels_of(path, BLUE, slice(600, None)) > 100 and pixels_of(path, ORANGE, slice(600, None)) > 100
    assert [file.name for file in path.parent.iterdir()] == ["curves.png"]


@pytest.mark.parametrize("text", [HEAD, "step,loss\n1,nan\n2,inf\n", "step,loss\n1,0.5\n"])
def test_a_run_that_has_barely_begun_gives_a_picture_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    assert Image.open(training_curves(tmp_path / "metrics.csv", tmp_path / "curves.png")).format == "PNG"


def test_a_better_system_stands_higher_and_to_the_left(tmp_path: Path) -> None:
    good, bad = np.full(50, 2.0), np.full(50, 90.0)
    histogram = rank_histogram({"good": good}, tmp_path / "good.png", pool=100)
    assert pixels_of(histogram, BLUE, slice(0, 240)) > 3000 and pixels_of(histogram, BLUE, slice(240, None)) == 0
    histogram = rank_histogram({"bad": bad}, tmp_path / "bad.png", pool=100)
    assert pixels_of(histogram, BLUE, slice(0, 240)) == 0 and pixels_of(histogram, BLUE, slice(240, None)) > 3000
    curve = recall_curve({"good": good, "bad": np.append(bad, np.inf)}, tmp_path / "recall.png", pool=100)
    assert pixels_of(curve, BLUE) > 500 and pixels_of(curve, ORANGE) > 500
