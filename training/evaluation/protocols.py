"""How good a model is on pairs: aligned, searched, apart (docs: DESIGN §3.8), beside an untrained row.

All clips are cut to one length, the shortest common span, because a true pair shares its length and a matcher must not
profit from that. A figure is worth nothing without the protocol that it was taken under.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from crossmodal.errors import ManifestError
from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.starts import BONUS
from training.data.pairs import Pair, span
from training.evaluation.scores import aligned_scores, cosines, final, middle, searched_scores
from training.evaluation.untrained import protocol_of, untrained
from training.report import Protocol, chance, paired_difference

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
    """

    seconds: float
    pool: int
    left_out: tuple[str, ...]
    protocols: dict[str, Protocol]
    untrained: dict[str, Protocol]

    def summary(self) -> dict[str, object]:
        """The object that `evaluate --json` prints."""
        return {
            "pool": self.pool,
            "seconds": round(self.seconds, 3),
            "left_out": list(self.left_out),
            "chance": chance(self.protocols["aligned"]),
            **{name: protocol.summary() for name, protocol in self.protocols.items()},
            "untrained": {name: protocol.summary() for name, protocol in self.untrained.items()},
            "difference_to_untrained": {
                name: paired_difference(self.protocols[name], self.untrained[name]) for name in self.untrained
            },
        }


def evaluate(
    pairs: list[Pair],
    model: TwoTowerModel,
    calibration: Calibration | None,
    *,
    min_seconds: float = 6.0,
    progress: Progress | None = None,
) -> Evaluation:
    """Recall of a model on pairs.

    Args:
        pairs: rows; `audio` of a pair is what is searched.
        model: in eval mode.
        calibration: of the model; None ranks by .4 g + .6 s_seq.
        min_seconds: shorter rows are left out and counted.
        progress: told (done, total) of three protocols.

    Raises:
        ManifestError: fewer than two rows are left.
    """
    kept = [pair for pair in pairs if pair.seconds >= min_seconds - 1e-6]
    if len(kept) < 2:
        raise ManifestError(
            "evaluate",
            None,
            f"{len(kept)} of {len(pairs)} rows last {min_seconds:g} s; at least 2 must. Lower --min-seconds.",
        )
    length = min(MAX_SECONDS, min(pair.seconds for pair in kept))
    length = np.floor(length / model.config.hop + 1e-6) * model.config.hop
    tell = progress or (lambda done, total: None)
    protocols = {}
    for k, (name, score) in enumerate(PROTOCOLS.items()):
        protocols[name] = protocol_of(kept, score(kept, model, calibration, float(length)))
        tell(k + 1, len(PROTOCOLS))
    left_out = tuple(pair.id for pair in pairs if pair not in kept)
    return Evaluation(float(length), len(kept), left_out, protocols, untrained(kept, float(length)))


def _aligned(pairs: list[Pair], model: TwoTowerModel, calibration: Calibration | None, seconds: float) -> np.ndarray:
    return final(aligned_scores(pairs, model, seconds), calibration, seconds)


def _searched(pairs: list[Pair], model: TwoTowerModel, calibration: Calibration | None, seconds: float) -> np.ndarray:
    """The middle two thirds of the clip against the whole audio of each row."""
    clips = [model.embed(middle(pair.video, seconds), "video") for pair in pairs]
    once = {id(pair.audio): model.embed(pair.audio, "audio") for pair in pairs}
    music = [once[id(pair.audio)] for pair in pairs]
    bonus = BONUS if calibration is None else calibration.bonus
    return final(searched_scores(clips, music, bonus), calibration, clips[0].duration)


def _apart(pairs: list[Pair], model: TwoTowerModel, calibration: Calibration | None, seconds: float) -> np.ndarray:
    """The first half of the video and the second half of the audio, by the vectors alone."""
    clips = [model.embed(span(p.video, 0, seconds / 2), "video") for p in pairs]
    music = [model.embed(span(p.audio, p.start + seconds / 2, seconds / 2), "audio") for p in pairs]
    return cosines(clips, music)


PROTOCOLS: dict[str, Callable[[list[Pair], TwoTowerModel, Calibration | None, float], np.ndarray]] = {
    "aligned": _aligned,
    "searched": _searched,
    "apart": _apart,
}
