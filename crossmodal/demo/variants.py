"""How a set of pairs departs from the demo library: who plays, what is seen, what disturbs, how large the files are."""

from dataclasses import dataclass

from crossmodal.demo.music.styles import STYLES, Style
from crossmodal.demo.nuisance import NO_NUISANCE, Nuisance
from crossmodal.demo.pictures.scenes import SCENES

SUFFIXES = ("m4a", "opus", "mp3", "opus", "m4a", "flac", "opus", "m4a", "opus", "opus", "m4a", "flac")
TRACK_RATE = 44_100
DRAWN_SIZE, CLIP_SIZE = (288, 162), (480, 270)


@dataclass(frozen=True, slots=True)
class Variant:
    """The defaults are the demo library, byte by byte.

    Args:
        styles: of the songs, in turn.
        scenes: what the clips show, at least three.
        nuisance: what follows nothing.
        drawn_size: (width, height) at which pictures are drawn.
        clip_size: (width, height) of the files, even.
        track_rate: samples a second of the tracks, a multiple of 300.
        channels: of the tracks, 1 or 2.
        suffixes: of the tracks, in turn.
    """

    styles: tuple[Style, ...] = STYLES
    scenes: tuple[str, ...] = tuple(SCENES)
    nuisance: Nuisance = NO_NUISANCE
    drawn_size: tuple[int, int] = DRAWN_SIZE
    clip_size: tuple[int, int] = CLIP_SIZE
    track_rate: int = TRACK_RATE
    channels: int = 2
    suffixes: tuple[str, ...] = SUFFIXES
