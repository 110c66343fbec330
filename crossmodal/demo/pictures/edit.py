"""The film of a passage: shots cut on beats, each a scene, all driven and graded by the music."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from crossmodal.demo.music.score import Song
from crossmodal.demo.nuisance import NO_NUISANCE, Nuisance, flickering, wandering
from crossmodal.demo.pictures.canvas import PALETTES, Canvas, Moment, Palette
from crossmodal.demo.pictures.drive import Drive, hear
from crossmodal.demo.pictures.scenes import SCENES

SHORTEST_SHOT = 0.45


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames `first` to `last` of one look, seen through one zoom."""

    first: int
    last: int
    scene: str
    palette: Palette
    seed: int
    zoom: float
    centre: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """A passage's pictures before they are drawn; `frames` draws them at any size."""

    fps: int
    shots: tuple[Shot, ...]
    drive: Drive = field(repr=False)
    phase: np.ndarray = field(repr=False)  # (T,) distance travelled
    beats: np.ndarray = field(repr=False)  # (T,) beats since the clip began
    gain: np.ndarray = field(repr=False)  # (T, 3) exposure and warmth, by channel
    flash: np.ndarray = field(repr=False)  # (T,) share of white

    @property
    def cuts(self) -> list[float]:
        """Seconds at which a shot begins, the first apart."""
        return [shot.first / self.fps for shot in self.shots[1:]]

    def frames(self, size: tuple[int, int]) -> Iterator[np.ndarray]:
        """uint8 (3, H, W) RGB, one a frame; `size` is (width, height), and the picture is 16:9 whatever it says."""
        # Noise of one step hides the steps of 8-bit gradients.
        dither = np.random.default_rng(7).random((size[1], size[0]), dtype=np.float32)
        for shot in self.shots:
            canvas = Canvas.of(size, shot.zoom, shot.centre)
            scene = SCENES[shot.scene](canvas, shot.palette, np.random.default_rng(shot.seed))
            for index in range(shot.first, shot.last):
                picture = scene.draw(self._moment(index))
                white = self.flash[index]
                picture *= (255 * (1 - white) * self.gain[index])[:, None, None]
                picture += dither + 255 * white
                yield np.clip(picture, 0, 255, out=picture).astype(np.uint8)

    def _moment(self, index: int) -> Moment:
        drive = self.drive
        return Moment(
            time=index / self.fps,
            phase=float(self.phase[index]),
            level=float(drive.level[index]),
            pulse=float(drive.pulse[index]),
            spark=float(drive.spark[index]),
            light=float(drive.light[index]),
            beat=float(self.beats[index]),
        )


def plan_film(
    song: Song,
    start: float,
    samples: np.ndarray,
    *,
    rate: int,
    fps: int = 25,
    seed: tuple[int, ...],
    lead_scene: int | None = None,
    scenes: Sequence[str] = tuple(SCENES),
    nuisance: Nuisance = NO_NUISANCE,
) -> Film:
    """Plan the pictures of a passage.

    Args:
        song: whose beats, sections and harmony are followed.
        start: second of the song at which the passage begins.
        samples: (L,) the passage, mono, as loud as it is in the song.
        rate: samples a second.
        fps: frames a second.
        seed: numbers that choose looks and strengths.
        lead_scene: index of the first scene; None: drawn.
        scenes: what may be seen, at least three of them.
        nuisance: what follows nothing.

    Returns:
        The film, as long as the samples.
    """
    rng = np.random.default_rng([*seed, 11])
    n_frames = int(len(samples) / rate * fps)
    drive = hear(samples, rate, n_frames, fps)
    times = start + np.arange(n_frames) / fps
    speed = rng.uniform(0.85, 1.15) * (0.14 + 1.9 * drive.level**2.6 + 0.9 * drive.level**2 * drive.pulse)
    shots = _shots(song, start, n_frames, fps, drive, rng, scenes, lead_scene)
    light = gaussian_filter1d(drive.light, 0.08 * fps)
    exposure = rng.uniform(0.72, 0.8) + rng.uniform(0.3, 0.5) * light
    warmth = _warmth(song, times, fps) * rng.uniform(0.08, 0.16)
    gain = exposure[:, None] * (1 + warmth[:, None] * np.array([1.0, 0.1, -1.2]))
    if nuisance.wander:
        speed = speed * wandering(n_frames, fps, nuisance.wander, seed)
    if nuisance.flicker:
        gain = gain * flickering(n_frames, fps, nuisance.flicker, seed)[:, None]
    flash = rng.choice((0.05, 0.1, 0.16)) * drive.pulse**2 * (0.3 + 0.7 * drive.level)
    return Film(
        fps=fps,
        shots=shots,
        drive=drive,
        phase=np.cumsum(speed) / fps + rng.uniform(0, 50),
        beats=(times / song.beat - np.floor(start / song.beat)),
        gain=gain.astype(np.float32),
        flash=flash.astype(np.float32),
    )


def _warmth(song: Song, times: np.ndarray, fps: int) -> np.ndarray:
    """(T,) -1 cool to 1 warm: the chord's third, softened over half a second."""
    bars = np.clip((times / song.bar).astype(int), 0, len(song.bright_bars) - 1)
    bright = np.where(np.array(song.bright_bars)[bars], 1.0, -1.0)
    return gaussian_filter1d(bright, 0.25 * fps, mode="nearest")


def _shots(
    song: Song,
    start: float,
    n_frames: int,
    fps: int,
    drive: Drive,
    rng: np.random.Generator,
    names: Sequence[str],
    lead_scene: int | None,
) -> tuple[Shot, ...]:
    """Shots between cuts, two or three looks in turn."""
    scenes = [names[(int(rng.integers(len(names))) if lead_scene is None else lead_scene) % len(names)]]
    scenes += [str(name) for name in rng.choice([n for n in names if n != scenes[0]], 2, replace=False)]
    is_warm = song.mode in ("major", "lydian", "mixolydian")
    pool = [palette for palette in PALETTES if palette.is_warm == is_warm]
    first, second = (pool[int(k)] for k in rng.choice(len(pool), 2, replace=False))
    edges = [0, *_cuts(song, start, n_frames, fps, drive, rng), n_frames]
    order = rng.choice(((0, 1, 0, 2), (0, 0, 1, 1), (0, 1, 2, 1), (0, 0, 0, 1)), 1)[0]
    shots = []
    for number, (begin, end) in enumerate(pairwise(edges)):
        look = int(order[number % 4])
        zoom = 1.0 if number == 0 else float(rng.choice((1.0, 1.25, 1.6)))
        reach = 1 - 1 / zoom
        centre = (float(rng.uniform(-reach, reach)), float(rng.uniform(-reach, reach) * 0.5))
        shots.append(
            Shot(begin, end, scenes[look], second if look == 1 else first, int(rng.integers(2**31)), zoom, centre)
        )
    return tuple(shots)


def _cuts(song: Song, start: float, n_frames: int, fps: int, drive: Drive, rng: np.random.Generator) -> list[int]:
    """Frames at which to cut: on beats, the oftener the louder, and always where a section begins."""
    pace = float(rng.choice((0.5, 1.0, 1.0, 2.0)))
    section_starts = {round(section.start / song.beat) for section in song.sections}
    cuts: list[int] = []
    wait = 0.0
    for beat in range(int(np.ceil(start / song.beat)), int((start + n_frames / fps) / song.beat) + 1):
        frame = int(np.ceil((beat * song.beat - start) * fps - 1e-6))
        last = cuts[-1] if cuts else 0
        if frame - last < SHORTEST_SHOT * fps or frame > n_frames - SHORTEST_SHOT * fps:
            continue
        length = _shot_beats(float(drive.level[min(last + fps // 4, n_frames - 1)])) * pace
        wait = (frame - last) / fps / song.beat
        on_grid = beat % min(int(length) or 1, song.beats_a_bar) == 0
        if beat in section_starts or (wait >= length - 0.25 and on_grid):
            cuts.append(frame)
    return cuts


def _shot_beats(level: float) -> float:
    """Length of a shot in beats at a loudness of 0-1."""
    for limit, beats in ((0.3, 16), (0.5, 8), (0.75, 4), (0.9, 2)):
        if level < limit:
            return beats
    return 2
