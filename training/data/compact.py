"""What the bundled model is trained on, out of the data folder, and what is kept from it for calibration.

Sources (`group`) are held out whole: their visualiser clips and their music go to `calibrate`, and so do some footage
and the montage rules that training never sees. `real` and barred clips are never read here.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal.errors import ManifestError
from crossmodal.features import FeatureStore
from training.config import DataConfig
from training.data.footage import TRAINING_CLIPS, Footage, read_all, read_footage, texture
from training.data.manifest import read_pairs
from training.data.montages import Music, Recipe, draw_montages, hear, join
from training.data.pairs import Pair
from training.data.procedural import demo_pairs, songs
from training.data.rules import few_couplings, loose_drivers, many_couplings, other_drivers

VISUALISER_FOOTAGE, VISUALISER_SECONDS = 48, 4.0
HELD_OUT_CLIP = "diver"
CALIBRATION_SEED, CALIBRATION_TEXTURES = 5000, 12
LONG_SONGS, SONG_SECONDS, JOINED_SECONDS = 16, 52.0, 46.0
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The names of the sources on each side of the split."""

    train: frozenset[str]
    held_out: frozenset[str]


def split_sources(groups: list[str], config: DataConfig, seed: int = 0) -> Sources:
    """Hold out whole sources until they make up their share of the rows.

    Args:
        groups: one name a row.
        config: share held out, sources that are never trained on.
        seed: of the order.
    """
    allowed = [group for group in groups if group not in config.exclude_groups]
    names = sorted(set(allowed))
    order = [names[k] for k in np.random.default_rng((seed, 31)).permutation(len(names))]
    held: list[str] = []
    while order and sum(group in held for group in allowed) < config.held_out * len(allowed):
        held.append(order.pop())
    return Sources(frozenset(names) - frozenset(held), frozenset(held))


def training_domains(
    data: Path, config: DataConfig, store: FeatureStore, *, seed: int, progress: Progress
) -> dict[str, list[Pair]]:
    """The three domains of the compact model: visualisers, montages, procedural pairs.

    Raises:
        ManifestError: the folder lacks what is needed.
    """
    visual = visual_pairs(data, store, progress)
    sources = split_sources([pair.group for pair in visual], config)
    inside = [pair for pair in visual if pair.group in sources.train]
    music = train_music(
        data, lambda group: group not in config.exclude_groups and group not in sources.held_out, store, progress
    )
    footage = training_footage(data, inside, config.textures, seed)
    montages = [
        pair
        for recipe, count in (
            (Recipe(few_couplings, name="few", seed=seed), config.few),
            (Recipe(many_couplings, name="many", seed=seed), config.many),
            (Recipe(many_couplings, drivers=loose_drivers, name="loose", seed=seed), config.loose),
        )
        for pair in draw_montages(
            recipe, music, footage, count, store, progress=_named(progress, f"montages, {recipe.name}")
        )
    ]
    procedural = demo_pairs(config.demo_pairs, 1000 + seed, store, _named(progress, "procedural pairs"))
    return {"visual": inside, "montage": montages, "demo": procedural}


def calibration_pairs(data: Path, config: DataConfig, store: FeatureStore, progress: Progress) -> list[Pair]:
    """Pairs of the sources that training did not see, and montages by rules and with footage that it did not see."""
    visual = visual_pairs(data, store, progress)
    held = split_sources([pair.group for pair in visual], config).held_out
    music = train_music(data, lambda group: group in held, store, progress)
    outside = [pair for pair in visual if pair.group in held]
    footage = read_all(_clips(data, HELD_OUT_CLIP)) + _visualiser_footage(data, outside, 12, 0)
    footage += [texture(CALIBRATION_SEED + k) for k in range(CALIBRATION_TEXTURES)]
    recipe = Recipe(many_couplings, drivers=other_drivers, name="calibration", seed=CALIBRATION_SEED)
    count = max(len(outside), len(music))
    montages = draw_montages(recipe, music, footage, count, store, progress=_named(progress, "montages, held out"))
    return [*outside, *montages, *_long_montages(music, footage, store, progress)]


def validation_pairs(data: Path, config: DataConfig, store: FeatureStore, progress: Progress) -> list[Pair]:
    """The visualisers of the sources that training does not see: what its epochs are judged on."""
    visual = visual_pairs(data, store, progress)
    held = split_sources([pair.group for pair in visual], config).held_out
    return [pair for pair in visual if pair.group in held]


def _long_montages(music: list[Music], footage: list[Footage], store: FeatureStore, progress: Progress) -> list[Pair]:
    """Whole tracks and long clips, which `music_train` lacks: excerpts of a source end to end, and procedural songs."""
    joined = [join(run) for source in sorted({piece.group for piece in music}) for run in _runs(music, source)]
    whole = songs(LONG_SONGS, CALIBRATION_SEED, store)
    pairs: list[Pair] = []
    for name, pieces, seconds in (("joined", joined, JOINED_SECONDS), ("songs", whole, SONG_SECONDS)):
        recipe = Recipe(
            many_couplings, drivers=other_drivers, name=f"calibration-{name}", seed=CALIBRATION_SEED, seconds=seconds
        )
        told = _named(progress, f"long montages, {name}")
        pairs += draw_montages(recipe, pieces, footage, len(pieces), store, progress=told)
    return pairs


def _runs(music: list[Music], source: str) -> list[list[Music]]:
    """The pieces of one source, three at a time."""
    pieces = [piece for piece in music if piece.group == source]
    return [pieces[k : k + 3] for k in range(0, len(pieces) - 2, 3)]


def visual_pairs(data: Path, store: FeatureStore, progress: Progress) -> list[Pair]:
    """The training split of `visual`."""
    manifest = data / "visual" / "manifest.jsonl"
    return read_pairs(manifest, store, split="train", domain="visual", progress=_named(progress, "visualisers")).pairs


def train_music(data: Path, wanted: Callable[[str], bool], store: FeatureStore, progress: Progress) -> list[Music]:
    """The pieces of `music_train` whose source is wanted."""
    folder = data / "music_train"
    paths = sorted(path for path in folder.glob("*.opus") if wanted(_music_source(data)[path.name]))
    if not paths:
        raise ManifestError(str(folder), None, "no music there to cut montages to. Name the data folder with --data.")
    pieces = []
    for k, path in enumerate(paths):
        pieces.append(hear(path, _music_source(data)[path.name], store))
        progress("music", k + 1, len(paths))
    return pieces


def training_footage(data: Path, pairs: list[Pair], textures: int, seed: int) -> list[Footage]:
    """The allowed clips, what visualisers of training clips drew, and textures."""
    clips = [path for source in TRAINING_CLIPS if source != HELD_OUT_CLIP for path in _clips(data, source)]
    return [
        *read_all(clips),
        *_visualiser_footage(data, pairs, VISUALISER_FOOTAGE, seed),
        *(texture(1000 * seed + k) for k in range(textures)),
    ]


def _visualiser_footage(data: Path, pairs: list[Pair], count: int, seed: int) -> list[Footage]:
    chosen = np.random.default_rng((seed, 47)).permutation(len(pairs))[:count]
    return [
        read_footage(data / "visual" / "train" / f"{pairs[k].id}.mp4", seconds=VISUALISER_SECONDS)
        for k in sorted(chosen)
    ]


def _clips(data: Path, source: str) -> list[Path]:
    return [data / "video" / name for name in TRAINING_CLIPS[source]]


def _music_source(data: Path) -> dict[str, str]:
    """File name -> source package, from the credits."""
    with (data / "CREDITS.csv").open(encoding="utf-8", newline="") as file:
        return {
            Path(row["file"]).name: row["source"]
            for row in csv.DictReader(file)
            if row["file"].startswith("music_train/")
        }


def _named(progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
