"""What the bundled model is judged by: visualisers, montages and films that training never saw, and the demo library.

Montages are judged with other footage (clips, visualisers of the validation split, textures of other seeds) and other
music (the library `music/`) than training has: a hundred whole edits, and a hundred of each coupling alone.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from crossmodal.demo import write_demo
from crossmodal.features import FeatureStore
from training.data.footage import JUDGING_CLIPS, Footage, read_all, read_footage, texture
from training.data.manifest import read_pairs
from training.data.montages import Music, Recipe, draw_montages, hear
from training.data.pairs import Pair
from training.data.rules import COUPLINGS, many_couplings

POOL, SEED = 100, 9000
LONG_SECONDS = 61.0  # of the montages that the scores of long clips are checked on
JUDGING_TEXTURES, JUDGING_VISUALISERS = 16, 24
MUSIC_SUFFIXES = {".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"}
# README-music: the same audio as another file of the library.
PLANTED_COPIES = {"track 07 (copy)", "スカル・ストーンズ"}
Progress = Callable[[str, int, int], None]


def judging_sets(data: Path, store: FeatureStore, demo: Path, progress: Progress) -> dict[str, list[Pair]]:
    """Every set by name: `visual val`, `real val`, `demo`, `montages`, `long` (montages of 61 s), and the couplings.

    Args:
        data: the data folder.
        store: of Features.
        demo: folder of the demo library, made there if it is missing.
        progress: told (what, done, total).
    """

    def told(name: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(name, done, total)

    visual = read_pairs(data / "visual" / "manifest.jsonl", store, split="val", progress=told("visual val")).pairs
    real = read_pairs(data / "real" / "manifest.jsonl", store, split="val", progress=told("real val")).pairs
    library = write_demo(demo, progress=told("demo library"))
    procedural = read_pairs(library.manifest, store, progress=told("demo")).pairs
    music, footage = judging_music(data, store), judging_footage(data, visual)
    sets = {"visual val": visual, "real val": real, "demo": procedural}
    whole_edits = Recipe(many_couplings, name="judge-many", seed=SEED)
    sets["montages"] = list(draw_montages(whole_edits, music, footage, POOL, store, progress=told("montages")))
    long = Recipe(many_couplings, name="judge-long", seed=SEED + 2, seconds=LONG_SECONDS)
    lasting = [piece for piece in music if piece.audio.duration >= LONG_SECONDS]
    sets["long"] = list(draw_montages(long, lasting, footage, len(lasting), store, progress=told("long montages")))
    for name in COUPLINGS:
        recipe = Recipe(alone(name), name=f"judge-{name}", seed=SEED + 1)
        sets[name] = list(draw_montages(recipe, music, footage, POOL, store, progress=told(name)))
    return sets


def alone(coupling: str) -> Callable[[np.random.Generator], dict[str, float]]:
    """Strengths of montages with one coupling: 0.5-1."""
    return lambda rng: {coupling: float(rng.uniform(0.5, 1.0))}


def judging_music(data: Path, store: FeatureStore) -> list[Music]:
    """The library `music/` without its planted copies; a source is a folder."""
    paths = sorted(path for path in (data / "music").rglob("*") if path.suffix.lower() in MUSIC_SUFFIXES)
    return [
        hear(path, path.relative_to(data / "music").parts[0], store)
        for path in paths
        if not any(path.stem.startswith(copy) for copy in PLANTED_COPIES)
    ]


def judging_footage(data: Path, visual: list[Pair]) -> list[Footage]:
    """Footage that training never saw."""
    chosen = np.random.default_rng((SEED, 47)).permutation(len(visual))[:JUDGING_VISUALISERS]
    return [
        *read_all(data / "video" / name for name in JUDGING_CLIPS),
        *(read_footage(data / "visual" / "val" / f"{visual[k].id}.mp4", seconds=4.0) for k in sorted(chosen)),
        *(texture(SEED + k) for k in range(JUDGING_TEXTURES)),
    ]
