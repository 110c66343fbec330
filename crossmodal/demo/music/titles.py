"""Names for songs."""

import numpy as np

from crossmodal.demo.music.styles import Style
from crossmodal.demo.music.theory import BRIGHT_MODES

_BRIGHT = (
    "Amber", "Golden", "Open", "Morning", "Paper", "Orange", "Early",
    "Quick", "Salt", "Honey", "Coral", "Clear", "First", "Summer",
)  # fmt: skip
_DARK = (
    "Slate", "Hollow", "Midnight", "Iron", "Cold", "Distant", "Silver",
    "Violet", "Last", "Winter", "Velvet", "Copper", "Ash", "Night",
)  # fmt: skip
_SLOW = (
    "Tide", "Lanterns", "Orchard", "Letters", "Rooms", "Window", "Shoreline",
    "Drift", "Garden", "Snowfall", "Ferry", "Hours", "Moss", "Dune",
)  # fmt: skip
_FAST = (
    "Circuit", "Arcade", "Express", "Skyline", "Motor", "Parade", "Signal",
    "Boulevard", "Comet", "Engine", "Dancers", "Runway", "Prism", "Relay",
)  # fmt: skip


def title(style: Style, mode: str, rng: np.random.Generator) -> str:
    """Two words that suit mode and pace."""
    first = _BRIGHT if mode in BRIGHT_MODES else _DARK
    second = _FAST if style.tempo_bpm[0] >= 105 and style.beats_a_bar == 4 else _SLOW
    return f"{rng.choice(first)} {rng.choice(second)}"
