"""Procedural music and clips from a seed."""

from crossmodal.demo.fixtures import make_clip, make_track

__all__ = ["make_clip", "make_track"]
