"""The kinds of towers by the names that configs give them."""

from collections.abc import Callable

from crossmodal.model.config import ModelConfig, SideConfig
from crossmodal.model.conv import ConvTower
from crossmodal.model.pooled import PooledTower
from crossmodal.model.tower import Tower
from crossmodal.model.transformer import TransformerTower

TOWERS: dict[str, Callable[[ModelConfig, SideConfig], Tower]] = {
    "conv": ConvTower,
    "pooled": PooledTower,
    "transformer": TransformerTower,
}
