"""The drums: layers that enter with the energy, fills before a new section, risers and impacts between them."""

from itertools import pairwise

import numpy as np

from crossmodal.demo.music.parts import Bar, moment
from crossmodal.demo.music.score import Hit, Section
from crossmodal.demo.music.styles import Style

LOUD = {"x": 1.0, "o": 0.65, "g": 0.35}
FILLS = ("............oxxx", "........o.o.xoxx", "............x.xx", "..........xoxoxx", "........xxxxxxxx")


def play_drums(style: Style, bars: list[Bar], sections: tuple[Section, ...], rng: np.random.Generator) -> list[Hit]:
    """All strokes and effects of a song."""
    hits: list[Hit] = []
    thresholds = {section: rng.uniform(-0.06, 0.06) for section in range(len(sections))}
    for bar in bars:
        drums_rest = bar.section_name == "break" or (bar.section_name == "intro" and bar.index_in_section == 0)
        for piece, pattern, enters in style.beat:
            if bar.energy >= enters + thresholds[bar.section] + (0.15 if drums_rest else 0.0):
                hits += _layer(style, bar, piece, pattern, rng)
        if bar.is_last and bar.energy > 0.4 and not bar.stop and rng.random() < 0.7:
            hits += _fill(style, bar, rng)
    hits += _joints(style, sections, bars)
    if style.crackle:
        hits.append(Hit("crackle", 0.0, 1.0, sections[-1].end))
    return hits


def _layer(style: Style, bar: Bar, piece: str, pattern: str, rng: np.random.Generator) -> list[Hit]:
    hits = []
    for step, mark in enumerate(pattern):
        if mark == "." or (bar.stop and step >= 4 * (style.beats_a_bar - 1)):
            continue
        if mark == "g" and rng.random() < 0.15:
            continue
        level = LOUD[mark] * (0.45 + 0.55 * bar.energy) * rng.uniform(0.88, 1.0)
        hits.append(Hit(piece, moment(style, bar, step, rng), float(level)))
    return hits


def _fill(style: Style, bar: Bar, rng: np.random.Generator) -> list[Hit]:
    pattern = str(rng.choice(FILLS))[-4 * style.beats_a_bar :]
    pieces = ("tom", "low tom") if rng.random() < 0.5 else ("snare", "snare")
    return [
        Hit(pieces[step % 2], moment(style, bar, step, rng), float(LOUD[mark] * (0.4 + 0.5 * bar.energy)))
        for step, mark in enumerate(pattern)
        if mark != "."
    ]


def _joints(style: Style, sections: tuple[Section, ...], bars: list[Bar]) -> list[Hit]:
    """Risers through builds; crash and boom where the energy jumps up; a falling sweep where it drops."""
    hits = []
    for before, after in pairwise(sections):
        jump = after.rise[0] - before.rise[1]
        arrival = after.name == "chorus"
        if arrival or jump > 0.2:
            length = min(before.end - before.start, 6.0)
            hits.append(Hit("riser", before.end - length, 0.4 + 0.6 * after.rise[0], length))
            hits.append(Hit("crash", after.start, 0.5 + 0.5 * after.rise[0]))
            if after.rise[0] > 0.6:
                hits.append(Hit("boom", after.start, 0.7 * after.rise[0]))
        elif jump < -0.25:
            hits.append(Hit("fall", after.start, 0.8, 2.5))
    return hits
