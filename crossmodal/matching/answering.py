"""From a ranked candidate to a Match: start, moments, reasons, other places."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from crossmodal.catalogue import Track
from crossmodal.embedding import Embedding
from crossmodal.matching.calibration import Calibration
from crossmodal.matching.comparing import Scores
from crossmodal.matching.placing import Steps, clock, closest, place
from crossmodal.matching.results import Match, OtherPlace, Reason, To

STILL = Reason("still", "Nothing moves in the clip, so only its overall character was compared.")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """The medium that was asked about. Fields `hop`, `calibration`: of the model."""

    query: Embedding
    to: To
    hop: float
    calibration: Calibration | None

    @property
    def steps(self) -> Steps:
        """Its sequence."""
        return torch.from_numpy(self.query.sequence), torch.from_numpy(self.query.seen)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A candidate that is shown.

    Args:
        track: it.
        steps: its sequence.
        scores: of it alone.
        percentile: NaN where the library is too small.
        recording: further tracks of the same recording, with their files.
    """

    track: Track
    steps: Steps
    scores: Scores
    percentile: float
    recording: Sequence[Track]


def make_match(asked: Asked, found: Found) -> Match:
    """What a person is told of a candidate."""
    is_music = asked.to == "music"
    clip, track = (asked.steps, found.steps) if is_music else (found.steps, asked.steps)
    clip_duration, track_duration = asked.query.duration, found.track.duration
    if not is_music:
        clip_duration, track_duration = track_duration, clip_duration
    is_alone = not np.isfinite(found.scores.s_seq[0])  # the vectors were compared alone
    placing = place(
        clip,
        track,
        int(found.scores.start[0]),
        asked.hop,
        g=float(found.scores.g[0]),
        calibration=asked.calibration,
        is_still=is_alone,
    )
    length = max(min(clip_duration, track_duration - placing.start), 0.0)
    is_short = track_duration < clip_duration - asked.hop
    best = closest(placing, asked.hop)
    short = Reason("short", f"The music ends after {clock(track_duration)}, before the clip does.")
    score = float(found.scores.score[0])
    is_scored = asked.calibration is not None
    has_sequence = clip[0].shape[1] > 0
    return Match(
        track=found.track,
        score=score if is_scored else None,
        percentile=None if np.isnan(found.percentile) else float(found.percentile),
        start=placing.start,
        alternatives=placing.alternatives,
        length=round(length, 3),
        moments=placing.moments,
        reasons=tuple(
            reason
            for reason, holds in ((STILL, is_alone and has_sequence), (short, is_short), (best, not is_alone))
            if holds and reason is not None
        ),
        word=asked.calibration.limits.word(score) if asked.calibration is not None else None,
        is_short=is_short,
        other_places=_other_places(found, placing.start) if is_music else _other_places(found, None),
    )


def _other_places(found: Found, start: float | None) -> tuple[OtherPlace, ...]:
    """Further files: of this content, then of the recording; a file whose clock differs has a start of its own."""
    own = found.track
    places = [OtherPlace(path, start or 0.0) for path in own.places if path != own.path]
    for other in found.recording:
        shift = other.recording_offset - own.recording_offset if start is not None else 0.0
        shifted = round(max((start or 0.0) + shift, 0.0), 3)
        places += [OtherPlace(path, shifted) for path in other.places]
    return tuple(places)
