"""The seven couplings by which an editor cuts footage to music, as a plan of one montage.

*speed* follows loudness; *lively* footage stands on loud passages; *light* follows brightness; *warm*th follows mode or
brightness; *cuts* fall on beats; *shot*s are shorter where the music is loud; *flash*es fall on onsets. What a montage
does not couple is drawn at random from the same ranges.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from training.data.listening import GUIDE_RATE, Guide, strong_onsets

VERSION = "2"
FRAME_RATE = 25
COUPLINGS = ("speed", "lively", "light", "warm", "cuts", "shot", "flash")
# Shortest and longest seconds of a usual shot; what depends on shots needs several of them.
_USUAL_SHOT, _SHOTS = (0.5, 6.0), {"shot": (0.8, 2.5), "lively": (0.5, 2.0)}
_FLASH = np.array([1.0, 0.55, 0.25, 0.1])  # of its height, frame by frame


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames [first, last) of a montage show one piece of footage, from `position` seconds into it."""

    first: int
    last: int
    footage: int
    position: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a montage shows, frame by frame at 25 a second.

    Args:
        shots: in order, without gaps.
        speed: (F,) of the footage, 1 is its own.
        gain: (F,) factor on the picture.
        warmth: (F,) factor on red, divided from blue.
        flash: (F,) 0-1, how white.
        blend: frames between two of the source are mixed instead of repeated.
    """

    shots: tuple[Shot, ...]
    speed: np.ndarray
    gain: np.ndarray
    warmth: np.ndarray
    flash: np.ndarray
    blend: bool


@dataclass(frozen=True, slots=True, eq=False)
class Drivers:
    """Which curve of the music moves what, standardised: (F,) each, and the seconds of beats and of hits."""

    energy: np.ndarray
    light: np.ndarray
    warm: np.ndarray
    beats: np.ndarray
    hits: np.ndarray


def few_couplings(rng: np.random.Generator) -> dict[str, float]:
    """One to three couplings, each with a strength of 0.4-1."""
    names = rng.choice(COUPLINGS, int(rng.integers(1, 4)), replace=False)
    return {str(name): float(rng.uniform(0.4, 1.0)) for name in names}


def many_couplings(rng: np.random.Generator) -> dict[str, float]:
    """The mixture of a whole edit: mostly speed and cuts, often light, sometimes warmth or flashes."""
    odds = {"speed": 0.85, "lively": 0.5, "light": 0.6, "warm": 0.4, "cuts": 0.95, "shot": 0.5, "flash": 0.2}
    drawn = {name: float(rng.uniform(0.4, 1.0)) for name, p in odds.items() if rng.random() < p}
    return drawn or {"speed": 0.7}


def usual_drivers(guide: Guide, n_frames: int, rng: np.random.Generator) -> Drivers:
    """The seven couplings as named: loudness, brightness, mode or brightness, beats, onsets."""
    smooth = rng.uniform(0.06, 0.4)
    light = _standard(guide.brightness, n_frames, rng.uniform(0.06, 0.5))
    warm = _standard(guide.mode, n_frames, 0.3) if rng.random() < 0.3 else light
    return Drivers(_standard(guide.loudness, n_frames, smooth), light, warm, guide.beats, strong_onsets(guide.onset))


def other_drivers(guide: Guide, n_frames: int, rng: np.random.Generator) -> Drivers:
    """Rules that training never sees: onset density for loudness, loudness for light and warmth, hits for beats."""
    density = _standard(guide.onset, n_frames, rng.uniform(0.3, 0.8))
    loud = _standard(guide.loudness, n_frames, rng.uniform(0.1, 0.6))
    hits = np.sort(strong_onsets(guide.onset)[: max(4, n_frames // 12)])
    return Drivers(density, loud, loud, hits, guide.beats)


def loose_drivers(guide: Guide, n_frames: int, rng: np.random.Generator) -> Drivers:
    """Whatever else may move a picture: each change follows a curve drawn at random, none that `other_drivers` uses."""

    def drawn(*curves: np.ndarray) -> np.ndarray:
        return _standard(curves[int(rng.integers(len(curves)))], n_frames, float(rng.uniform(0.06, 0.6)))

    energy = drawn(guide.brightness, guide.mode, -guide.brightness)
    light, warm = (drawn(guide.onset, guide.mode, -guide.brightness) for _ in range(2))
    return Drivers(energy, light, warm, guide.beats, strong_onsets(guide.onset))


def draw_plan(drivers: Drivers, liveliness: np.ndarray, strengths: dict[str, float], rng: np.random.Generator) -> Plan:
    """Draw one montage.

    Args:
        drivers: curves of its music, (F,) each.
        liveliness: (K,) of the footage that it may use.
        strengths: couplings and how strong each is, 0-1; those not named are off.
    """
    n_frames = len(drivers.energy)
    edges = _cuts(drivers, strengths, rng)
    order = np.argsort(liveliness, kind="stable")
    chosen = _footage(drivers.energy, edges, len(order), strengths.get("lively", 0.0), rng)
    shots = tuple(
        Shot(first, last, int(order[k]), float(rng.uniform(0, 8)))
        for first, last, k in zip(edges[:-1], edges[1:], chosen, strict=True)
    )
    own_pace = np.exp(rng.uniform(-0.5, 0.5))
    return Plan(
        shots,
        np.clip(own_pace * np.exp(1.5 * strengths.get("speed", 0.0) * drivers.energy), 0.05, 8.0),
        np.exp(0.5 * strengths.get("light", 0.0) * drivers.light) * np.exp(rng.uniform(-0.4, 0.1)),
        np.exp(0.3 * strengths.get("warm", 0.0) * drivers.warm) * np.exp(rng.uniform(-0.15, 0.15)),
        _flashes(drivers.hits, n_frames, strengths.get("flash", 0.0), rng),
        bool(rng.random() < 0.4),
    )


def _cuts(drivers: Drivers, strengths: dict[str, float], rng: np.random.Generator) -> list[int]:
    """Frame numbers of the cuts, with 0 and the end: one for each unit that the pace adds up to."""
    n_frames, hurry = len(drivers.energy), strengths.get("shot", 0.0)
    ends = next((_SHOTS[name] for name in ("shot", "lively") if name in strengths), _USUAL_SHOT)
    usual = float(np.exp(rng.uniform(*np.log(ends))))
    grid = _beat_grid(drivers.beats, rng) if "cuts" in strengths else np.zeros(0)
    pace = np.exp(1.2 * hurry * _swell(drivers.energy)) / usual  # (F,) shots a second
    passed = pace.cumsum() / FRAME_RATE
    edges = [0]
    while True:
        due = passed[edges[-1]] + float(np.exp(rng.normal(0, 0.15 if hurry else 0.45)))
        now = max(int(np.searchsorted(passed, due)) / FRAME_RATE, edges[-1] / FRAME_RATE + 0.2)
        frame = round(_on_grid(now, edges[-1] / FRAME_RATE, grid) * FRAME_RATE)
        if frame >= n_frames - 4:
            return [*edges, n_frames]
        edges.append(frame)


def _beat_grid(beats: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The seconds at which a montage may cut: every beat, every fourth, or nearly on the beat."""
    style = rng.choice(["beat", "fourth", "near"], p=[0.65, 0.2, 0.15])
    if style == "fourth" and len(beats) >= 12:
        return beats[int(rng.integers(4)) :: 4]
    return np.sort(beats + rng.normal(0, 0.04, len(beats))) if style == "near" else beats


def _on_grid(now: float, last: float, grid: np.ndarray) -> float:
    """The second of the grid that is nearest to `now` and after the last cut; `now` where there is none."""
    later = grid[grid > last + 0.15]
    return float(later[np.abs(later - now).argmin()]) if len(later) else now


def _footage(
    energy: np.ndarray, edges: list[int], n_footage: int, lively: float, rng: np.random.Generator
) -> list[int]:
    """For each shot a rank among the footage by liveliness, never the same twice running."""
    loud = np.array([energy[first:last].mean() for first, last in pairwise(edges)])
    places = (loud.argsort().argsort() + 0.5) / len(loud)  # the loudest shot: near 1
    chosen: list[int] = []
    for place in places:
        wanted = lively * place + (1 - lively) * rng.uniform(0, 1)
        k = int(np.clip(round(wanted * (n_footage - 1)), 0, n_footage - 1))
        if chosen and k == chosen[-1] and n_footage > 1 and not lively:
            k = (k + 1) % n_footage
        chosen.append(k)
    return chosen


def _swell(energy: np.ndarray) -> np.ndarray:
    """(F,) how the energy moves over seconds, standardised: what the lengths of shots follow."""
    slow = gaussian_filter1d(energy, 0.8 * FRAME_RATE)
    return np.clip((slow - slow.mean()) / max(slow.std(), 1e-3), -2.0, 2.0)


def _flashes(hits: np.ndarray, n_frames: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """White flashes on the strongest hits; without the coupling now and then one at random."""
    flash = np.zeros(n_frames + len(_FLASH))
    if strength:
        seconds = hits[: max(3, int(rng.uniform(0.3, 1.5) * n_frames / FRAME_RATE))]
    else:
        seconds = rng.uniform(0, n_frames / FRAME_RATE, int(rng.integers(1, 5)) if rng.random() < 0.15 else 0)
    height = strength * rng.uniform(0.5, 1.0) if strength else rng.uniform(0.2, 0.8)
    for second in seconds:
        frame = round(float(second) * FRAME_RATE)
        if frame < n_frames:
            flash[frame : frame + len(_FLASH)] = np.maximum(flash[frame : frame + len(_FLASH)], height * _FLASH)
    return flash[:n_frames]


def _standard(curve: np.ndarray, n_frames: int, smooth: float) -> np.ndarray:
    """(F,) a curve of the music at the frames, smoothed over `smooth` seconds, mean 0, deviation 1, within ±2.5."""
    smoothed = gaussian_filter1d(curve.astype(np.float64), smooth * GUIDE_RATE)
    at = np.interp(np.arange(n_frames) / FRAME_RATE, np.arange(len(curve)) / GUIDE_RATE, smoothed)
    return np.clip((at - at.mean()) / max(at.std(), 1e-3), -2.5, 2.5)
