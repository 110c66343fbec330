"""The joint loss of a two-part embedding: pair losses on vectors and sequences, both directions, and further terms."""

import torch
from torch import Tensor, nn

from crossmodal.losses.base import PairLoss
from crossmodal.losses.batch import PairBatch, SideBatch
from crossmodal.losses.margin import MarginClass
from crossmodal.losses.proxy_base import ProxyLoss
from crossmodal.losses.structure import StructureLoss
from crossmodal.similarity.sequences import aligned
from crossmodal.similarity.vectors import Similarity, pairwise


class CrossModalLoss(nn.Module):
    """The weighted sum of the terms that are given; pair losses are the mean of video to music and music to video.

    Args:
        vectors: pair loss on the global vectors; its `expects` says how vectors are compared.
        sequences: pair loss on the aligned sequences; it must expect a bounded similarity. One whose targets suppose
            similarities near 1 (`near_one`) sees them after a learned affine map.
        within: pair loss on the vectors of each side among themselves; a row does not meet itself.
        labels: pair loss, proxy loss or `MarginClass` by label, on `label_vectors`, or on the vectors where there are
            none. A pair with an unknown label is ignored. With `vectors` by id it is the semi-supervised blend of
            Control-MVR: the model keeps both projections as views, and the share of each is chosen at query time.
        structure: on each side that has features, from these to the vectors.
        vector_weight, sequence_weight, within_weight, label_weight, structure_weight: at least 0.
        direction_weights: of video to music and of music to video; their mean is taken. CBVMR has 1 and 3.

    Raises:
        ValueError: no loss at all, or one that sequences cannot serve.

    Example:
        >>> side = SideBatch(torch.tensor([7, 3]), vectors=torch.eye(2))
        >>> loss = CrossModalLoss(vectors=InfoNCE(logit_scale=10))(PairBatch(side, side))
        >>> round(loss.item(), 6)
        4.5e-05
    """

    def __init__(
        self,
        vectors: PairLoss | None = None,
        sequences: PairLoss | None = None,
        *,
        within: PairLoss | None = None,
        labels: PairLoss | ProxyLoss | MarginClass | None = None,
        structure: StructureLoss | None = None,
        vector_weight: float = 1.0,
        sequence_weight: float = 1.0,
        within_weight: float = 1.0,
        label_weight: float = 1.0,
        structure_weight: float = 1.0,
        direction_weights: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        super().__init__()
        if not any(loss is not None for loss in (vectors, sequences, within, labels, structure)):
            raise ValueError("CrossModalLoss: no loss is given; at least one is needed")
        if sequences is not None and sequences.expects is not Similarity.BOUNDED:
            raise ValueError(
                f"CrossModalLoss: sequences is {type(sequences).__name__}, which expects {sequences.expects.value}; "
                "sequences are compared by a bounded similarity"
            )
        self.vectors, self.sequences, self.within = vectors, sequences, within
        self.labels, self.structure = labels, structure
        self.sequence_map = AffineMap() if sequences is not None and sequences.near_one else None
        self.direction_weights = direction_weights
        self.weights = {
            "vectors": vector_weight,
            "sequences": sequence_weight,
            "within": within_weight,
            "labels": label_weight,
            "structure": structure_weight,
        }

    def forward(self, batch: PairBatch) -> Tensor:
        """The weighted sum of `terms`, a scalar.

        Raises:
            ValueError: a side lacks what a loss needs, or the sides do not fit each other.
        """
        return torch.stack([self.weights[name] * term for name, term in self.terms(batch).items()]).sum()

    def terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """The parts by name (`vectors`, `sequences`, `within`, `labels`, `structure`), each without its weight."""
        terms = {}
        if self.vectors is not None:
            sim = _vector_similarity(self.vectors, *_present("vectors", batch))
            terms["vectors"] = self._both_ways(self.vectors, sim, batch, *batch.vector_pairs())
        if self.sequences is not None:
            sim = _sequence_similarity(batch)
            sim = sim if self.sequence_map is None else self.sequence_map(sim)
            terms["sequences"] = self._both_ways(self.sequences, sim, batch, *batch.sequence_pairs())
        if self.within is not None:
            rows = zip((batch.video, batch.audio), _present("vectors", batch), strict=True)
            terms["within"] = torch.stack([_among(self.within, side, vectors) for side, vectors in rows]).mean()
        if self.labels is not None:
            terms["labels"] = self._by_label(self.labels, batch)
        if self.structure is not None:
            terms["structure"] = _structure(self.structure, batch)
        return terms

    def after_step(self) -> None:
        """Bring learned constants back into their range; to be called after each step of the optimiser."""
        for loss in (self.vectors, self.sequences, self.within, self.labels, self.sequence_map):
            if loss is not None:
                loss.after_step()

    def _by_label(self, loss: PairLoss | ProxyLoss | MarginClass, batch: PairBatch) -> Tensor:
        video_labels, audio_labels = _present("labels", batch)
        video, audio = _label_vectors(batch)
        if isinstance(loss, ProxyLoss):
            weight = torch.cat([_weights(batch.video), _weights(batch.audio)])
            return loss(torch.cat([video, audio]), torch.cat([video_labels, audio_labels]), weight)
        is_pos, ignore = batch.label_pairs()
        sim = _vector_similarity(loss, video, audio)
        if isinstance(loss, PairLoss):
            return self._both_ways(loss, sim, batch, is_pos, ignore)
        to_music = loss(sim, video_labels, is_pos, ignore, batch.video.weight)
        return self._mean(to_music, loss(sim.T, audio_labels, is_pos.T, ignore.T, batch.audio.weight))

    def _both_ways(self, loss: PairLoss, sim: Tensor, batch: PairBatch, is_pos: Tensor, ignore: Tensor) -> Tensor:
        to_music = loss(sim, is_pos, ignore, batch.video.weight)
        return self._mean(to_music, loss(sim.T, is_pos.T, ignore.T, batch.audio.weight))

    def _mean(self, to_music: Tensor, to_video: Tensor) -> Tensor:
        return (self.direction_weights[0] * to_music + self.direction_weights[1] * to_video) / 2


class AffineMap(nn.Module):
    """`scale * sim + shift`, both learned, scale above 0: sequences that fit well have similarities far below 1."""

    MOST = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.shift = nn.Parameter(torch.zeros(()))

    def forward(self, sim: Tensor) -> Tensor:
        return sim * self.log_scale.to(sim.dtype).exp() + self.shift.to(sim.dtype)

    @torch.no_grad()
    def after_step(self) -> None:
        """Hold the scale between 1 and 10 and the shift within plus and minus 1: a scale of 0 would please any loss."""
        self.log_scale.clamp_(0, torch.tensor(self.MOST).log().item())
        self.shift.clamp_(-1, 1)


def _vector_similarity(loss: PairLoss | MarginClass, video: Tensor, audio: Tensor) -> Tensor:
    if video.shape[1] != audio.shape[1]:
        raise ValueError(
            f"CrossModalLoss: video is {tuple(video.shape)} and audio is {tuple(audio.shape)}; "
            "both must be (rows, D) with one D."
        )
    return pairwise(loss.expects)(video, audio)


def _sequence_similarity(batch: PairBatch) -> Tensor:
    return aligned(*_present("sequences", batch), *_present("masks", batch))


def _among(loss: PairLoss, side: SideBatch, vectors: Tensor) -> Tensor:
    is_pos, ignore = side.pairs_among()
    return loss(pairwise(loss.expects)(vectors, vectors), is_pos, ignore, side.weight)


def _structure(loss: StructureLoss, batch: PairBatch) -> Tensor:
    values = []
    for side, vectors in zip((batch.video, batch.audio), _present("vectors", batch), strict=True):
        before = side.features if loss.looks_before else vectors
        if before is not None:
            values.append(loss(before, vectors))
    if not values:
        raise ValueError("CrossModalLoss: features is None on both sides, but the loss on structure needs it on one")
    return torch.stack(values).mean()


def _label_vectors(batch: PairBatch) -> tuple[Tensor, Tensor]:
    if batch.video.label_vectors is None and batch.audio.label_vectors is None:
        return _present("vectors", batch)
    return _present("label_vectors", batch)


def _weights(side: SideBatch) -> Tensor:
    return torch.ones(side.ids.shape, device=side.ids.device) if side.weight is None else side.weight


def _present(name: str, batch: PairBatch) -> tuple[Tensor, Tensor]:
    video, audio = getattr(batch.video, name), getattr(batch.audio, name)
    for label, part in (("video", video), ("audio", audio)):
        if part is None:
            raise ValueError(f"CrossModalLoss: {label}.{name} is None, but the loss on {_TERM[name]} needs it")
    return video, audio


_TERM = {
    "vectors": "vectors",
    "sequences": "sequences",
    "masks": "sequences",
    "labels": "labels",
    "label_vectors": "labels",
}
