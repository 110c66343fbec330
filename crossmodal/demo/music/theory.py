"""Scales, chord progressions and voicings, as MIDI numbers."""

import numpy as np

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
BRIGHT_MODES = frozenset({"major", "lydian", "mixolydian"})

# Degrees from 1; four chords, one or two bars each.
PROGRESSIONS = {
    "major": ((1, 5, 6, 4), (1, 6, 4, 5), (4, 1, 5, 6), (1, 3, 4, 5), (6, 4, 1, 5), (1, 4, 6, 5), (2, 5, 1, 6)),
    "lydian": ((1, 2, 1, 6), (1, 2, 6, 5), (1, 5, 2, 6), (4, 1, 2, 1)),
    "mixolydian": ((1, 7, 4, 1), (1, 4, 7, 4), (1, 5, 7, 4), (4, 1, 7, 1)),
    "minor": ((1, 6, 3, 7), (1, 4, 6, 5), (1, 7, 6, 7), (6, 7, 1, 1), (1, 3, 7, 4), (4, 6, 1, 7), (1, 6, 4, 5)),
    "dorian": ((1, 4, 1, 4), (1, 7, 4, 1), (1, 3, 4, 7), (2, 4, 1, 1)),
    "phrygian": ((1, 2, 1, 7), (1, 6, 2, 1), (1, 2, 3, 2)),
}


def scale_pitch(tonic: int, mode: str, degree: int) -> int:
    """MIDI number of a scale degree counted from 0, over any number of octaves."""
    scale = SCALES[mode]
    octave, step = divmod(degree, len(scale))
    return tonic + 12 * octave + scale[step]


def chord_pitches(tonic: int, mode: str, degree: int, n_tones: int) -> tuple[int, ...]:
    """Stacked thirds on a degree counted from 1: 3 tones a triad, 4 a seventh, 5 a ninth; root position."""
    return tuple(scale_pitch(tonic, mode, degree - 1 + 2 * k) for k in range(n_tones))


def voicing(pitches: tuple[int, ...], centre: int) -> tuple[int, ...]:
    """The chord's tones, each in the octave nearest to `centre`: common tones stay, the others move by steps."""
    placed = {centre + (pitch - centre + 6) % 12 - 6 for pitch in pitches}
    return tuple(sorted(placed))


def is_bright(pitches: tuple[int, ...]) -> bool:
    """Whether the chord's third is major."""
    return (pitches[1] - pitches[0]) % 12 == 4


def frequency_hz(pitch: float) -> float:
    """Of a MIDI number; 69 is 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def nearest_tone(pitch: int, tones: tuple[int, ...]) -> int:
    """The chord tone, in any octave, that lies nearest to `pitch`."""
    steps = [(tone - pitch + 6) % 12 - 6 for tone in tones]
    return pitch + int(steps[int(np.argmin(np.abs(steps)))])
