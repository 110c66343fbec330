"""Styles for bands that lack instruments, or that play these wherever they can: for sets with unseen timbres."""

from collections.abc import Callable
from dataclasses import replace

from crossmodal.demo.music.styles import STYLES, Style
from crossmodal.demo.music.voices import VOICES


def timbre_family(kind: str) -> frozenset[str]:
    """The voices of one kind of synthesis: `pad`, `table`, `partials` (struck and plucked) or `fm`."""
    return frozenset(name for name, voice in VOICES.items() if voice.kind == kind)


def styles_without(voices: frozenset[str]) -> tuple[Style, ...]:
    """The styles with these voices taken away; those of which a part would be left without a voice are not there."""
    bands = [_with_parts(style, lambda names: tuple(n for n in names if n not in voices)) for style in STYLES]
    return tuple(band for band in bands if all(part.voices for part in band.parts.values()))


def styles_led_by(voices: frozenset[str]) -> tuple[Style, ...]:
    """The styles in which at least two parts can play one of these voices; there, those parts play no others."""
    bands = [_with_parts(style, lambda names: tuple(n for n in names if n in voices) or names) for style in STYLES]
    return tuple(band for band in bands if sum(set(part.voices) <= voices for part in band.parts.values()) >= 2)


def _with_parts(style: Style, choose: Callable[[tuple[str, ...]], tuple[str, ...]]) -> Style:
    parts = {role: replace(part, voices=choose(part.voices)) for role, part in style.parts.items()}
    return replace(style, parts=parts)
