"""The two-tower model: config, towers, saving, loading, embedding."""

from crossmodal.model.compact import compact_config
from crossmodal.model.config import LevelConfig, ModelConfig, SideConfig, explain
from crossmodal.model.folder import bundled_models, find_folder
from crossmodal.model.tower import Tower
from crossmodal.model.towers import TOWERS
from crossmodal.model.two_tower import TwoTowerModel

__all__ = [
    "TOWERS",
    "LevelConfig",
    "ModelConfig",
    "SideConfig",
    "Tower",
    "TwoTowerModel",
    "bundled_models",
    "compact_config",
    "explain",
    "find_folder",
]
