"""Segment level: passages look for their own. Track level: whole clips look for musics, each of which stands once."""

from dataclasses import replace

import numpy as np

from crossmodal.matching.calibration import Calibration
from crossmodal.metrics import chance_recall_at_k, mean_average_precision, standings
from crossmodal.model import TwoTowerModel
from training.data.pairs import Pair, span
from training.evaluation.scores import aligned_scores, final
from training.report import DEPTHS, WAYS, chance, direction, protocol_of

MOST_PASSAGES = 8  # of one pair, side by side from its beginning


def segment_level(
    pairs: list[Pair], model: TwoTowerModel, calibration: Calibration | None, seconds: float
) -> dict[str, object]:
    """Passages of `seconds` of all pairs in one pool, scored as *aligned*; others of one music are left out.

    Args:
        pairs: each at least `seconds` long.
        model: in eval mode.
        calibration: of the model, or None.
        seconds: of a passage.
    """
    parts = passages(pairs, seconds)
    protocol = protocol_of(parts, final(aligned_scores(parts, model, seconds), calibration, seconds))
    return {"pool": len(parts), "chance": chance(protocol), **protocol.summary()}


def passages(pairs: list[Pair], seconds: float) -> list[Pair]:
    """Every pair cut into passages side by side, at most eight."""
    return [
        replace(pair, id=f"{pair.id}@{k}", video=span(pair.video, k * seconds, seconds), start=pair.start + k * seconds)
        for pair in pairs
        for k in range(max(1, min(MOST_PASSAGES, int((pair.seconds + 1e-6) // seconds))))
    ]


def track_level(pairs: list[Pair], model: TwoTowerModel) -> dict[str, object]:
    """Whole clips against whole musics by the vectors alone; a music of several rows is the mean of their vectors.

    Video to music: which of the musics is it. Music to video: is one of its clips among the first k.
    """
    clips = np.stack([model.embed(span(p.video, 0, p.seconds), "video").vector for p in pairs])
    rows = np.stack([model.embed(span(p.audio, p.start, p.seconds), "audio").vector for p in pairs])
    names, first, of_row = np.unique([p.music_id for p in pairs], return_index=True, return_inverse=True)
    music = np.zeros((len(names), rows.shape[1]))
    np.add.at(music, of_row, rows)
    music /= np.maximum(np.linalg.norm(music, axis=1, keepdims=True), 1e-12)
    groups = np.array([p.group for p in pairs])
    return _track_figures(clips @ music.T, of_row[:, None] == np.arange(len(names)), groups, groups[first])


def _track_figures(
    sim: np.ndarray, is_pos: np.ndarray, groups: np.ndarray, music_groups: np.ndarray
) -> dict[str, object]:
    figures: dict[str, object] = {"clips": len(sim), "musics": sim.shape[1]}
    for way, matrix, right, of_query in zip(
        WAYS, (sim, sim.T), (is_pos, is_pos.T), (groups, music_groups), strict=True
    ):
        figures[way] = {
            **direction(standings(matrix, right), of_query, matrix.shape[1]),
            "map": mean_average_precision(matrix, right),
            "chance": {f"recall@{k}": chance_recall_at_k(right, k) for k in DEPTHS},
        }
    return figures


def segments_are_rows(pairs: list[Pair], seconds: float) -> bool:
    """Whether each pair is one passage, so that the segment level is *aligned*."""
    return all(pair.seconds + 1e-6 < 2 * seconds for pair in pairs)
