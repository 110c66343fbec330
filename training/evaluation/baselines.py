"""What a model must beat: the musics that are used most, and no search at all. (Motion on loudness: `untrained`.)"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from crossmodal.embedding import Embedding
from crossmodal.manifest import read_rows
from crossmodal.matching.calibration import Calibration
from training.data.pairs import Pair
from training.evaluation.scores import PairScores, cosines, final, sequence_similarity
from training.report import Protocol, protocol_of


def popularity(pairs: list[Pair], uses: Mapping[str, int]) -> Protocol:
    """Every clip gets the musics by how often training used them; clips are not told apart.

    Musics that training never used tie, and a tie is worth chance: with unseen music this row is chance.

    Args:
        pairs: rows.
        uses: `music_id` -> rows of the training split that use it.
    """
    counts = np.array([uses.get(pair.music_id, 0) for pair in pairs], np.float64)
    return protocol_of(pairs, np.tile(counts, (len(pairs), 1)))


def uses_of_training(manifest: Path, split: str | None, *, root: Path | None = None) -> dict[str, int] | None:
    """How many rows of a manifest's training split use each `music_id`; None where there are none or they are judged.

    Args:
        manifest: JSONL, CSV or Parquet.
        split: the one that is evaluated; None (all rows) and `train` have nothing apart to count in.
        root: what relative paths start from.
    """
    if split in (None, "train"):
        return None
    rows = [row for row in read_rows(manifest, root=root).rows if row.split == "train"]
    return dict(Counter(row.music_id for row in rows if row.music_id)) if rows else None


def start_at_zero(
    pairs: list[Pair], clips: list[Embedding], music: list[Embedding], calibration: Calibration | None
) -> Protocol:
    """The model itself without its search: each clip against the beginning of each music.

    Args:
        pairs: rows.
        clips: (N,) all of one length.
        music: (N,) whole; one shorter than the clips counts as silent from its end on.
        calibration: of the model; None ranks by .4 g + .6 s_seq.
    """
    steps = len(clips[0].sequence)
    video = torch.from_numpy(np.stack([e.sequence for e in clips]))
    audio = torch.from_numpy(np.stack([_first(e.sequence, steps) for e in music]))
    seen = [np.stack([_first(e.seen, steps) for e in side]) for side in (clips, music)]
    s_seq = sequence_similarity(video, torch.from_numpy(seen[0]), audio, torch.from_numpy(seen[1]))
    scores = PairScores(cosines(clips, music), s_seq, np.ones_like(s_seq))
    return protocol_of(pairs, final(scores, calibration, clips[0].duration))


def _first(rows: np.ndarray, steps: int) -> np.ndarray:
    kept = rows[:steps]
    return np.pad(kept, [(0, steps - len(kept))] + [(0, 0)] * (rows.ndim - 1))
