"""Batches of curves: passages cut at random from pairs.

Every draw depends on (seed, step) alone, so that a run that was killed goes on with the same rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crossmodal.model import TwoTowerModel
from training.data.disturb import row_seed, stretched
from training.data.labels import Labels
from training.data.pairs import Pair


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """One side of a batch: values (N, T, C) float32, mask (N, T) bool."""

    values: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Passages of N pairs of one domain.

    Args:
        video, audio: the same passage of both sides.
        ids: (N,) int64: music of the row.
        weight: (N,) float32.
        domain: name.
        keys: N ids of the rows.
        labels: (N,) int64, -1 where unknown; None: no label is trained on.
    """

    video: Rows
    audio: Rows
    ids: Tensor
    weight: Tensor
    domain: str
    keys: tuple[str, ...]
    labels: Tensor | None = None

    def part(self, rank: int, world: int) -> "Batch":
        """The rows of one process of `world`: a stretch of them, empty where there are fewer rows than processes."""
        n = len(self.keys)
        rows = slice(n * rank // world, n * (rank + 1) // world)
        video, audio = (Rows(side.values[rows], side.mask[rows]) for side in (self.video, self.audio))
        labels = None if self.labels is None else self.labels[rows]
        return Batch(video, audio, self.ids[rows], self.weight[rows], self.domain, self.keys[rows], labels)


class Batches:
    """Draws batches from domains of pairs.

    Args:
        domains: name -> pairs.
        shares: name -> how often a batch comes from it; need not sum to 1.
        size: rows a batch; shrinks to the number of musics of a domain.
        passage: shortest and longest seconds of the passages; one length a batch.
        seed: of all draws.
        label: name of the label whose classes a batch names, or `music_id`; None: none.
        per_class: rows of each class in a batch, drawn by `label`; 0: each music once.
        time: `aligned`: both sides of a row show the same passage; `shuffled`: the music's is drawn by itself.
        hop: seconds from row to row; None: that of the pairs' Features.
        tempo: both sides of a row are slowed down or sped up together, between 1 / (1 + tempo) and 1 + tempo.
    """

    def __init__(
        self,
        domains: dict[str, list[Pair]],
        shares: dict[str, float],
        *,
        size: int,
        passage: tuple[float, float],
        seed: int,
        label: str | None = None,
        per_class: int = 0,
        time: str = "aligned",
        hop: float | None = None,
        tempo: float = 0.0,
    ) -> None:
        self.domains = {name: _by_music(pairs) for name, pairs in domains.items() if pairs and shares.get(name, 0) > 0}
        if not self.domains:
            raise ValueError("Batches: no domain with pairs has a share above 0")
        self.names = sorted(self.domains)
        weights = np.array([shares[name] for name in self.names])
        self.odds = weights / weights.sum()
        every = self.pairs()
        self.ids = {music: k for k, music in enumerate(sorted({pair.music_id for pair in every}))}
        self.labels = None if label is None else Labels(every, label)
        self.hop = every[0].video.hop if hop is None else hop
        self.size, self.passage, self.seed = size, passage, seed
        self.per_class, self.time, self.tempo = per_class, time, tempo
        self.classes = {name: self._by_class(name) for name in self.names} if per_class else {}

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which as many rows are drawn as there are musics."""
        return max(1, round(len(self.ids) / self.size))

    def pairs(self) -> list[Pair]:
        """All pairs that may be drawn."""
        return [pair for musics in self.domains.values() for pairs in musics for pair in pairs]

    def shrunk(self) -> dict[str, int]:
        """Domains with fewer musics than a batch has rows, and how many they have."""
        return {name: len(musics) for name, musics in self.domains.items() if len(musics) < self.size}

    def refresh(self, model: TwoTowerModel) -> None:
        """Told the model after every epoch; what is drawn here does not depend on it."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs beside the step: nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""

    def draw(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng((self.seed, step))
        name = self.names[int(rng.choice(len(self.names), p=self.odds))]
        pairs = self._rows_by_class(name, rng) if self.per_class else self._rows_by_music(name, rng)
        return Batch(
            *self._passages(pairs, rng, step),
            ids=torch.tensor([self.ids[pair.music_id] for pair in pairs]),
            weight=torch.tensor([pair.weight for pair in pairs], dtype=torch.float32),
            domain=name,
            keys=tuple(pair.id for pair in pairs),
            labels=None if self.labels is None else self.labels.draw(pairs, rng),
        )

    def _rows_by_music(self, name: str, rng: np.random.Generator) -> list[Pair]:
        musics = self.domains[name]
        chosen = rng.permutation(len(musics))[: self.size]
        return [musics[k][int(rng.integers(len(musics[k])))] for k in chosen]

    def _rows_by_class(self, name: str, rng: np.random.Generator) -> list[Pair]:
        classes = self.classes[name]
        chosen = rng.permutation(len(classes))[: max(self.size // self.per_class, 1)]
        return [
            pair
            for k in chosen
            for pair in (classes[k][row] for row in rng.permutation(len(classes[k]))[: self.per_class])
        ]

    def _by_class(self, name: str) -> list[list[Pair]]:
        """The pairs of each class of the label; a pair with several values stands in each of them."""
        assert self.labels is not None
        by_class: dict[str, list[Pair]] = {}
        for pair in (pair for pairs in self.domains[name] for pair in pairs):
            for value in self.labels.values(pair):
                by_class.setdefault(value, []).append(pair)
        return [by_class[value] for value in sorted(by_class)]

    def _passages(self, pairs: list[Pair], rng: np.random.Generator, step: int) -> tuple[Rows, Rows]:
        length = round(rng.uniform(*self.passage) / self.hop)
        video, audio = [], []
        for pair in pairs:
            taken = self._taken(pair, length, step)
            start = int(rng.integers(0, max(_steps(pair) - taken, 0) + 1))
            heard = start + round(pair.start / self.hop)
            if self.time == "shuffled":
                heard = int(rng.integers(0, max(len(pair.audio.values) - taken, 0) + 1))
            video.append(stretched(*_cut(pair.video.values, pair.video.seen, start, taken), length))
            audio.append(stretched(*_cut(pair.audio.values, pair.audio.seen, heard, taken), length))
        return _rows(video), _rows(audio)

    def _taken(self, pair: Pair, length: int, step: int) -> int:
        """How many rows of a pair become `length` of them: more where it is sped up, as far as it has them."""
        if not self.tempo:
            return length
        at = np.random.default_rng(row_seed(self.seed, step, pair.id, "tempo")).uniform(-1, 1)
        return min(max(round(length * (1 + self.tempo) ** at), 2), max(_steps(pair), length))


def _rows(cuts: list[tuple[np.ndarray, np.ndarray]]) -> Rows:
    values, masks = zip(*cuts, strict=True)
    return Rows(torch.from_numpy(np.stack(values)), torch.from_numpy(np.stack(masks)))


def _by_music(pairs: list[Pair]) -> list[list[Pair]]:
    by_music: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_music.setdefault(pair.music_id, []).append(pair)
    return [by_music[music] for music in sorted(by_music)]


def _steps(pair: Pair) -> int:
    return min(round(pair.seconds / pair.video.hop), len(pair.video.values))


def _cut(values: np.ndarray, seen: np.ndarray, start: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows [start, start + length); what lies past the end is 0 and unseen."""
    part, mask = values[start : start + length], seen[start : start + length]
    lack = length - len(part)
    if lack > 0:
        part, mask = np.pad(part, ((0, lack), (0, 0))), np.pad(mask, (0, lack))
    return part, mask
