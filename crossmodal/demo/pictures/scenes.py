"""All scenes by name."""

from collections.abc import Callable

import numpy as np

from crossmodal.demo.pictures import flows, places, shapes
from crossmodal.demo.pictures.canvas import Canvas, Palette, Scene

SCENES: dict[str, Callable[[Canvas, Palette, np.random.Generator], Scene]] = {
    "dunes": places.Dunes,
    "sea": places.Sea,
    "aurora": places.Aurora,
    "street lights": places.StreetLights,
    "road": places.Road,
    "forest": places.Forest,
    "rain": places.Rain,
    "skyline": places.Skyline,
    "poster": shapes.Poster,
    "orbits": shapes.Orbits,
    "mandala": shapes.Mandala,
    "rings": shapes.Rings,
    "seeds": shapes.Seeds,
    "paper": shapes.Paper,
    "strings": shapes.Strings,
    "silk": flows.Silk,
    "kaleidoscope": flows.Kaleidoscope,
    "lava": flows.Lava,
    "tunnel": flows.Tunnel,
    "stars": flows.Stars,
    "fireworks": flows.Fireworks,
}

# By the module that draws them.
FAMILIES: dict[str, tuple[str, ...]] = {
    family: tuple(name for name, scene in SCENES.items() if scene.__module__ == module.__name__)
    for family, module in (("places", places), ("shapes", shapes), ("flows", flows))
}
