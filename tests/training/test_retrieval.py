"""What the loop asks after every epoch: the figures of `evaluate`, quicker, and of models without a sequence too."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.data.pairs import Pair, span
from training.evaluation import evaluate, retrieval
from training.evaluation.scores import searched_scores, sequence_similarity


@pytest.fixture(scope="module")
def model() -> TwoTowerModel:
    """An untrained tiny model."""
    torch.manual_seed(0)
    tiny = {"width": 16, "dilations": [1, 2], "hidden": 16, "vector_dim": 16, "lag_channels": 2, "heads": 4}
    return TwoTowerModel(compact_config(**tiny))


def test_figures_are_those_of_the_aligned_protocol(pairs: list[Pair], model: TwoTowerModel) -> None:
    twins = [*pairs, *(replace(p, id=f"{p.id}-again", video=pairs[k - 1].video) for k, p in enumerate(pairs[:6]))]
    found, summary = retrieval(twins, model), evaluate(twins, model, None).summary()
    for way in ("video_to_music", "music_to_video"):
        for name in ("recall@1", "recall@5", "recall@10", "median_rank", "mrr"):
            assert found[f"{way}/{name}"] == pytest.approx(summary["aligned"][way][name])
    for k in (1, 5, 10):
        assert found[f"chance/recall@{k}"] == summary["chance"][f"recall@{k}"]
    assert found["recall@10"] == pytest.approx(summary["aligned"]["mean_recall@10"])


def test_average_precision_takes_every_row_of_the_music(pairs: list[Pair], model: TwoTowerModel) -> None:
    one_music = [replace(p, music_id="the same") for p in pairs]
    assert retrieval(one_music, model)["video_to_music/map"] == pytest.approx(1.0)
    assert retrieval(pairs, model)["video_to_music/map"] == pytest.approx(retrieval(pairs, model)["video_to_music/mrr"])


def test_the_model_keeps_its_mode_and_dropout_is_off(pairs: list[Pair], model: TwoTowerModel) -> None:
    model.train()
    assert retrieval(pairs, model) == retrieval(pairs, model)
    assert model.video.training and model.audio.training
    model.eval()
    retrieval(pairs, model)
    assert not model.video.training


def test_rows_far_below_the_others_are_left_out_and_short_sets_are_not(pairs: list[Pair], model: TwoTowerModel) -> None:
    short = replace(pairs[0], video=span(pairs[0].video, 0, 2.0))
    assert retrieval([short, *pairs[1:]], model) == retrieval(pairs[1:], model)
    all_short = [replace(p, video=span(p.video, 0, 3.0), audio=span(p.audio, 0, 3.0)) for p in pairs]
    assert retrieval(all_short, model)["chance/recall@10"] == pytest.approx(10 / 24)


def test_a_row_that_shows_nothing_is_like_nothing(pairs: list[Pair], model: TwoTowerModel) -> None:
    dark = replace(pairs[0], video=replace(pairs[0].video, seen=np.zeros(120, bool)))
    figures = retrieval([dark, *pairs[1:]], model)
    assert all(np.isfinite(value) for value in figures.values())


def test_without_heads_the_vectors_rank_alone(pairs: list[Pair], model: TwoTowerModel) -> None:
    none, seen = torch.zeros(3, 20, 0, 2), torch.ones(3, 20, dtype=torch.bool)
    assert np.isnan(sequence_similarity(none, seen, none, seen)).all()
    clips = [model.eval().embed(p.video, "video") for p in pairs[:3]]
    bare = [replace(clip, sequence=np.zeros((120, 0, 2), np.float32)) for clip in clips]
    scores = searched_scores(bare, bare, 0.1)
    assert np.isnan(scores.s_seq).all() and (scores.n_starts == 1).all() and np.allclose(np.diag(scores.g), 1)


def test_one_pair_is_no_pool(pairs: list[Pair], model: TwoTowerModel) -> None:
    with pytest.raises(ValueError, match="1 pairs"):
        retrieval(pairs[:1], model)
