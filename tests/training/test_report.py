"""Figures beside recall: baselines, levels, smaller pools, groups, hubs, starts; each moves with what it measures."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crossmodal.metrics import bootstrap_interval
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.data.pairs import Pair
from training.evaluation import evaluate
from training.evaluation.baselines import popularity, start_at_zero
from training.evaluation.levels import passages, segment_level, track_level
from training.evaluation.scores import final, searched_scores
from training.evaluation.starts import start_figures
from training.report import Protocol, chance, paired_difference


@pytest.fixture(scope="module")
def model() -> TwoTowerModel:
    """An untrained tiny model."""
    torch.manual_seed(0)
    tiny = {"width": 16, "dilations": [1, 2], "hidden": 16, "vector_dim": 16, "lag_channels": 2, "heads": 4}
    return TwoTowerModel(compact_config(**tiny)).eval()


def protocol(sim: np.ndarray, per_group: int = 5) -> Protocol:
    """Rows with a music each, so many to a group."""
    rows = np.arange(len(sim))
    return Protocol(sim, rows.astype(str), (rows // per_group).astype(str))


def test_popularity_is_chance_where_training_never_used_the_music(pairs: list[Pair]) -> None:
    unseen = popularity(pairs, {"another": 9})
    summary = unseen.summary()
    assert summary["video_to_music"]["recall@10"] == pytest.approx(10 / 24)
    assert summary["video_to_music"]["median_rank"] == 12.5 and summary["video_to_music"]["tied"] == 1.0


def test_popularity_finds_what_training_used_most_and_only_for_its_own_clip(pairs: list[Pair]) -> None:
    hits = popularity(pairs, {pairs[3].music_id: 5}).hits(1)
    assert hits[0][3] == 1.0 and hits[0].sum() == 1.0
    assert hits[1] == pytest.approx(np.full(24, 1 / 24))


def test_paired_differences_are_bootstrapped_by_source() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = protocol(rng.normal(size=(60, 60)) + 2 * np.eye(60)), protocol(rng.normal(size=(60, 60)))
    found = paired_difference(ours, theirs)
    values = (ours.hits(10) - theirs.hits(10)).mean(axis=0)
    assert found["difference"] == pytest.approx(values.mean())
    assert found["interval"] == [round(end, 4) for end in bootstrap_interval(values, ours.groups)]
    assert found["interval"][0] > 0


def test_telling_groups_apart_is_not_telling_rows_apart() -> None:
    groups = np.arange(60) // 5
    rng = np.random.default_rng(1)
    by_group = protocol(5.0 * (groups[:, None] == groups) + rng.normal(size=(60, 60)))
    assert by_group.hits(10).mean() == 1.0
    within = by_group.within_groups()
    assert within["rows"] == 60 and within["chance"] == pytest.approx(1 / 5)
    assert within["interval"][0] < 0 < within["interval"][1]
    by_row = protocol(np.eye(60)).within_groups()
    assert by_row["recall@1"] == 1.0 and by_row["difference"] == pytest.approx(0.8)


def test_rows_alone_in_their_group_are_left_out() -> None:
    assert protocol(np.eye(6), per_group=1).within_groups()["rows"] == 0


def test_smaller_pools_are_easier_and_named_with_their_draws() -> None:
    rng = np.random.default_rng(2)
    large = protocol(rng.normal(size=(140, 140)) + np.eye(140))
    pools = large.pools()
    assert list(pools) == ["100"] and pools["100"]["draws"] == 1000
    way = pools["100"]["video_to_music"]
    assert way["recall@10"] > large.hits(10)[0].mean()
    assert way["recall@10"] == pytest.approx(way["expected"]["recall@10"], abs=0.005)
    assert pools["100"]["chance"]["recall@10"] == 0.1


def test_a_hub_shows_in_hubness_and_coverage() -> None:
    sim = np.random.default_rng(3).normal(size=(60, 60))
    plain = protocol(sim).summary()["video_to_music"]
    sim[:, :9] += 9
    hubs = protocol(sim).summary()["video_to_music"]
    assert hubs["hubness"] > plain["hubness"] + 1 and hubs["coverage@10"] < 0.8 * plain["coverage@10"]
    by_chance = chance(protocol(sim))
    assert by_chance["median_rank"] == 30.5 and by_chance["coverage@10"] > 0.99


def test_segments_are_passages_side_by_side(pairs: list[Pair], model: TwoTowerModel) -> None:
    cut = passages(pairs[:2], 3.0)
    assert [part.id for part in cut[:4]] == [f"{pairs[0].id}@{k}" for k in range(4)] and len(cut) == 8
    assert cut[2].start == 6.0 and (cut[2].video.values == pairs[0].video.values[60:90]).all()
    found = segment_level(pairs[:6], model, None, 3.0)
    assert found["pool"] == 24 and found["chance"]["recall@1"] == pytest.approx(1 / 21)  # three of its music left out


def test_on_track_level_a_music_stands_once(pairs: list[Pair], model: TwoTowerModel) -> None:
    twins = [*pairs, *(replace(p, id=f"{p.id}-again") for p in pairs[:8])]
    found = track_level(twins, model)
    assert (found["clips"], found["musics"]) == (32, 24)
    assert found["video_to_music"]["chance"]["recall@1"] == pytest.approx(1 / 24)
    assert found["music_to_video"]["chance"]["recall@1"] == pytest.approx((8 * 2 + 16 * 1) / 32 / 24)
    plain = track_level(pairs, model)
    for name in ("recall@1", "recall@10", "median_rank"):
        both = [found["video_to_music"][name], plain["video_to_music"][name]]
        assert np.isfinite(both).all()
    assert "segment" not in evaluate(pairs, model, None).levels


def test_a_clip_is_placed_where_it_was_cut(pairs: list[Pair], model: TwoTowerModel) -> None:
    music = [model.embed(pair.audio, "audio") for pair in pairs]
    clips = [model.embed(pair.audio, "audio", start=4.0, end=9.0) for pair in pairs]  # its own music, as a clip
    true, groups = np.full(24, 4.0), np.array([pair.group for pair in pairs])
    figures = start_figures(clips, music, true, groups, hop=0.1, bonus=0.0)
    assert figures["within_1s"] > 0.9 and figures["mean_iou"] > 0.9
    assert figures["start_at_zero"] == {"within_1s": 0.0, "mean_iou": pytest.approx(1 / 9)}
    assert figures["interval"][0] > 0.8


def test_the_summary_names_the_baselines_and_says_how_ties_count(pairs: list[Pair], model: TwoTowerModel) -> None:
    summary = evaluate(pairs, model, None, uses={}).summary()
    assert summary["ties"] == "expected"
    assert set(summary["baselines"]) == {"start_at_zero", "popularity"}
    assert set(summary["difference_to_baselines"]["popularity"]) == {"aligned", "searched"}
    assert {"within_1s", "mean_iou", "start_at_zero"} <= set(summary["starts"])
    assert {"median_rank_share", "map", "tied", "hubness"} <= set(summary["aligned"]["video_to_music"])


def test_start_at_zero_is_the_search_where_there_is_only_one_start(pairs: list[Pair], model: TwoTowerModel) -> None:
    clips = [model.embed(pair.video, "video", end=5.0) for pair in pairs]
    music = [model.embed(pair.audio, "audio", end=5.0) for pair in pairs]
    alone = start_at_zero(pairs, clips, music, None).sim
    assert np.allclose(alone, final(searched_scores(clips, music, 0.0), None, 5.0), atol=1e-5)
    longer = [model.embed(pair.audio, "audio") for pair in pairs]
    gain = final(searched_scores(clips, longer, 0.0), None, 5.0) - start_at_zero(pairs, clips, longer, None).sim
    assert gain.min() > -1e-5 and gain.mean() > 0.01
