"""The joint loss of a two-part embedding: a pair loss on the vectors and one on the sequences, in both directions."""

import torch
from torch import Tensor, nn

from crossmodal.losses.base import PairLoss
from crossmodal.losses.batch import PairBatch, SideBatch
from crossmodal.similarity.sequences import aligned
from crossmodal.similarity.vectors import Similarity, pairwise


class CrossModalLoss(nn.Module):
    """`vector_weight * L_vectors + sequence_weight * L_sequences`, each the mean of video to music and music to video.

    Args:
        vectors: pair loss on the global vectors, or None for none; its `expects` says how vectors are compared.
        sequences: pair loss on the aligned sequences, or None for none; it must expect a bounded similarity.
        vector_weight: at least 0.
        sequence_weight: at least 0.

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
        vector_weight: float = 1.0,
        sequence_weight: float = 1.0,
    ) -> None:
        super().__init__()
        if vectors is None and sequences is None:
            raise ValueError("CrossModalLoss: vectors and sequences are both None; at least one needs a loss")
        if sequences is not None and sequences.expects is not Similarity.BOUNDED:
            raise ValueError(
                f"CrossModalLoss: sequences is {type(sequences).__name__}, which expects {sequences.expects.value}; "
                "sequences are compared by a bounded similarity"
            )
        self.vectors, self.sequences = vectors, sequences
        self.weights = {"vectors": vector_weight, "sequences": sequence_weight}

    def forward(self, batch: PairBatch) -> Tensor:
        """The weighted sum of `terms`, a scalar.

        Raises:
            ValueError: a side lacks what a loss needs, or the sides do not fit each other.
        """
        return torch.stack([self.weights[name] * term for name, term in self.terms(batch).items()]).sum()

    def terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """The parts by name (`vectors`, `sequences`), each a scalar without its weight."""
        terms = {}
        if self.vectors is not None:
            sim = self._vector_similarity(self.vectors, batch)
            terms["vectors"] = _both_ways(self.vectors, sim, batch, *batch.vector_pairs())
        if self.sequences is not None:
            sim = _sequence_similarity(batch)
            terms["sequences"] = _both_ways(self.sequences, sim, batch, *batch.sequence_pairs())
        return terms

    def after_step(self) -> None:
        """Bring learned constants back into their range; to be called after each step of the optimiser."""
        for loss in (self.vectors, self.sequences):
            if loss is not None:
                loss.after_step()

    @staticmethod
    def _vector_similarity(loss: PairLoss, batch: PairBatch) -> Tensor:
        video, audio = _present("vectors", batch.video, batch.audio)
        if video.shape[1] != audio.shape[1]:
            raise ValueError(
                f"CrossModalLoss: video is {tuple(video.shape)} and audio is {tuple(audio.shape)}; "
                "both must be (rows, D) with one D."
            )
        return pairwise(loss.expects)(video, audio)


def _sequence_similarity(batch: PairBatch) -> Tensor:
    video, audio = _present("sequences", batch.video, batch.audio)
    video_mask, audio_mask = _present("masks", batch.video, batch.audio)
    return aligned(video, audio, video_mask, audio_mask)


def _present(name: str, video: SideBatch, audio: SideBatch) -> tuple[Tensor, Tensor]:
    parts = getattr(video, name), getattr(audio, name)
    for side, part in zip(("video", "audio"), parts, strict=True):
        if part is None:
            raise ValueError(f"CrossModalLoss: {side}.{name} is None, but the loss on {name} needs it")
    return parts


def _both_ways(loss: PairLoss, sim: Tensor, batch: PairBatch, is_pos: Tensor, ignore: Tensor) -> Tensor:
    to_music = loss(sim, is_pos, ignore, batch.video.weight)
    to_video = loss(sim.T, is_pos.T, ignore.T, batch.audio.weight)
    return (to_music + to_video) / 2
