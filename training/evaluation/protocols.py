"""How good a model is on pairs: aligned, searched, apart (docs: DESIGN §3.8), beside an untrained row.

All clips are cut to one length, the shortest common span, because a true pair shares its length and a matcher must not
profit from that. A figure is worth nothing without the protocol that it was taken under.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from crossmodal.embedding import Embedding
from crossmodal.errors import ManifestError
from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.starts import BONUS
from training.data.pairs import Pair, span
from training.evaluation.baselines import popularity, start_at_zero
from training.evaluation.levels import segment_level, segments_are_rows, track_level
from training.evaluation.scores import aligned_scores, cosines, final, middle, searched_scores
from training.evaluation.starts import start_figures
from training.evaluation.untrained import untrained
from training.report import Protocol, chance, paired_difference, protocol_of

MAX_SECONDS = 12.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was evaluated, and the similarities of each protocol.

    Args:
        seconds: L, what every clip was cut to.
        pool: rows.
        left_out: ids of the rows under the shortest length.
        protocols: `aligned`, `searched`, `apart`.
        untrained: the same of motion and loudness; empty where Features are no curves.
        baselines: name -> protocol -> what stands there without the model's search or without the model.
        starts: where clips are placed in their own music.
        levels: figures of passages (`segment`) and of whole clips and musics (`track`).
    """

    seconds: float
    pool: int
    left_out: tuple[str, ...]
    protocols: dict[str, Protocol]
    untrained: dict[str, Protocol]
    baselines: dict[str, dict[str, Protocol]]
    starts: dict[str, object]
    levels: dict[str, dict[str, object]]

    def summary(self) -> dict[str, object]:
        """The object that `evaluate --json` prints."""
        return {
            "pool": self.pool,
            "seconds": round(self.seconds, 3),
            "left_out": list(self.left_out),
            "ties": "expected",
            "chance": chance(self.protocols["aligned"]),
            **{name: protocol.summary() for name, protocol in self.protocols.items()},
            "untrained": {name: protocol.summary() for name, protocol in self.untrained.items()},
            "difference_to_untrained": self._differences(self.untrained),
            "baselines": {
                name: {protocol: found.summary() for protocol, found in row.items()}
                for name, row in self.baselines.items()
            },
            "difference_to_baselines": {name: self._differences(row) for name, row in self.baselines.items()},
            "pools": {name: protocol.pools() for name, protocol in self.protocols.items()},
            "within_groups": {name: protocol.within_groups() for name, protocol in self.protocols.items()},
            "starts": self.starts,
            "levels": self.levels,
        }

    def _differences(self, row: dict[str, Protocol]) -> dict[str, object]:
        return {name: paired_difference(self.protocols[name], theirs) for name, theirs in row.items()}


def evaluate(
    pairs: list[Pair],
    model: TwoTowerModel,
    calibration: Calibration | None,
    *,
    min_seconds: float = 6.0,
    uses: Mapping[str, int] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Recall of a model on pairs.

    Args:
        pairs: rows; `audio` of a pair is what is searched.
        model: in eval mode.
        calibration: of the model; None ranks by .4 g + .6 s_seq.
        min_seconds: shorter rows are left out and counted.
        uses: `music_id` -> rows of the training split that use it; None leaves the popularity row out.
        progress: told (done, total) of the parts.

    Raises:
        ManifestError: fewer than two rows are left.
    """
    kept, seconds = cut(pairs, min_seconds, model.config.hop)
    told = _Told(progress)
    aligned = final(aligned_scores(kept, model, seconds), calibration, seconds)
    told.next()
    clips, music = _searched_embeddings(kept, model, seconds)
    bonus = BONUS if calibration is None else calibration.bonus
    searched = final(searched_scores(clips, music, bonus), calibration, clips[0].duration)
    told.next()
    protocols = {"aligned": aligned, "searched": searched, "apart": _apart(kept, model, seconds)}
    told.next()
    baselines = {"start_at_zero": {"searched": start_at_zero(kept, clips, music, calibration)}}
    if uses is not None:
        baselines["popularity"] = {"aligned": popularity(kept, uses), "searched": popularity(kept, uses)}
    groups, true = np.array([p.group for p in kept]), np.array([p.start + seconds / 6 for p in kept])
    found = Evaluation(
        seconds,
        len(kept),
        tuple(pair.id for pair in pairs if pair.seconds < min_seconds - 1e-6),
        {name: protocol_of(kept, sim) for name, sim in protocols.items()},
        untrained(kept, seconds),
        baselines,
        start_figures(clips, music, true, groups, hop=model.config.hop, bonus=bonus),
        _levels(kept, model, calibration, seconds),
    )
    told.next()
    return found


def cut(pairs: list[Pair], min_seconds: float, hop: float) -> tuple[list[Pair], float]:
    """The rows that last long enough, and L, the span that they share: at most 12 s, a whole number of hops.

    Raises:
        ManifestError: fewer than two.
    """
    kept = [pair for pair in pairs if pair.seconds >= min_seconds - 1e-6]
    if len(kept) < 2:
        raise ManifestError(
            "evaluate",
            None,
            f"{len(kept)} of {len(pairs)} rows last {min_seconds:g} s; at least 2 must. Lower --min-seconds.",
        )
    length = min(MAX_SECONDS, min(pair.seconds for pair in kept))
    return kept, float(np.floor(length / hop + 1e-6) * hop)


class _Told:
    """Tells how many of the parts are done."""

    PARTS = 4

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._done = progress, 0

    def next(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self.PARTS)


def _searched_embeddings(
    pairs: list[Pair], model: TwoTowerModel, seconds: float
) -> tuple[list[Embedding], list[Embedding]]:
    """The middle two thirds of each clip, and the whole audio of each row; one that several rows share is made once."""
    clips = [model.embed(middle(pair.video, seconds), "video") for pair in pairs]
    shared = {id(pair.audio): pair.audio for pair in pairs}
    once = {key: model.embed(audio, "audio") for key, audio in shared.items()}
    return clips, [once[id(pair.audio)] for pair in pairs]


def _apart(pairs: list[Pair], model: TwoTowerModel, seconds: float) -> np.ndarray:
    """The first half of the video and the second half of the audio, by the vectors alone."""
    clips = [model.embed(span(p.video, 0, seconds / 2), "video") for p in pairs]
    music = [model.embed(span(p.audio, p.start + seconds / 2, seconds / 2), "audio") for p in pairs]
    return cosines(clips, music)


def _levels(
    pairs: list[Pair], model: TwoTowerModel, calibration: Calibration | None, seconds: float
) -> dict[str, dict[str, object]]:
    track = track_level(pairs, model)
    if segments_are_rows(pairs, seconds):  # the segment level would be *aligned* again
        return {"track": track}
    return {"segment": segment_level(pairs, model, calibration, seconds), "track": track}
