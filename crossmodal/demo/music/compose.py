"""The score of a song from a seed: form, harmony, melody, rhythm."""

from dataclasses import dataclass

import numpy as np

from crossmodal.demo.music.parts import Bar, play_part
from crossmodal.demo.music.rhythm import play_drums
from crossmodal.demo.music.score import Hit, Note, Section, Song
from crossmodal.demo.music.styles import FORMS, STYLES, Style
from crossmodal.demo.music.theory import PROGRESSIONS, chord_pitches, is_bright
from crossmodal.demo.music.titles import title

LONGEST, SHORTEST = 62.0, 58.0


def compose(seed: tuple[int, ...], *, style: int | Style | None = None) -> Song:
    """Write one song.

    Args:
        seed: numbers that together name it; the same numbers give the same song.
        style: a style, or an index into `STYLES`; None: drawn.

    Returns:
        The score, 60 to about 76 s long.
    """
    rng = np.random.default_rng([*seed, 1])
    if isinstance(style, Style):
        kind = style
    else:
        kind = STYLES[int(rng.integers(len(STYLES))) if style is None else style % len(STYLES)]
    tempo = float(rng.uniform(*kind.tempo_bpm))
    mode = str(rng.choice(kind.modes))
    tonic = int(rng.integers(0, 12)) + 48
    sections = _sections(kind, 60 / tempo * kind.beats_a_bar, rng)
    bars = _bars(kind, sections, 60 / tempo, tonic, mode, rng)
    voices = {role: str(rng.choice(part.voices)) for role, part in kind.parts.items()}
    notes: list[Note] = []
    for role, part in kind.parts.items():
        notes += play_part(
            role, part, kind, bars, (tonic, mode), np.random.default_rng([*seed, 2, len(role), ord(role[0])])
        )
    hits: list[Hit] = play_drums(kind, bars, sections, np.random.default_rng([*seed, 3]))
    end = sections[-1].end
    return Song(
        seed=seed,
        title=title(kind, mode, rng),
        style=kind,
        tonic=tonic,
        mode=mode,
        tempo_bpm=tempo,
        beats_a_bar=kind.beats_a_bar,
        duration=end + min(kind.room, 2.0) + 0.6,
        sections=sections,
        energy=tuple(bar.energy for bar in bars),
        bright_bars=tuple(is_bright(bar.chord) for bar in bars),
        voices=voices,
        notes=tuple(sorted(notes, key=lambda note: note.time)),
        hits=tuple(sorted(hits, key=lambda hit: hit.time)),
    )


def _sections(style: Style, bar: float, rng: np.random.Generator) -> tuple[Section, ...]:
    """The form in whole bars, between 60 and about 73 seconds."""
    form = FORMS[style.form]
    shares = np.array([share for _, share, _, _ in form], dtype=float)
    shares *= rng.uniform(0.85, 1.2, len(shares))
    n_bars_wanted = rng.uniform(SHORTEST, LONGEST) / bar
    counts = shares / shares.sum() * n_bars_wanted
    counts = np.maximum(1, np.where(counts > 3, 2 * np.round(counts / 2), np.round(counts))).astype(int)
    while counts.sum() * bar < 60:
        counts[int(np.argmax(shares))] += 2
    sections, first = [], 0
    for (name, _, low, high), n_bars in zip(form, counts, strict=True):
        shift = rng.uniform(-0.06, 0.06)
        rise = (float(np.clip(low + shift, 0.05, 1)), float(np.clip(high + shift, 0.05, 1)))
        sections.append(Section(name, first, int(n_bars), rise, first * bar, (first + int(n_bars)) * bar))
        first += int(n_bars)
    return tuple(sections)


@dataclass(frozen=True, slots=True)
class _Harmony:
    progressions: dict[str, tuple[int, ...]]

    def degree(self, section: str, bar: int, bars_a_chord: int) -> int:
        progression = self.progressions["chorus" if section in ("chorus", "build") else "verse"]
        return progression[(bar // bars_a_chord) % len(progression)]


def _bars(
    style: Style, sections: tuple[Section, ...], beat: float, tonic: int, mode: str, rng: np.random.Generator
) -> list[Bar]:
    """Every bar with its chord and its energy: the section's rise, and a small course of its own."""
    pool = PROGRESSIONS[mode]
    first, second = rng.choice(len(pool), 2, replace=False)
    harmony = _Harmony({"verse": pool[first], "chorus": pool[second]})
    length = beat * style.beats_a_bar
    bars = []
    for number, section in enumerate(sections):
        wander = np.cumsum(rng.normal(0, 0.045, section.n_bars))
        stops = rng.random(section.n_bars) < 0.08
        for index in range(section.n_bars):
            way = (index + 0.5) / section.n_bars
            energy = section.rise[0] * (1 - way) + section.rise[1] * way + float(np.clip(wander[index], -0.12, 0.12))
            degree = harmony.degree(section.name, index, style.bars_a_chord)
            last = index == section.n_bars - 1
            bars.append(
                Bar(
                    index=section.first_bar + index,
                    start=(section.first_bar + index) * length,
                    beat=beat,
                    chord=chord_pitches(tonic, mode, degree, style.tones),
                    energy=float(np.clip(energy, 0.05, 1.0)),
                    section=number,
                    section_name=section.name,
                    index_in_section=index,
                    is_last=last,
                    stop=bool((stops[index] and index % 4 == 3) or (last and section.name == "build")),
                )
            )
    return bars
