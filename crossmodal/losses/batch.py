"""A batch of pairs as the losses see it: rows of both sides, and who belongs to whom, by id and never by position."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class SideBatch:
    """One side of a batch: what its tower made of each row, and what the row is.

    Args:
        ids: (N,) int64: the music of the row; equal ids are positives, on whatever rows they stand.
        vectors: (N, D) float, or None where the recipe has no vectors.
        sequences: (N, T, H, d) float, or None.
        masks: (N, T) bool, True where the sequence is seen; needed with `sequences`.
        content: (N,) int64: a number for the audio file (its content hash) that the row plays; None: one file an id.
        spans: (N, 2) float, seconds of that file between which the row lies; None: all rows of an id overlap.
        domain: (N,) int64: the manifest; rows of two domains are ignored for each other. None: one domain.
        weight: (N,) float, at least 0. None: all 1.
        labels: (N,) int64, a class (genre, mood) of the row; -1: unknown. Needed by a loss on labels.
        label_vectors: (N, D) float, the projection that a loss on labels trains; None: the vectors.
        features: (N, D0) float, what the row was before its tower. Needed by most structure losses.
    """

    ids: Tensor
    vectors: Tensor | None = None
    sequences: Tensor | None = None
    masks: Tensor | None = None
    content: Tensor | None = None
    spans: Tensor | None = None
    domain: Tensor | None = None
    weight: Tensor | None = None
    labels: Tensor | None = None
    label_vectors: Tensor | None = None
    features: Tensor | None = None

    def __post_init__(self) -> None:
        rows = self.ids.shape[0] if self.ids.ndim == 1 else -1
        if rows < 0 or self.ids.dtype != torch.int64:
            raise ValueError(f"SideBatch: ids is {tuple(self.ids.shape)} {self.ids.dtype}; it must be (rows,) int64")
        for name, axes in (
            ("vectors", 2),
            ("sequences", 4),
            ("masks", 2),
            ("content", 1),
            ("spans", 2),
            ("domain", 1),
            ("weight", 1),
            ("labels", 1),
            ("label_vectors", 2),
            ("features", 2),
        ):
            value = getattr(self, name)
            if value is not None and (value.ndim != axes or value.shape[0] != rows):
                raise ValueError(
                    f"SideBatch: {name} is {tuple(value.shape)}; it must have {axes} axes and {rows} rows as ids has"
                )
        if self.spans is not None and self.spans.shape[1] != 2:
            raise ValueError(f"SideBatch: spans is {tuple(self.spans.shape)}; it must be ({rows}, 2): start and end")
        if self.labels is not None and self.labels.dtype != torch.int64:
            raise ValueError(f"SideBatch: labels is {self.labels.dtype}; it must be int64")
        if (self.sequences is None) != (self.masks is None):
            raise ValueError("SideBatch: sequences and masks must be given together")

    def pairs_among(self) -> tuple[Tensor, Tensor]:
        """`is_pos` and `ignore`, (N, N) bool, of the rows with each other: a row is neither to itself."""
        own = torch.eye(self.ids.shape[0], dtype=torch.bool, device=self.ids.device)
        return _equal(self.ids, self.ids) & ~own, own | _apart(self, self)


@dataclass(frozen=True, slots=True, eq=False)
class Extra:
    """Pairs that a recipe names beyond what the ids say, (N, M) bool each.

    Args:
        negatives: pairs made negatives, whatever their ids and spans say.
        ignore: pairs made neither, whatever else is said of them.
    """

    negatives: Tensor | None = None
    ignore: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PairBatch:
    """Both sides of a batch; they may have different numbers of rows.

    Args:
        video: N rows.
        audio: M rows.
        vector_extra: further pairs for the vectors' terms.
        sequence_extra: further pairs for the sequences' terms.
    """

    video: SideBatch
    audio: SideBatch
    vector_extra: Extra = Extra()
    sequence_extra: Extra = Extra()

    def vector_pairs(self) -> tuple[Tensor, Tensor]:
        """`is_pos` and `ignore`, (N, M) bool, for the vectors: equal ids are positives, other domains are ignored."""
        same = _equal(self.video.ids, self.audio.ids)
        return _with_extra(same, _apart(self.video, self.audio), self.vector_extra)

    def sequence_pairs(self) -> tuple[Tensor, Tensor]:
        """`is_pos` and `ignore`, (N, M) bool, for the sequences.

        A positive has an equal id and an overlapping span of the same audio file; other equal ids are ignored.
        """
        same = _equal(self.video.ids, self.audio.ids)
        is_pos = same & self._same_content(same) & self._overlap(same)
        return _with_extra(is_pos, _apart(self.video, self.audio) | (same & ~is_pos), self.sequence_extra)

    def label_pairs(self) -> tuple[Tensor, Tensor]:
        """`is_pos` and `ignore`, (N, M) bool, by label: equal ones are positives; unknown ones are ignored.

        Raises:
            ValueError: a side without labels.
        """
        if self.video.labels is None or self.audio.labels is None:
            raise ValueError("PairBatch: video.labels and audio.labels must both be given")
        unknown = (self.video.labels < 0)[:, None] | (self.audio.labels < 0)
        ignore = unknown | _apart(self.video, self.audio)
        return _equal(self.video.labels, self.audio.labels) & ~ignore, ignore

    def _same_content(self, like: Tensor) -> Tensor:
        if self.video.content is None or self.audio.content is None:
            return torch.ones_like(like)
        return _equal(self.video.content, self.audio.content)

    def _overlap(self, like: Tensor) -> Tensor:
        if self.video.spans is None or self.audio.spans is None:
            return torch.ones_like(like)
        start = torch.maximum(self.video.spans[:, None, 0], self.audio.spans[None, :, 0])
        end = torch.minimum(self.video.spans[:, None, 1], self.audio.spans[None, :, 1])
        return end > start


def _apart(rows: SideBatch, columns: SideBatch) -> Tensor:
    if rows.domain is None or columns.domain is None:
        return torch.zeros(len(rows.ids), len(columns.ids), dtype=torch.bool, device=rows.ids.device)
    return ~_equal(rows.domain, columns.domain)


def _equal(video: Tensor, audio: Tensor) -> Tensor:
    return video[:, None] == audio[None, :]


def _with_extra(is_pos: Tensor, ignore: Tensor, extra: Extra) -> tuple[Tensor, Tensor]:
    for name, mask in (("negatives", extra.negatives), ("ignore", extra.ignore)):
        if mask is not None and (mask.shape != is_pos.shape or mask.dtype != torch.bool):
            raise ValueError(
                f"Extra: {name} is {tuple(mask.shape)} {mask.dtype}; it must be {tuple(is_pos.shape)} bool"
            )
    if extra.negatives is not None:
        is_pos, ignore = is_pos & ~extra.negatives, ignore & ~extra.negatives
    if extra.ignore is not None:
        ignore = ignore | extra.ignore
    return is_pos & ~ignore, ignore
