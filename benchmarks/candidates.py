"""Beyond 5,000 tracks only candidates are scanned: do they hold the first ten of a scan of everything?

At least 0.98 of them. The library is made of real tracks: pieces of their sequences, slowed down or sped up, with the
segments that belong to them, one after another; it is scanned whole once for each clip, a thousand tracks at a time.
Usage: candidates.py [TRACKS] [CLIPS]
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _library import catalogue_of_music
from _media import DATA, clip_1080p
from harness import Comparison, measure, report

if TYPE_CHECKING:
    from crossmodal.catalogue import Catalogue
    from crossmodal.embedding import Embedding
    from crossmodal.matching import Matcher

TRACKS = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
CLIPS = int(sys.argv[2]) if len(sys.argv) > 2 else 24
FIRST, LEAST = 10, 0.98
PIECES, PIECE_SECONDS = 3, 24.0
TEMPOS = (0.8, 1.25)
AT_ONCE = 1000


def main() -> None:
    import torch

    from crossmodal.matching import Matcher
    from crossmodal.matching.library import FULL_SCAN

    torch.set_num_threads(1)
    with Matcher.open(catalogue_of_music()) as matcher:
        clips = [_embedded(matcher, path) for path in _clips()]
        sources = _sources(matcher.catalogue, matcher.fingerprint)
        counts = sorted(count for count in {TRACKS // 20, TRACKS // 10, TRACKS // 4, FULL_SCAN} if count < TRACKS)
        found: dict[int, list[float]] = {count: [] for count in counts}
        cost = measure(lambda: _measure(matcher, clips, sources, found))
    recall = {count: round(float(np.mean(shares)), 4) for count, shares in found.items()}
    worst = {count: round(float(np.min(shares)), 2) for count, shares in found.items()}
    report(
        [Comparison(f"{len(clips)} clips against {TRACKS} tracks: everything, and candidates", [cost])],
        __file__,
        recall_of_the_first_ten=recall,
        recall_of_the_worst_clip=worst,
        candidates_in_use=FULL_SCAN,
        is_recall_kept=recall[FULL_SCAN] >= LEAST if FULL_SCAN in recall else "all tracks are scanned",
    )


def _clips() -> list[Path]:
    folder = DATA / "video"
    films = sorted(path for path in folder.glob("*.mp4")) if folder.is_dir() else [clip_1080p()]
    return films[:CLIPS]


def _embedded(matcher: "Matcher", path: Path) -> "Embedding":
    return matcher.model.embed(matcher.store.features(matcher.model.encoders["video"], path), "video")


def _sources(catalogue: "Catalogue", model: str) -> list["Embedding"]:
    """The embeddings of the real tracks that are long enough to be cut."""
    from crossmodal.catalogue import EmbeddingKey

    keys = [EmbeddingKey(track.content_hash, "audio", model) for track in catalogue.tracks()]
    found = [embedding for key in keys if (embedding := catalogue.embedding(key)) is not None]
    return [e for e in found if e.duration > TEMPOS[1] * PIECE_SECONDS + 1 and len(e.segments)]


def _made(sources: list["Embedding"]) -> Iterator["Embedding"]:
    """`TRACKS` tracks, the same each time."""
    rng = np.random.default_rng(0)
    for _ in range(TRACKS):
        yield _joined([_piece(rng, sources[rng.integers(len(sources))]) for _ in range(PIECES)])


def _piece(rng: np.random.Generator, track: "Embedding") -> tuple[np.ndarray, np.ndarray]:
    """(T, H, d) a stretch of a track at another tempo, heads weighed anew; (S, D) the segments that lie in it."""
    hop, tempo = track.duration / len(track.sequence), rng.uniform(*TEMPOS)
    length = tempo * PIECE_SECONDS
    begin = rng.uniform(0, track.duration - length)
    steps = np.linspace(begin / hop, (begin + length) / hop, round(PIECE_SECONDS / hop), endpoint=False)
    rows = track.sequence[np.minimum(steps.astype(int), len(track.sequence) - 1)]
    gains = rng.uniform(0.7, 1.4, (1, rows.shape[1], 1)).astype(np.float32)
    inside = (track.times >= begin - 3) & (track.times <= begin + length)
    segments = track.segments[inside] + 0.05 * rng.standard_normal((int(inside.sum()), track.segments.shape[1]))
    return rows * gains, segments.astype(np.float32)


def _joined(pieces: list[tuple[np.ndarray, np.ndarray]]) -> "Embedding":
    from crossmodal.embedding import Embedding

    sequence = np.concatenate([rows for rows, _ in pieces])
    segments = np.concatenate([segments for _, segments in pieces])
    segments /= np.linalg.norm(segments, axis=1, keepdims=True)
    vector = segments.mean(0)
    vector /= np.linalg.norm(vector)
    times = np.linspace(0, PIECES * PIECE_SECONDS, len(segments), endpoint=False, dtype=np.float32)
    seen = np.ones(len(sequence), np.bool_)
    return Embedding(vector, segments, times, sequence, seen, PIECES * PIECE_SECONDS, silent=False)


def _measure(
    matcher: "Matcher", clips: list["Embedding"], sources: list["Embedding"], found: dict[int, list[float]]
) -> None:
    """Fill `found`: for each number of candidates the share of the first ten that they hold, clip by clip."""
    from crossmodal.catalogue import EmbeddingTable, SegmentTable
    from crossmodal.matching.candidates import Candidates
    from crossmodal.matching.comparing import order

    ranks, vectors, owners, segments = _scanned(matcher, clips, sources)
    ids = np.arange(len(vectors), dtype=np.int64)
    table = EmbeddingTable(ids, vectors, np.full(len(ids), PIECES * PIECE_SECONDS), "made")
    candidates = Candidates(table, SegmentTable(owners, np.zeros(len(owners), np.float32), segments))
    for clip, rank in zip(clips, ranks, strict=True):
        first = order(rank, ids)[:FIRST]
        for count, shares in found.items():
            shares.append(float(np.isin(first, candidates.nearest(clip, count)).mean()))


def _scanned(
    matcher: "Matcher", clips: list["Embedding"], sources: list["Embedding"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(N, M) ranks of all tracks for each clip; their vectors (M, D); owners (S,) and vectors (S, D) of segments."""
    import torch

    from crossmodal.matching.comparing import compare_clip
    from crossmodal.similarity import TrackSpectra

    ranks, vectors, owners, segments = [], [], [], []
    made, done = _made(sources), 0
    while done < TRACKS:
        tracks = list(islice(made, AT_ONCE))
        spectra = TrackSpectra.of((torch.from_numpy(t.sequence), torch.from_numpy(t.seen)) for t in tracks)
        vectors.append(np.stack([track.vector for track in tracks]))
        ranks.append([compare_clip(clip, vectors[-1], spectra, matcher.calibration).rank for clip in clips])
        owners += [np.full(len(track.segments), done + k, np.int64) for k, track in enumerate(tracks)]
        segments += [track.segments for track in tracks]
        done += len(tracks)
    return np.concatenate(ranks, axis=1), np.concatenate(vectors), np.concatenate(owners), np.concatenate(segments)


if __name__ == "__main__":
    main()
