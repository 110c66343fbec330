"""The tracks' side of a search: their sequences with the spectra that correlate them with any clip, in blocks."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from crossmodal.similarity.threads import one_thread
from crossmodal.similarity.windows import check_sequence, mean_off

BLOCK_TRACKS = 32  # what a scan works on stays in the cache
QUICK = (
    16,
    18,
    20,
    21,
    24,
    27,
    30,
    32,
)  # times a power of two: lengths measured to transform 3 to 4 times as fast as odd ones


ROW_PARTS = ("lengths", "rows", "means", "mean_squares", "seen", "spectra")


@dataclass(frozen=True, slots=True, eq=False)
class TrackBlock:
    """Tracks of nearly one length, padded to one.

    Args:
        index: place of each track in the order in which the tracks came.
        lengths: (B,) int64, steps of each.
        rows: (B, H, d, L) as they came (float16 or float32), zero where unseen or past the end.
        means: (B, H, d) float32, over what each has seen.
        mean_squares: (B, H) float32, of the rows less their means.
        seen: (B, L) bool, False past the end.
        all_seen: whether every step of every track is.
        spectra: (B, H, d, F) complex64 of the rows less their means.
        kept: of one window length, what `starts.py` would compute anew for every clip of that length.
    """

    index: list[int]
    lengths: Tensor
    rows: Tensor
    means: Tensor
    mean_squares: Tensor
    seen: Tensor
    all_seen: bool
    spectra: Tensor
    kept: dict[int, Tensor] = field(default_factory=dict)

    def centred(self) -> Tensor:
        """(B, H, d, L) float32: the rows less their means, zero where unseen."""
        return torch.where(self.seen[:, None, None], self.rows.float() - self.means[..., None], 0)


@dataclass(slots=True, eq=False)
class TrackSpectra:
    """Sequences of many tracks, ready to be searched: about 1 KB a second of track in float16 and spectra.

    Made by `TrackSpectra.of`; the order of the tracks is the order of every result.
    """

    blocks: list[TrackBlock] = field(default_factory=list)
    n_tracks: int = 0

    @classmethod
    def of(cls, tracks: Iterable[tuple[Tensor, Tensor]]) -> "TrackSpectra":
        """Take in tracks one by one; a generator is read once and not kept.

        Args:
            tracks: pairs of (T, H, d) float sequence and (T,) bool seen; H and d are the same for all.

        Raises:
            ValueError: an empty track, or shapes that do not belong together.

        Example:
            >>> track = torch.randn(600, 8, 2), torch.ones(600, dtype=torch.bool)
            >>> TrackSpectra.of([track, track]).n_tracks
            2
        """
        bank = cls()
        waiting: dict[int, list[tuple[int, Tensor, Tensor]]] = {}
        for sequence, seen in tracks:
            check_sequence("TrackSpectra", sequence, seen)
            if sequence.shape[0] == 0:
                raise ValueError(f"TrackSpectra: track {bank.n_tracks} has no step")
            size = _padded_length(sequence.shape[0])
            waiting.setdefault(size, []).append((bank.n_tracks, sequence, seen))
            bank.n_tracks += 1
            if len(waiting[size]) == BLOCK_TRACKS:
                bank.blocks.append(_block(waiting.pop(size), size))
        bank.blocks.extend(_block(members, size) for size, members in sorted(waiting.items()))
        return bank

    @property
    def n_bytes(self) -> int:
        """Memory that the tracks take."""
        held = ((block.rows, block.seen, block.spectra, *block.kept.values()) for block in self.blocks)
        return sum(part.nbytes for parts in held for part in parts)

    def pick(self, places: list[int]) -> "TrackSpectra":
        """Some of the tracks, by their places, as a bank of their own in the order of `places`."""
        where = {place: (block, row) for block in self.blocks for row, place in enumerate(block.index)}
        blocks = []
        for at, place in enumerate(places):
            block, row = where[place]
            parts = {name: getattr(block, name)[row : row + 1] for name in ROW_PARTS}
            blocks.append(TrackBlock(index=[at], all_seen=block.all_seen, **parts))
        return TrackSpectra(blocks, len(places))


def _padded_length(length: int) -> int:
    """The next length at which the transform is quick: even, of small factors, and at most a fifth above."""
    doubling = max((length - 1).bit_length() - 5, 1)
    return next(odd << doubling for odd in QUICK if odd << doubling >= length)


def _spectra(waves: Tensor) -> Tensor:
    """(B, H, d, L) float32 -> (B, H, d, F) complex64; a library refuses to transform nothing (no heads)."""
    if not waves.numel():
        return waves.new_zeros(*waves.shape[:3], waves.shape[3] // 2 + 1, dtype=torch.complex64)
    with one_thread():
        return torch.fft.rfft(waves)


def _block(members: list[tuple[int, Tensor, Tensor]], size: int) -> TrackBlock:
    _, first, _ = members[0]
    values = first.new_zeros(len(members), size, *first.shape[1:])  # (B, L, H, d)
    seen = torch.zeros(len(members), size, dtype=torch.bool)
    for at, (_, sequence, mask) in enumerate(members):
        values[at, : len(sequence)] = torch.where(mask[:, None, None], sequence, 0)
        seen[at, : len(sequence)] = mask
    lengths = torch.tensor([len(sequence) for _, sequence, _ in members])
    wide = values.float()
    means = wide.sum(1) / seen.sum(1).clamp_min(1)[:, None, None]
    centred = mean_off(wide, seen)
    spectra = _spectra(centred.permute(0, 2, 3, 1).contiguous())
    return TrackBlock(
        index=[at for at, _, _ in members],
        lengths=lengths,
        rows=values.permute(0, 2, 3, 1).contiguous(),
        means=means,
        mean_squares=centred.square().sum((1, 3)) / seen.sum(1).clamp_min(1)[:, None],
        seen=seen,
        all_seen=bool((seen.sum(1) == lengths).all()),
        spectra=spectra,
    )
