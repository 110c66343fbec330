"""Procedural music and clips from a seed."""

from crossmodal.demo.fixtures import make_clip, make_track
from crossmodal.demo.library import DemoLibrary, write_demo
from crossmodal.demo.passages import draw_pair

__all__ = ["DemoLibrary", "draw_pair", "make_clip", "make_track", "write_demo"]
