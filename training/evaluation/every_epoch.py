"""What the loop asks after every epoch: recall of both directions on the whole validation set, in a few seconds."""

from statistics import median

import numpy as np
import torch
from torch import Tensor

from crossmodal.features import Features, Side
from crossmodal.matching.calibration import plain_final
from crossmodal.metrics import mean_average_precision, median_rank, mrr
from crossmodal.model import TwoTowerModel
from training.data.pairs import Pair, span
from training.evaluation.protocols import MAX_SECONDS
from training.evaluation.scores import sequence_similarity
from training.report import DEPTHS, WAYS, Protocol, chance, protocol_of

BLOCK = 64  # rows through a tower at once
MIN_SECONDS = 6.0


def retrieval(pairs: list[Pair], model: TwoTowerModel) -> dict[str, float]:
    """Figures of the aligned protocol, ranked by .4 g + .6 s_seq, or by the vectors alone without a sequence.

    All clips are cut to the shortest span of at least 6 s (or of the median, where most are shorter), at most 12 s;
    shorter rows are left out. The model keeps its mode and its device.

    Args:
        pairs: the validation set, at the model's hop; two rows at least.
        model: as it stands in the loop.

    Returns:
        `video_to_music/recall@1|5|10`, `median_rank`, `mrr` and `map`, the same of `music_to_video`, `recall@10` (mean
        of both), `chance/recall@1|5|10`. Other rows of one music are neither right nor wrong in a recall; all of them
        are right in `map`.

    Raises:
        ValueError: fewer than two rows.
    """
    if len(pairs) < 2:
        raise ValueError(f"retrieval: {len(pairs)} pairs; a pool has two at least")
    least = min(MIN_SECONDS, median(pair.seconds for pair in pairs))
    kept = [pair for pair in pairs if pair.seconds >= least - 1e-6]
    seconds = min(MAX_SECONDS, min(pair.seconds for pair in kept))
    clips = embed_all([span(p.video, 0, seconds) for p in kept], model, "video")
    music = embed_all([span(p.audio, p.start, seconds) for p in kept], model, "audio")
    g = (clips[0] @ music[0].T).cpu().numpy()
    sim = plain_final(g, sequence_similarity(*clips[1:], *music[1:]))
    return _figures(protocol_of(kept, sim))


def _figures(protocol: Protocol) -> dict[str, float]:
    figures: dict[str, float] = {}
    same = protocol.is_pos() | protocol.ignore()
    for way, sim, found in zip(WAYS, (protocol.sim, protocol.sim.T), protocol.standings(), strict=True):
        rank = found.expected()
        figures |= {f"{way}/recall@{k}": float(found.hits(k).mean()) for k in DEPTHS}
        figures[f"{way}/median_rank"], figures[f"{way}/mrr"] = median_rank(rank), mrr(rank)
        figures[f"{way}/map"] = mean_average_precision(sim, same)
    figures["recall@10"] = (figures["video_to_music/recall@10"] + figures["music_to_video/recall@10"]) / 2
    by_chance = chance(protocol)
    return figures | {f"chance/recall@{k}": by_chance[f"recall@{k}"] for k in DEPTHS}


@torch.no_grad()
def embed_all(side: list[Features], model: TwoTowerModel, name: Side) -> tuple[Tensor, Tensor, Tensor]:
    """Vectors (N, D), sequences (N, T, H, d) and what was seen (N, T) of media of one length, a few at a time."""
    tower = model.video if name == "video" else model.audio
    device = next(tower.parameters()).device
    steps = max(len(features.values) for features in side)
    values = torch.from_numpy(np.stack([_padded(features.values, steps) for features in side]))
    heard = [_padded(features.seen & (not features.silent), steps) for features in side]
    seen = torch.from_numpy(np.stack(heard)).to(device)
    was_training = tower.training
    tower.eval()
    try:
        parts = [
            tower(values[at : at + BLOCK].to(device), seen[at : at + BLOCK]) for at in range(0, len(values), BLOCK)
        ]
    finally:
        tower.train(was_training)
    vectors = torch.cat([vector.float() for vector, _ in parts])
    vectors = torch.where(seen.any(1, keepdim=True), vectors, 0)  # what shows nothing is like nothing
    return vectors, torch.cat([sequence.float() for _, sequence in parts]), seen


def _padded(rows: np.ndarray, steps: int) -> np.ndarray:
    """The same rows, and zeros (unseen) up to `steps`: a medium may end a hop before what its header says."""
    missing = steps - len(rows)
    return np.pad(rows, [(0, missing)] + [(0, 0)] * (rows.ndim - 1)) if missing > 0 else rows
