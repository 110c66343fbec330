"""Features in, Embedding out: fixed blocks for the convolutions, statistics over the whole, windows by time."""

import numpy as np
import torch
from torch import Tensor

from crossmodal.embedding import LABELS, Embedding
from crossmodal.errors import ModelError
from crossmodal.features import Features
from crossmodal.model.config import ModelConfig
from crossmodal.model.tower import Tower
from crossmodal.similarity.threads import one_thread

# Rows of a block of convolutions, and windows of a block of segments: what bounds memory on long media.
BLOCK_ROWS = 1024
BLOCK_WINDOWS = 64


@torch.no_grad()
def embed_features(tower: Tower, features: Features, config: ModelConfig, start: float, end: float | None) -> Embedding:
    """The embedding of the rows of `features` between two instants; see `TwoTowerModel.embed`."""
    first, last = _rows(features, config.hop, start, end)
    seen = features.seen[first:last]
    duration = min(features.duration, np.inf if end is None else end) - first * config.hop
    if features.silent or not seen.any():
        return _nothing(seen, duration, config, silent=features.silent)
    device = tower.prepare.mean.device
    values = torch.tensor(features.values[first:last], device=device)[
        None
    ]  # (1, T, C), copied: aligned the same always
    mask = torch.tensor(seen, device=device)[None]  # (1, T)
    # Convolutions on a GPU round to 10 bits unless told otherwise: 1e-3 instead of 1e-5 from what a CPU gives.
    with one_thread(), torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
        was_training = tower.training
        tower.eval()
        try:
            hidden = encode_in_blocks(tower, tower.prepare(values, mask), mask)  # (1, W, T)
            vector = tower.to_vector(hidden, mask)[0]
            views = {} if tower.to_label_vector is None else {LABELS: _numpy(tower.to_label_vector(hidden, mask)[0])}
            starts, segments = _segments(tower, hidden, mask, config)
            sequence = tower.sequence(hidden, mask)[0]
        finally:
            tower.train(was_training)
    return Embedding(
        vector=_numpy(vector),
        segments=_numpy(segments),
        times=(np.asarray(starts) * config.hop).astype(np.float32),
        sequence=_numpy(sequence),
        seen=seen.copy(),
        duration=float(duration),
        silent=False,
        views=views,
    )


def encode_in_blocks(tower: Tower, curves: Tensor, mask: Tensor) -> Tensor:
    """`tower.encode` of one medium, in blocks of fixed size with a halo, each stretch that is seen by itself.

    Args:
        tower: in eval mode.
        curves: (1, 2C, T) prepared.
        mask: (1, T) bool.

    Returns:
        (1, W, T), zero where unseen.
    """
    length = curves.shape[2]
    hidden = curves.new_zeros(1, tower.width, length)
    for begin, finish in _stretches(mask[0].cpu().numpy(), tower.gap):
        for at in range(begin, finish, BLOCK_ROWS):
            stop = min(at + BLOCK_ROWS, finish)
            left, right = max(at - tower.reach, begin), min(stop + tower.reach, finish)
            block = tower.encode(curves[:, :, left:right], mask[:, left:right])
            hidden[:, :, at:stop] = block[:, :, at - left : stop - left]
    return hidden


def _stretches(seen: np.ndarray, gap: int) -> list[tuple[int, int]]:
    """Runs of rows from one that is seen to one that is seen, split where at least `gap` rows between are not."""
    rows = np.flatnonzero(seen)
    splits = np.flatnonzero(np.diff(rows) > gap)
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(rows, splits + 1) if run.size]


def _segments(tower: Tower, hidden: Tensor, mask: Tensor, config: ModelConfig) -> tuple[list[int], Tensor]:
    length, hop = round(config.segment_length / config.hop), round(config.segment_hop / config.hop)
    seen = mask[0].cpu().numpy()
    starts = [
        at
        for at in _window_starts(len(seen), length, hop)
        if 2 * seen[at : at + length].sum() >= min(length, len(seen))
    ]
    vectors = []
    for at in range(0, len(starts), BLOCK_WINDOWS):
        block = starts[at : at + BLOCK_WINDOWS]
        windows = torch.cat([hidden[:, :, start : start + length] for start in block])  # (S, W, length)
        vectors.append(tower.to_vector(windows, torch.cat([mask[:, start : start + length] for start in block])))
    return starts, torch.cat(vectors) if vectors else hidden.new_zeros(0, config.vector_dim)


def _window_starts(rows: int, length: int, hop: int) -> list[int]:
    """First rows of the windows: every `hop`, and one that ends with the medium; one for what is shorter."""
    if rows <= length:
        return [0]
    starts = list(range(0, rows - length + 1, hop))
    return starts if starts[-1] == rows - length else [*starts, rows - length]


def _rows(features: Features, hop: float, start: float, end: float | None) -> tuple[int, int]:
    total = features.values.shape[0]
    first = round(start / hop)
    last = total if end is None else min(round(end / hop), total)
    if first < 0 or first >= last:
        until = "its end" if end is None else f"{end} s"
        raise ModelError(f"the span from {start} s to {until} holds nothing of a medium of {features.duration:.1f} s.")
    return first, last


def _nothing(seen: np.ndarray, duration: float, config: ModelConfig, *, silent: bool) -> Embedding:
    return Embedding(
        vector=np.zeros(config.vector_dim, np.float32),
        segments=np.zeros((0, config.vector_dim), np.float32),
        times=np.zeros(0, np.float32),
        sequence=np.zeros((len(seen), config.heads, config.head_dim), np.float32),
        seen=seen.copy(),
        duration=float(duration),
        silent=silent,
        views={LABELS: np.zeros(config.label_dim, np.float32)} if config.label_dim else {},
    )


def _numpy(tensor: Tensor) -> np.ndarray:
    return tensor.float().cpu().numpy()
