"""The protocols of `evaluate`: one length for all, own-track rows ignored, searched in the whole audio, both ways."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crossmodal.errors import ManifestError
from crossmodal.features import Features
from crossmodal.metrics import ranks
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.data.pairs import Pair, span
from training.evaluation import aligned_scores, evaluate, middle, untrained
from training.report import Protocol, chance, paired_difference


@pytest.fixture(scope="module")
def model() -> TwoTowerModel:
    """An untrained tiny model."""
    torch.manual_seed(0)
    tiny = {"width": 16, "dilations": [1, 2], "hidden": 16, "vector_dim": 16, "lag_channels": 2, "heads": 4}
    return TwoTowerModel(compact_config(**tiny)).eval()


def in_long_audio(pair: Pair, before: Pair, after: Pair) -> Pair:
    """The pair's music in the middle of a longer file."""
    rows = np.concatenate([before.audio.values, pair.audio.values, after.audio.values])
    whole = Features(rows, np.ones(len(rows), bool), 0.1, 0.1 * len(rows), False)
    return replace(pair, audio=whole, start=before.audio.duration)


def test_the_untrained_row_finds_motion_that_follows_loudness(pairs: list[Pair]) -> None:
    found = untrained(pairs, 12.0)
    assert found["aligned"].hits(1).mean() == 1.0
    assert found["searched"].hits(1).mean() > 0.9


def test_the_untrained_row_finds_a_passage_inside_a_longer_file(pairs: list[Pair]) -> None:
    long = [in_long_audio(p, pairs[k - 1], pairs[(k + 1) % len(pairs)]) for k, p in enumerate(pairs)]
    found = untrained(long, 12.0)
    assert found["aligned"].hits(1).mean() == 1.0
    # Each music stands in three files now: its own and its neighbours'.
    assert found["searched"].hits(5).mean() > 0.9


def test_the_summary_has_every_figure_both_ways(pairs: list[Pair], model: TwoTowerModel) -> None:
    summary = evaluate(pairs, model, None).summary()
    assert summary["pool"] == 24 and summary["seconds"] == 12.0
    assert summary["chance"]["recall@10"] == pytest.approx(10 / 24)
    for protocol in ("aligned", "searched", "apart"):
        for way in ("video_to_music", "music_to_video"):
            figures = summary[protocol][way]
            assert {"recall@1", "recall@5", "recall@10", "median_rank", "interval"} <= set(figures)
            low, high = figures["interval"]["recall@10"]
            assert 0 <= low <= figures["recall@10"] <= high <= 1


def test_short_rows_are_left_out_and_counted(pairs: list[Pair], model: TwoTowerModel) -> None:
    short = replace(pairs[0], id="short", video=span(pairs[0].video, 0, 5.0))
    found = evaluate([short, *pairs[1:]], model, None)
    assert found.left_out == ("short",) and found.pool == 23
    assert evaluate([short, *pairs[1:]], model, None, min_seconds=4.0).seconds == pytest.approx(5.0)


def test_every_clip_is_cut_to_the_shortest_common_span(pairs: list[Pair], model: TwoTowerModel) -> None:
    cut = [replace(p, video=span(p.video, 0, 8.0)) if k == 3 else p for k, p in enumerate(pairs)]
    found = evaluate(cut, model, None)
    assert found.seconds == pytest.approx(8.0)
    same = [replace(p, video=span(p.video, 0, 8.0), audio=span(p.audio, 0, 8.0)) for p in pairs]
    assert np.allclose(found.protocols["aligned"].sim, evaluate(same, model, None).protocols["aligned"].sim, atol=1e-6)


def test_other_rows_of_one_music_are_neither_right_nor_wrong(pairs: list[Pair], model: TwoTowerModel) -> None:
    twins = [replace(p, id=f"{p.id}-again") for p in pairs]
    found, plain = evaluate([*pairs, *twins], model, None), evaluate(pairs, model, None)
    assert found.pool == 48
    both = found.protocols["aligned"]
    rank = ranks(both.sim, both.is_pos(), both.ignore())
    alone = plain.protocols["aligned"]
    expected = ranks(alone.sim, alone.is_pos())
    # Every wrong music stands there twice, the own one once.
    assert (rank[:24] - 1 == 2 * (expected - 1)).all()
    assert chance(both)["recall@1"] == pytest.approx(1 / 47)


def test_aligned_starts_where_the_row_says(pairs: list[Pair], model: TwoTowerModel) -> None:
    long = [in_long_audio(p, pairs[k - 1], pairs[k - 2]) for k, p in enumerate(pairs)]
    there, plain = aligned_scores(long, model, 12.0), aligned_scores(pairs, model, 12.0)
    assert np.allclose(there.s_seq, plain.s_seq, atol=1e-6) and np.allclose(there.g, plain.g, atol=1e-6)


def test_the_middle_is_two_thirds(pairs: list[Pair]) -> None:
    part = middle(pairs[0].video, 12.0)
    assert len(part.values) == 80 and (part.values == pairs[0].video.values[20:100]).all()


def test_a_paired_difference_of_equals_is_zero(pairs: list[Pair]) -> None:
    protocol = untrained(pairs, 12.0)["aligned"]
    assert paired_difference(protocol, protocol) == {"difference": 0.0, "interval": [0.0, 0.0]}


def test_a_paired_difference_counts_rows_won() -> None:
    names = np.array([str(k) for k in range(20)])
    good, bad = Protocol(np.eye(20), names, names), Protocol(-np.eye(20), names, names)
    assert paired_difference(good, bad)["difference"] == 1.0


def test_one_row_is_refused_in_words(pairs: list[Pair], model: TwoTowerModel) -> None:
    with pytest.raises(ManifestError, match="--min-seconds"):
        evaluate(pairs[:1], model, None)
