"""Does a matcher use anything but picture and sound? Sounds are swapped inside each source, as media, and it is asked.

A file that kept its picture carries the sound of another file of its group now: written anew with one codec, at one
length, without names and tags. Whoever still finds the file itself by its picture reads an id, a length or a cache.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal.features import FeatureStore
from crossmodal.manifest import Row
from crossmodal.matching.calibration import Calibration
from crossmodal.media import guard
from crossmodal.metrics import Standings, standings
from crossmodal.model import TwoTowerModel
from training.data.pairs import Pair
from training.evaluation.scores import aligned_scores, final
from training.rewriting import rewrite

SECONDS = 8.0
MOST_ROWS = 60
SURE = 0.01  # below this share of random orders that find as much, it is no luck
ORDERS = 2000
Matcher = Callable[[list[Path]], np.ndarray]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Swapped:
    """A file with the picture of one row and the sound of another of its group.

    Args:
        path: of the file; its name says nothing.
        group: source of both.
        picture, sound: ids of the rows that they are of.
    """

    path: Path
    group: str
    picture: str
    sound: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """What a matcher found among the files of each clip's own group.

    Args:
        rows, groups: how many were asked.
        old: share of the clips that find the file which carries their old id (their own file, with a foreign sound).
        moved: share of the clips that find the file to which their own sound has moved.
        chance: of either.
        p: share of random orders of the files that find the old ids as often.
    """

    rows: int
    groups: int
    old: float
    moved: float
    chance: float
    p: float

    @property
    def is_leaking(self) -> bool:
        """Whether old ids are found more often than luck allows."""
        return self.old > self.chance and self.p < SURE

    def summary(self) -> dict[str, object]:
        """For JSON."""
        return {
            "rows": self.rows,
            "groups": self.groups,
            "old_id_recall@1": self.old,
            "own_sound_recall@1": self.moved,
            "chance": self.chance,
            "p": self.p,
            "is_leaking": self.is_leaking,
        }


def swap_sounds(
    rows: Sequence[Row], folder: Path, *, seconds: float = SECONDS, progress: Progress | None = None
) -> list[Swapped]:
    """Write a file for each row with another row's sound, all alike; one row a music, groups of two musics and more.

    Args:
        rows: of a manifest; at most 60 are taken.
        folder: for the files, mp4.
        seconds: length of all; what ends before is filled with its last frame, and with silence.
        progress: told (done, total).

    Raises:
        MediaError: a file cannot be read.
    """
    chosen = _partners(rows)
    order = np.random.default_rng(0).permutation(len(chosen))  # names in no order that a row has
    files = []
    for k, (row, partner) in enumerate(chosen):
        path = folder / f"{order[k]:04d}.mp4"
        sound = partner.audio or partner.video
        begins = (row.video_start or 0.0, partner.audio_start or 0.0)
        guard.run(rewrite, row.video, str(sound), str(path), begins, seconds)
        files.append(Swapped(path, row.group or "", row.id, partner.id))
        if progress is not None:
            progress(k + 1, len(chosen))
    return files


def leaks(files: Sequence[Swapped], matcher: Matcher) -> Leaks:
    """Ask a matcher for the music of each picture among the files of its group.

    Args:
        files: of `swap_sounds`.
        matcher: paths -> (N, N), how well the picture of each file goes with the sound of each.

    Raises:
        ValueError: no files: no group has two musics.
    """
    if not files:
        raise ValueError("leaks: no group has rows of two musics; nothing can be swapped")
    sim = np.asarray(matcher([file.path for file in files]), np.float64)
    groups, sounds = np.array([f.group for f in files]), np.array([f.sound for f in files])
    apart = groups[:, None] != groups[None, :]
    old = np.eye(len(files), dtype=bool)
    moved = np.array([f.picture for f in files])[:, None] == sounds[None, :]
    found = _hits(sim, old, apart)
    rng, members = np.random.default_rng(0), [np.flatnonzero(groups == group) for group in np.unique(groups)]
    as_often = [_hits(sim[:, _shuffled(rng, members)], old, apart) >= found - 1e-9 for _ in range(ORDERS)]
    return Leaks(
        rows=len(files),
        groups=len(members),
        old=found,
        moved=_hits(sim, moved, apart),
        chance=float(np.mean(1 / (~apart).sum(axis=1))),
        p=(1 + sum(as_often)) / (1 + ORDERS),
    )


def model_matcher(model: TwoTowerModel, calibration: Calibration | None, store: FeatureStore) -> Matcher:
    """A model as a matcher of files, by the aligned protocol and through the store, as training reads them."""

    def match(paths: list[Path]) -> np.ndarray:
        pairs = []
        for path in paths:
            video, audio = (store.features(model.encoders[side], path) for side in ("video", "audio"))
            pairs.append(Pair(str(path), str(path), "", video, audio))
        hop = model.config.hop
        seconds = float(np.floor(min(pair.seconds for pair in pairs) / hop + 1e-6) * hop)
        return final(aligned_scores(pairs, model, seconds), calibration, seconds)

    return match


def _partners(rows: Sequence[Row]) -> list[tuple[Row, Row]]:
    """(row, the row whose sound it gets): the next music of its group, in order of the ids."""
    by_group: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row.id):
        by_group[row.group or row.id].setdefault(row.music_id or row.id, row)
    chosen: list[tuple[Row, Row]] = []
    for members in (list(group.values()) for group in by_group.values()):
        members = members[: MOST_ROWS - len(chosen)]
        if len(members) > 1:
            chosen += zip(members, members[1:] + members[:1], strict=True)
    return chosen


def _hits(sim: np.ndarray, is_pos: np.ndarray, ignore: np.ndarray) -> float:
    found: Standings = standings(sim, is_pos, ignore & ~is_pos)
    return float(found.hits(1).mean())


def _shuffled(rng: np.random.Generator, members: list[np.ndarray]) -> np.ndarray:
    """An order of the files that keeps groups together."""
    order = np.empty(sum(len(rows) for rows in members), np.int64)
    for rows in members:
        order[rows] = rng.permutation(rows)
    return order
