"""Songs composed and played from a seed: `compose` writes the score, `play` makes it sound."""

from crossmodal.demo.music.compose import compose
from crossmodal.demo.music.play import play
from crossmodal.demo.music.score import Section, Song

__all__ = ["Section", "Song", "compose", "play"]
