"""The tonal parts: pads, chords, arpeggios, basses and melodies, bar by bar."""

from dataclasses import dataclass

import numpy as np

from crossmodal.demo.music.score import Note
from crossmodal.demo.music.styles import Part, Style
from crossmodal.demo.music.theory import SCALES, nearest_tone, voicing


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: when, over which chord, how hard; `stop`: its last beat is a breath."""

    index: int
    start: float
    beat: float
    chord: tuple[int, ...]
    energy: float
    section: int
    section_name: str
    index_in_section: int
    is_last: bool
    stop: bool


@dataclass(frozen=True, slots=True)
class _Stroke:
    mark: str
    step: int
    n_steps: int


def play_part(
    role: str, part: Part, style: Style, bars: list[Bar], key: tuple[int, str], rng: np.random.Generator
) -> list[Note]:
    """All notes of one role."""
    write = {"pad": _pad, "chords": _chords, "arp": _arp, "bass": _bass, "lead": _lead}[role]
    notes: list[Note] = []
    for section in range(bars[-1].section + 1):
        own = [bar for bar in bars if bar.section == section]
        peak = max(bar.energy for bar in own)
        if peak < part.enters + rng.uniform(-0.08, 0.08) * (part.enters > 0):
            continue
        if role == "lead" and own[0].section_name in ("intro", "build", "break") and rng.random() < 0.6:
            continue
        notes += write(part, style, own, key, rng)
    return notes


def strokes(pattern: str) -> list[_Stroke]:
    """The notes of a pattern: mark, first step, length in steps."""
    found = []
    for step, mark in enumerate(pattern):
        if mark in ".-":
            continue
        end = step + 1
        while end < len(pattern) and pattern[end] == "-":
            end += 1
        found.append(_Stroke(mark, step, end - step))
    return found


def moment(style: Style, bar: Bar, step: float, rng: np.random.Generator) -> float:
    """Seconds at which a step of the bar sounds: swung, and as loose as the style's players."""
    swung = step + (style.swing if int(step) % 2 else 0.0)
    return max(0.0, bar.start + swung * bar.beat / 4 + float(np.clip(rng.normal(0, style.loose), -0.03, 0.03)))


def _is_in_stop(style: Style, bar: Bar, step: int) -> bool:
    return bar.stop and step >= 4 * (style.beats_a_bar - 1)


def _velocity(bar: Bar, step: int, rng: np.random.Generator) -> float:
    accent = 1.0 if step % 4 == 0 else 0.86
    return float(np.clip((0.3 + 0.7 * bar.energy) * accent * rng.uniform(0.9, 1.1), 0.05, 1.0))


def _brightness(bar: Bar) -> float:
    return float(np.clip(0.08 + 0.85 * bar.energy, 0, 1))


def _pad(part: Part, style: Style, bars: list[Bar], key: tuple[int, str], rng: np.random.Generator) -> list[Note]:
    notes, steps = [], 4 * style.beats_a_bar
    for bar in bars:
        length = bar.beat * style.beats_a_bar * (0.75 if bar.stop else 1.02)
        for pitch in voicing(bar.chord, part.centre):
            notes.append(Note("pad", bar.start, length, pitch, _velocity(bar, steps, rng), _brightness(bar)))
    return notes


def _chords(part: Part, style: Style, bars: list[Bar], key: tuple[int, str], rng: np.random.Generator) -> list[Note]:
    notes = []
    pattern = str(rng.choice(part.patterns))
    for bar in bars:
        for stroke in strokes(pattern):
            if _is_in_stop(style, bar, stroke.step) or (bar.energy < 0.3 and stroke.step % 8):
                continue
            time, velocity = moment(style, bar, stroke.step, rng), _velocity(bar, stroke.step, rng)
            length = max(stroke.n_steps, 0.8) * bar.beat / 4
            strum = 0.012 if "guitar" in part.voices[0] else 0.0
            for order, pitch in enumerate(voicing(bar.chord, part.centre)):
                notes.append(Note("chords", time + strum * order, length, pitch, velocity, _brightness(bar)))
    return notes


def _arp(part: Part, style: Style, bars: list[Bar], key: tuple[int, str], rng: np.random.Generator) -> list[Note]:
    notes = []
    pattern = str(rng.choice(part.patterns))
    for bar in bars:
        low = voicing(bar.chord, part.centre)
        tones = [*low, *(pitch + 12 for pitch in low), low[0] + 24]
        for stroke in strokes(pattern):
            if _is_in_stop(style, bar, stroke.step) or (bar.energy < 0.25 and stroke.step % 4):
                continue
            pitch = tones[min(int(stroke.mark), len(tones) - 1)]
            pitch += 12 * (bar.energy > 0.85 and rng.random() < 0.25)
            length = max(stroke.n_steps, 1.4) * bar.beat / 4
            time = moment(style, bar, stroke.step, rng)
            notes.append(Note("arp", time, length, pitch, _velocity(bar, stroke.step, rng), _brightness(bar)))
    return notes


def _bass(part: Part, style: Style, bars: list[Bar], key: tuple[int, str], rng: np.random.Generator) -> list[Note]:
    notes = []
    pattern = str(rng.choice(part.patterns))
    for bar in bars:
        root = part.centre + (bar.chord[0] - part.centre + 6) % 12 - 6
        for stroke in strokes(pattern):
            if _is_in_stop(style, bar, stroke.step) or (bar.energy < 0.4 and stroke.step % 8):
                continue
            fifth = (bar.chord[2] - bar.chord[0]) % 12
            pitch = root + {"5": fifth if root < part.centre else fifth - 12, "8": 12}.get(stroke.mark, 0)
            length = stroke.n_steps * bar.beat / 4 * 0.96
            if stroke.n_steps == 4 * style.beats_a_bar and bar.stop:
                length *= 0.75
            time = moment(style, bar, stroke.step, rng)
            notes.append(Note("bass", time, length, pitch, _velocity(bar, stroke.step, rng), _brightness(bar) * 0.9))
    return notes


def _lead(part: Part, style: Style, bars: list[Bar], key: tuple[int, str], rng: np.random.Generator) -> list[Note]:
    """A two-bar motif, its answer, and the motif again with another ending."""
    motif, answer = (_line(str(rng.choice(part.patterns)), rng) for _ in range(2))
    notes, steps = [], 4 * style.beats_a_bar
    degree = int(rng.integers(0, 3))
    for bar in bars:
        phrase = bar.index_in_section // 2 % 4
        line = answer if phrase == 2 else motif
        half = bar.index_in_section % 2
        for stroke, move in line:
            if not half * steps <= stroke.step < (half + 1) * steps:
                continue
            step = stroke.step - half * steps
            if _is_in_stop(style, bar, step):
                continue
            degree = int(np.clip(degree + move + (phrase == 3 and rng.random() < 0.3), -3, 7))
            pitch = _melody_pitch(key, part.centre, degree, bar.chord if step % 8 == 0 else None)
            length = stroke.n_steps * bar.beat / 4 * 0.95
            time = moment(style, bar, step, rng)
            notes.append(Note("lead", time, length, pitch, _velocity(bar, step, rng), _brightness(bar)))
        if half:
            degree = int(np.clip(degree, -1, 4))
    return notes


def _line(pattern: str, rng: np.random.Generator) -> list[tuple[_Stroke, int]]:
    """A rhythm with a course: steps up and down the scale, leaps followed by a step back."""
    moves, leap = [], 0
    for _ in strokes(pattern):
        move = -int(np.sign(leap)) if leap else int(rng.choice((-2, -1, -1, 0, 1, 1, 2, 3, -3)))
        leap = move if abs(move) >= 2 else 0
        moves.append(move)
    return list(zip(strokes(pattern), moves, strict=True))


def _melody_pitch(key: tuple[int, str], centre: int, degree: int, chord: tuple[int, ...] | None) -> int:
    """A degree of the five-tone scale of the key round `centre`; on strong beats the nearest tone of the chord."""
    tonic, mode = key
    scale = SCALES[mode]
    five = [scale[k] for k in ((0, 1, 2, 4, 5) if scale[2] == 4 else (0, 2, 3, 4, 6))]
    base = centre + (tonic - centre + 6) % 12 - 6
    octave, step = divmod(degree, 5)
    pitch = base + 12 * octave + five[step]
    return nearest_tone(pitch, chord[:3]) if chord else pitch
