"""Procedural music and clips from a seed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crossmodal.demo.fixtures import make_clip, make_track

if TYPE_CHECKING:
    from crossmodal.demo.library import DemoLibrary, write_demo
    from crossmodal.demo.passages import draw_pair

# What composes needs SciPy, which takes a second to load; the fixtures do not wait for it.
_LATER = {
    "DemoLibrary": "crossmodal.demo.library",
    "write_demo": "crossmodal.demo.library",
    "draw_pair": "crossmodal.demo.passages",
}

__all__ = ["DemoLibrary", "draw_pair", "make_clip", "make_track", "write_demo"]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
