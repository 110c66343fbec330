"""Montages: footage cut to music by the rules, drawn straight into curves.

Deterministic from a seed: the same music, footage and seed give the same Features, bit for bit, on one machine.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from crossmodal.encoders import VideoCurves, make_encoder
from crossmodal.features import FeatureStore
from crossmodal.features.features import Features
from crossmodal.media import open_audio
from training.data.footage import Footage
from training.data.listening import RATE, Guide, listen
from training.data.pairs import Pair
from training.data.rules import FRAME_RATE, VERSION, Drivers, Plan, Shot, draw_plan, usual_drivers

SECONDS = 12.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Music:
    """A piece that montages are cut to.

    Args:
        name: of the piece; its music id.
        group: its source.
        audio: its Features.
        samples: reads (L,) float32 mono at 24 kHz: called only where a montage is not stored yet.
    """

    name: str
    group: str
    audio: Features
    samples: Callable[[], np.ndarray]

    @cached_property
    def guide(self) -> Guide:
        """What an editor hears in it; made once."""
        return listen(self.samples())


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a set of montages is drawn.

    Args:
        strengths: draws the couplings of one montage from a generator.
        drivers: which curve of the music moves what.
        name: of the set; part of each montage's seed and key.
        seed: of the set.
        seconds: of a montage; shorter music is passed over.
    """

    strengths: Callable[[np.random.Generator], dict[str, float]]
    drivers: Callable[[Guide, int, np.random.Generator], Drivers] = usual_drivers
    name: str = "few"
    seed: int = 0
    seconds: float = SECONDS


def hear(path: Path, group: str, store: FeatureStore) -> Music:
    """A piece of music with its Features (stored).

    Raises:
        MediaError: the file cannot be used.
    """
    features = store.features(make_encoder("curves", "audio"), path)
    return Music(f"{group}/{path.stem}", group, features, partial(read_samples, path))


def read_samples(path: Path) -> np.ndarray:
    """(L,) float32 mono at 24 kHz.

    Raises:
        MediaError: the file cannot be used.
    """
    with open_audio(path) as reader:
        return np.concatenate([block.samples[0] for block in reader.blocks(rate=RATE, channels=1)])


def join(pieces: list[Music]) -> Music:
    """One piece of music out of several of one source, end to end, each cut to whole rows."""
    parts = [piece.audio for piece in pieces]
    hop = parts[0].hop
    values, seen = np.concatenate([p.values for p in parts]), np.concatenate([p.seen for p in parts])
    audio = Features(values, seen, hop, len(values) * hop, all(part.silent for part in parts))

    def samples() -> np.ndarray:
        lengths = [round(len(part.values) * hop * RATE) for part in parts]
        return np.concatenate(
            [
                np.pad(sound[:length], (0, max(length - len(sound), 0)))
                for sound, length in ((piece.samples(), length) for piece, length in zip(pieces, lengths, strict=True))
            ]
        )

    return Music("+".join(piece.name for piece in pieces), pieces[0].group, audio, samples)


def draw_montages(
    recipe: Recipe,
    music: list[Music],
    footage: list[Footage],
    count: int,
    store: FeatureStore,
    *,
    progress: Progress | None = None,
) -> Iterator[Pair]:
    """`count` montages; the music is gone through in a fixed order, as often as needed.

    Args:
        recipe: the rules and the seed.
        music: at least one piece that is long enough.
        footage: at least two pieces.
        count: how many.
        store: drawn ones are kept here and read back the next time.
        progress: told (done, count).
    """
    fingerprint = make_encoder("curves", "video").fingerprint
    pieces = [piece for piece in music if piece.audio.duration >= recipe.seconds and not piece.audio.silent]
    order = np.random.default_rng((recipe.seed, 11)).permutation(len(pieces))
    liveliness = np.array([f.liveliness for f in footage])
    n_frames = round(recipe.seconds * FRAME_RATE)
    shown = _digest(*(f.frames for f in footage))
    for k in range(count):
        piece = pieces[order[k % len(pieces)]]
        name = f"{recipe.name}-{recipe.seed}-{k}"
        rng = np.random.default_rng([recipe.seed, k, *hashlib.sha256(recipe.name.encode()).digest()[:4]])
        start = _passage(piece.audio.duration - recipe.seconds, k // len(pieces), rng)
        strengths = recipe.strengths(rng)
        text = f"montage {VERSION} {recipe.drivers.__name__} {name} {start} {recipe.seconds} {strengths} {shown}"
        key = _digest(np.frombuffer(text.encode(), np.uint8), piece.audio.values)
        video = store.get(key, "video", fingerprint)
        if video is None:
            drivers = recipe.drivers(piece.guide.span(start, recipe.seconds), n_frames, rng)
            used = rng.choice(len(footage), min(int(rng.integers(2, 7)), len(footage)), replace=False)
            plan = draw_plan(drivers, liveliness[used], strengths, rng)
            video = curves_of(render(plan, [footage[n] for n in used]))
            store.put(key, "video", fingerprint, video)
        yield Pair(name, piece.name, piece.group, video, piece.audio, start, domain="montage")
        if progress is not None:
            progress(k + 1, count)


def render(plan: Plan, footage: list[Footage]) -> np.ndarray:
    """The frames of a plan.

    Returns:
        (F, 3, 48, 64) uint8.
    """
    picture = np.concatenate([_shot_frames(plan, shot, footage) for shot in plan.shots])  # (F, 48, 64, 3)
    tint = np.stack([plan.warmth, np.ones_like(plan.warmth), 1 / plan.warmth], axis=1)  # (F, 3)
    picture = picture * (plan.gain[:, None] * tint).astype(np.float32)[:, None, None, :]
    white = plan.flash.astype(np.float32)[:, None, None, None]
    picture = np.clip(picture, 0, 255) * (1 - white) + 255 * white
    return np.ascontiguousarray((picture + 0.5).astype(np.uint8).transpose(0, 3, 1, 2))


def curves_of(frames: np.ndarray, rate: float = FRAME_RATE) -> Features:
    """Features of drawn frames, as the encoder makes them of a file with these frames.

    Args:
        frames: (F, 3, 48, 64) uint8.
        rate: frames a second.
    """
    times = np.arange(len(frames)) / rate
    curves = VideoCurves(rate=rate)
    curves.add(frames, times, times)
    values, seen = curves.finish(len(frames) / rate)
    hop = make_encoder("curves", "video").hop
    return Features(values.astype(np.float16).astype(np.float32), seen, hop, len(frames) / rate, False)


def _shot_frames(plan: Plan, shot: Shot, footage: list[Footage]) -> np.ndarray:
    """(n, 48, 64, 3) float32: the footage of one shot at the plan's speed."""
    source = footage[shot.footage]
    step = plan.speed[shot.first : shot.last] / FRAME_RATE
    positions = shot.position + np.concatenate([[0.0], step.cumsum()[:-1]])
    picture = source.frames[[source.index(p) for p in positions]].astype(np.float32)
    if not plan.blend:
        return picture
    after = source.frames[[source.index(p + 1 / source.rate) for p in positions]]
    share = (positions * source.rate % 1).astype(np.float32)[:, None, None, None]
    return picture * (1 - share) + after * share


def _passage(room: float, visit: int, rng: np.random.Generator) -> float:
    """Where a montage begins in its music, on a hop: anywhere at the first visit, then in even strides."""
    room = max(room - 0.1, 0.0)
    place = rng.uniform(0, room) if visit == 0 else room * (visit * 0.618 % 1.0)
    return float(np.floor(place * 10) / 10)


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
