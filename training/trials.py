"""What a calibration is fitted on: clips of every length, searched in whole tracks as a match does it.

Pairs of a training manifest are often short. Their music is therefore set among other music, end to end, so that each
clip has as many places to go wrong as in a real track; its vector stays that of the music alone.
"""

from dataclasses import dataclass, replace

import numpy as np

from crossmodal.embedding import Embedding
from crossmodal.model import TwoTowerModel
from crossmodal.similarity.starts import BONUS
from training.data.pairs import Pair, span
from training.evaluation import PairScores, aligned_scores, searched_scores

LENGTHS = (1.0, 2.0, 4.0, 8.0, 12.0, 20.0, 30.0, 50.0)  # seconds of the clip
TRACK_SECONDS = (60.0, 150.0)  # a whole track lasts so long at least; drawn for each
MOST_PLACES = 3  # clips of one length out of one pair, side by side:
PLACES_FROM = 16.0  # from so many seconds on, where pairs are few; below, one
FEWEST_CLIPS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Clips of one length against tracks.

    Args:
        seconds: of the clips.
        scores: (N, M).
        own: (N,) int: the column of each clip's own track.
        unrelated: (N, M) bool: another music, of another source.
    """

    seconds: float
    scores: PairScores
    own: np.ndarray
    unrelated: np.ndarray

    def true(self, standing: np.ndarray) -> np.ndarray:
        """(N,) of (N, M): each clip with its own track."""
        return standing[np.arange(len(self.own)), self.own]


def aligned_trials(pairs: list[Pair], model: TwoTowerModel) -> list[Trial]:
    """Every clip on every music, both from the pair's beginning: tracks no longer than the clip."""
    trials = []
    for seconds in LENGTHS:
        kept = [pair for pair in pairs if pair.seconds >= seconds - 1e-6]
        if len(kept) >= FEWEST_CLIPS:
            found = aligned_scores(kept, model, seconds)
            scores = replace(found, s_seq=found.s_seq + BONUS)  # as a match favours the start at 0
            unrelated = np.array([[_differ(clip, track.music_id, {track.group}) for track in kept] for clip in kept])
            trials.append(Trial(seconds, scores, np.arange(len(kept)), unrelated))
    return trials


def searched_trials(pairs: list[Pair], model: TwoTowerModel) -> list[Trial]:
    """Clips of every length, as far as the pairs are long enough, in whole tracks."""
    pieces = [model.embed(pair.audio, "audio") for pair in pairs]
    tracks, groups = zip(*(_whole_track(pairs, pieces, k) for k in range(len(pairs))), strict=True)
    differ = np.array(
        [[_differ(clip, track.music_id, groups[j]) for j, track in enumerate(pairs)] for clip in pairs]
    )  # (P, P)
    trials = []
    for seconds in LENGTHS:
        own = [k for k, pair in enumerate(pairs) for _ in _places(pair, seconds)]
        if len(set(own)) >= FEWEST_CLIPS:
            clips = [
                model.embed(span(pair.video, place, seconds), "video")
                for pair in pairs
                for place in _places(pair, seconds)
            ]
            scores = searched_scores(clips, list(tracks), BONUS)
            trials.append(Trial(seconds, scores, np.array(own), differ[own]))
    return trials


def _whole_track(pairs: list[Pair], pieces: list[Embedding], k: int) -> tuple[Embedding, frozenset[str]]:
    """The music of a pair among music of a few other sources, and all sources in it."""
    rng = np.random.default_rng((k, 83))
    wanted = rng.uniform(*TRACK_SECONDS)
    others = sorted({pair.group for pair in pairs} - {pairs[k].group})
    inside = {others[n] for n in rng.permutation(len(others))[: max(1, len(others) // 4)]}
    parts = [pieces[k]]
    for other in rng.permutation(len(pairs)):
        if sum(part.duration for part in parts) >= wanted:
            break
        if pairs[other].group in inside and pieces[other].duration < wanted:
            parts.insert(int(rng.integers(2)) * len(parts), pieces[other])  # before or after
    whole = replace(
        pieces[k],
        sequence=np.concatenate([part.sequence for part in parts]),
        seen=np.concatenate([part.seen for part in parts]),
        duration=sum(part.duration for part in parts),
    )
    return whole, frozenset({pairs[k].group, *inside})


def _differ(clip: Pair, music_id: str, groups: set[str] | frozenset[str]) -> bool:
    return clip.music_id != music_id and clip.group not in groups


def _places(pair: Pair, seconds: float) -> list[float]:
    """Where the clips of one length begin in a pair: side by side, evenly; none where it is shorter."""
    count = min(int((pair.seconds + 1e-6) // seconds), MOST_PLACES if seconds >= PLACES_FROM else 1)
    room = pair.seconds - count * seconds
    return [(k + 0.5) * room / count + k * seconds for k in range(count)]
