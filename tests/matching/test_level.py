"""The correction for the number of starts, with the bundled model and calibration, on music that no clip belongs to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import crossmodal.weights
from crossmodal.features import Features, FeatureStore
from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from crossmodal.similarity import TrackSpectra, best_starts, clip_windows
from training.data.pairs import span
from training.data.procedural import demo_pairs, songs

pytestmark = pytest.mark.xdist_group("level")  # what they share is made once

CLIP, LONGEST = 12.0, 600.0
Level = tuple[float, float]  # s_seq as it is, and less its mean by chance, in its deviations


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Level]:
    """Mean over 16 clips of 12 s and all stretches of one length of twenty minutes of songs."""
    folder = Path(crossmodal.weights.__path__[0]) / "compact"
    model, calibration = TwoTowerModel.from_pretrained(folder).eval(), Calibration.load(folder)
    assert calibration is not None
    with FeatureStore(tmp_path_factory.mktemp("level") / "features.db") as store:
        seen_once = [span(pair.video, 0, CLIP) for pair in demo_pairs(8, 5000, store)]
        music = [song.audio for song in songs(10, 7000, store)]
    # Backwards it is another clip and other music, and costs nothing.
    clips = [*seen_once, *(replace(clip, values=clip.values[::-1].copy()) for clip in seen_once)]
    forwards = np.concatenate([part.values for part in music])
    tracks = [_embedded(values, music[0].hop, model) for values in (forwards, forwards[::-1].copy())]
    found = {}
    for seconds in (CLIP, 30.0, 120.0, LONGEST):
        cuts = [cut for track in tracks for cut in _stretches(*track, round(seconds / music[0].hop))]
        plain, level = [], []
        for clip in (model.embed(video, "video") for video in clips):
            windows = clip_windows(torch.from_numpy(clip.sequence), torch.from_numpy(clip.seen))
            best = best_starts(windows, TrackSpectra.of(cuts), bonus=calibration.bonus)
            mean, deviation = calibration.chance(CLIP, best.n_starts.numpy())
            plain.append(best.s_seq.numpy() / deviation)
            level.append((best.s_seq.numpy() - mean) / deviation)
        found[seconds] = float(np.mean(plain)), float(np.mean(level))
    return found


def _embedded(values: np.ndarray, hop: float, model: TwoTowerModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequence and what is seen of the first ten minutes."""
    whole = Features(values, np.ones(len(values), dtype=bool), hop, len(values) * hop, False)
    track = model.embed(span(whole, 0, LONGEST), "audio")
    return torch.from_numpy(track.sequence), torch.from_numpy(track.seen)


def _stretches(sequence: torch.Tensor, seen: torch.Tensor, steps: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(sequence[at : at + steps], seen[at : at + steps]) for at in range(0, len(sequence) - steps + 1, steps)]


def test_unrelated_music_scores_alike_from_twelve_seconds_to_ten_minutes(levels: dict[float, Level]) -> None:
    corrected = [level for _, level in levels.values()]
    assert max(corrected) - min(corrected) < 0.5 and abs(np.mean(corrected)) < 0.5


def test_without_the_correction_long_tracks_would_win(levels: dict[float, Level]) -> None:
    assert levels[LONGEST][0] > levels[CLIP][0] + 1
