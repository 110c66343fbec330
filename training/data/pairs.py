"""Pairs of Features: what training, evaluation and calibration are fed with."""

from dataclasses import dataclass, field

from crossmodal.features.features import Features


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A clip and its music.

    Args:
        id: unique.
        music_id: equal ids are the same music.
        group: source; rows of one group stand or fall together.
        video: Features of the clip.
        audio: Features of the whole audio that is searched.
        start: second of the audio at which the clip begins.
        end: second of the audio at which the part that counts ends; None is its end.
        domain: where the pair comes from: pairs of two domains are neither right nor wrong.
        weight: of the row in the loss.
        labels: name -> its values, such as genre or mood.
    """

    id: str
    music_id: str
    group: str
    video: Features
    audio: Features
    start: float = 0.0
    end: float | None = None
    domain: str = "manifest"
    weight: float = 1.0
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long clip and music run together from the clip's beginning."""
        end = self.audio.duration if self.end is None else min(self.end, self.audio.duration)
        return min(self.video.duration, end - self.start)


def span(features: Features, start: float, seconds: float) -> Features:
    """A part of a medium, as a slice of its rows; `start` is rounded to a hop."""
    first = round(start / features.hop)
    last = min(first + round(seconds / features.hop), len(features.values))
    return Features(
        values=features.values[first:last],
        seen=features.seen[first:last],
        hop=features.hop,
        duration=(last - first) * features.hop,
        silent=features.silent,
        warnings=features.warnings,
        loudness_lufs=features.loudness_lufs,
        peak_dbfs=features.peak_dbfs,
    )
