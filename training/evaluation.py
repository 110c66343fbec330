"""How good a model is on pairs: aligned, searched, apart (docs: DESIGN §3.8), beside an untrained row.

All clips are cut to one length, the shortest common span, because a true pair shares its length and a matcher must not
profit from that. A figure is worth nothing without the protocol that it was taken under.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from crossmodal.embedding import Embedding
from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
from crossmodal.errors import ManifestError
from crossmodal.features import Features, Side
from crossmodal.matching.calibration import Calibration, plain_final
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.sequences import aligned
from crossmodal.similarity.spectra import TrackSpectra
from crossmodal.similarity.starts import BONUS, best_starts
from crossmodal.similarity.windows import clip_windows
from training.data.pairs import Pair, span
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


@dataclass(frozen=True, slots=True, eq=False)
class PairScores:
    """What a pair is judged by, for every clip and every music, (N, M) each; NaN where nothing is left to compare."""

    g: np.ndarray
    s_seq: np.ndarray
    n_starts: np.ndarray


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
        protocols[name] = _protocol(kept, score(kept, model, calibration, float(length)))
        tell(k + 1, len(PROTOCOLS))
    left_out = tuple(pair.id for pair in pairs if pair not in kept)
    return Evaluation(float(length), len(kept), left_out, protocols, untrained(kept, float(length)))


def aligned_scores(pairs: list[Pair], model: TwoTowerModel, seconds: float) -> PairScores:
    """The first `seconds` of each clip against the same seconds of each music: one start, no bonus."""
    clips = [model.embed(span(p.video, 0, seconds), "video") for p in pairs]
    music = [model.embed(span(p.audio, p.start, seconds), "audio") for p in pairs]
    sides = [(_stack(side), torch.from_numpy(np.stack([e.seen for e in side]))) for side in (clips, music)]
    (q, q_seen), (a, a_seen) = sides
    s = aligned(q, a, q_seen, a_seen).numpy().astype(np.float64)
    return PairScores(_cosines(clips, music), s, np.ones_like(s))


def searched_scores(clips: list[Embedding], music: list[Embedding], bonus: float) -> PairScores:
    """Each clip at every start of each music, as a match does it."""
    tracks = TrackSpectra.of([(torch.from_numpy(e.sequence), torch.from_numpy(e.seen)) for e in music])
    found = [
        best_starts(clip_windows(torch.from_numpy(e.sequence), torch.from_numpy(e.seen)), tracks, bonus=bonus)
        for e in clips
    ]
    s = np.stack([f.s_seq.numpy() for f in found]).astype(np.float64)
    return PairScores(
        _cosines(clips, music), np.where(np.isfinite(s), s, np.nan), np.stack([f.n_starts.numpy() for f in found])
    )


def final(scores: PairScores, calibration: Calibration | None, seconds: float) -> np.ndarray:
    """The score that ranks, (N, M)."""
    if calibration is not None:
        return calibration.final(scores.g, scores.s_seq, seconds, scores.n_starts)
    return plain_final(scores.g, scores.s_seq)


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
    return _cosines(clips, music)


PROTOCOLS: dict[str, Callable[[list[Pair], TwoTowerModel, Calibration | None, float], np.ndarray]] = {
    "aligned": _aligned,
    "searched": _searched,
    "apart": _apart,
}


def middle(features: Features, seconds: float) -> Features:
    """The middle two thirds of the first `seconds`."""
    return span(features, seconds / 6, 2 * seconds / 3)


def untrained(pairs: list[Pair], seconds: float) -> dict[str, Protocol]:
    """What motion against loudness reaches without any learning: correlation over time, at the best start if searched.

    *apart* compares the autocorrelations of the two curves (0.1-4.8 s): their pulse. Empty where there are no curves.
    """
    if any(_widths(pair) != (len(VIDEO_CHANNELS), len(AUDIO_CHANNELS)) for pair in pairs):
        return {}
    motion = [_curve(span(p.video, 0, seconds), "video") for p in pairs]
    loudness = [_curve(span(p.audio, p.start, seconds), "audio") for p in pairs]
    half = len(motion[0]) // 2
    clips = [_curve(middle(p.video, seconds), "video") for p in pairs]
    whole = [_curve(p.audio, "audio") for p in pairs]
    pulses = [np.stack([_pulse(c[:half]) for c in motion]), np.stack([_pulse(c[half:]) for c in loudness])]
    return {
        "aligned": _protocol(pairs, _unit(np.stack(motion)) @ _unit(np.stack(loudness)).T),
        "searched": _protocol(pairs, np.stack([_slide(np.stack(clips), track) for track in whole], axis=1)),
        "apart": _protocol(pairs, _unit(pulses[0]) @ _unit(pulses[1]).T),
    }


def _widths(pair: Pair) -> tuple[int, int]:
    return pair.video.values.shape[1], pair.audio.values.shape[1]


def _curve(features: Features, side: Side) -> np.ndarray:
    names, name = (VIDEO_CHANNELS, "motion") if side == "video" else (AUDIO_CHANNELS, "rms")
    return features.values[:, names.index(name)].astype(np.float64)


def _slide(clips: np.ndarray, track: np.ndarray) -> np.ndarray:
    """(N,) best correlation of each clip (N, T) with any stretch of the track."""
    windows = np.lib.stride_tricks.sliding_window_view(track, min(clips.shape[1], len(track)))
    return (_unit(clips[:, : windows.shape[1]]) @ _unit(windows).T).max(axis=1)


def _pulse(curve: np.ndarray, lags: int = 48) -> np.ndarray:
    centred = curve - curve.mean()
    return np.array([np.dot(centred[lag:], centred[:-lag]) for lag in range(1, min(lags, len(curve) - 2) + 1)])


def _unit(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _protocol(pairs: list[Pair], sim: np.ndarray) -> Protocol:
    return Protocol(sim, np.array([p.music_id for p in pairs]), np.array([p.group for p in pairs]))


def _stack(side: list[Embedding]) -> torch.Tensor:
    return torch.from_numpy(np.stack([e.sequence for e in side]))


def _cosines(clips: list[Embedding], music: list[Embedding]) -> np.ndarray:
    return (
        np.stack([e.vector for e in clips]).astype(np.float64)
        @ np.stack([e.vector for e in music]).astype(np.float64).T
    )
