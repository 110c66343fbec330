"""Batches of rows that the model takes for each other, found anew after every epoch."""

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np

from crossmodal.model import TwoTowerModel
from crossmodal.sampling import HardNegativeBatches
from training.data.batches import Batches
from training.data.pairs import Pair, span
from training.evaluation.every_epoch import embed_all

SECONDS = 12.0  # of each side that are looked at
CHOICE = 4  # times as many neighbours as are brought along: which of them is drawn


class HardBatches(Batches):
    """As `Batches`, but each anchor brings along rows whose music lies near its clip, by the vectors.

    The rows of an epoch are planned by `crossmodal.sampling.HardNegativeBatches`; its nearest 1 % and other rows of
    the same music are never brought along. The first epoch knows no neighbours. Batches must be drawn in order.

    Args:
        per_anchor: rows that an anchor brings along, at least 1.
        settings: those of `Batches`.
    """

    def __init__(self, *domains_and_shares: Any, per_anchor: int, **settings: Any) -> None:
        super().__init__(*domains_and_shares, **settings)
        self._pairs = {name: [pair for pairs in musics for pair in pairs] for name, musics in self.domains.items()}
        self._music: dict[str, faiss.IndexFlatIP] = {}
        self._samplers = {name: self._sampler(name, per_anchor) for name in self.names}
        self._streams = {name: _endless(sampler) for name, sampler in self._samplers.items()}

    def refresh(self, model: TwoTowerModel) -> None:
        """Find the neighbours by the model as it is; they serve from the next epoch of each domain."""
        for name, pairs in self._pairs.items():
            seconds = min(SECONDS, min(pair.seconds for pair in pairs))
            clips = embed_all([span(pair.video, 0, seconds) for pair in pairs], model, "video")[0].cpu().numpy()
            music = (
                embed_all([span(pair.audio, pair.start, seconds) for pair in pairs], model, "audio")[0].cpu().numpy()
            )
            self._music[name] = faiss.IndexFlatIP(music.shape[1])
            self._music[name].add(np.ascontiguousarray(music))
            self._samplers[name].refresh(clips)

    def state_dict(self) -> dict[str, Any]:
        """Where each domain stands, and the neighbours in use."""
        return {name: sampler.state_dict() for name, sampler in self._samplers.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        for name, sampler in self._samplers.items():
            sampler.load_state_dict(state[name])
            self._streams[name] = _endless(sampler)

    def _rows_by_music(self, name: str, rng: np.random.Generator) -> list[Pair]:
        return [self._pairs[name][row] for row in next(self._streams[name])]

    def _sampler(self, name: str, per_anchor: int) -> HardNegativeBatches:
        tracks = [pair.music_id for pair in self._pairs[name]]
        size = min(self.size, len(self.domains[name]))

        def neighbours(vectors: np.ndarray, k: int) -> np.ndarray:
            rows: np.ndarray = self._music[name].search(np.ascontiguousarray(vectors), k)[1]
            return rows

        return HardNegativeBatches(
            tracks, size, neighbours, per_anchor=per_anchor, pool=CHOICE * per_anchor, seed=self.seed
        )


def _endless(sampler: HardNegativeBatches) -> Iterator[list[int]]:
    while True:
        yield from sampler
