"""Made pictures and sounds whose motion, light and level are known; tiny random checkpoints of pretrained networks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from scipy.ndimage import gaussian_filter, map_coordinates

from crossmodal.demo import make_clip

HEIGHT, WIDTH = 48, 64

SMALL: dict[str, Any] = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
}  # fmt: skip
TEXT: dict[str, Any] = {**SMALL, "vocab_size": 9}
PICTURE: dict[str, Any] = {**SMALL, "image_size": 32, "patch_size": 8}


def make_clap(folder: Path, fused: bool) -> None:
    audio = {
        "spec_size": 64, "num_mel_bins": 16, "window_size": 4, "patch_size": 4, "patch_stride": [4, 4],
        "patch_embeds_hidden_size": 8, "hidden_size": 16, "depths": [1, 1], "num_attention_heads": [2, 2],
        "enable_fusion": fused, "fusion_type": "aff_2d" if fused else None,
    }  # fmt: skip
    text = {**TEXT, "max_position_embeddings": 20}
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=12)
    transformers.ClapModel(config).save_pretrained(folder)
    cut = "fusion" if fused else "rand_trunc"
    transformers.ClapFeatureExtractor(feature_size=16, max_length_s=2, truncation=cut).save_pretrained(folder)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint of each family in a folder of its name; read only."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    clip = transformers.CLIPConfig(text_config=TEXT, vision_config=PICTURE, projection_dim=12)
    transformers.CLIPModel(clip).save_pretrained(folder / "clip")
    size = {"height": 32, "width": 32}
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size).save_pretrained(folder / "clip")
    siglip = transformers.SiglipConfig(text_config=TEXT, vision_config=PICTURE)
    transformers.SiglipModel(siglip).save_pretrained(folder / "siglip")
    transformers.SiglipImageProcessor(size=size).save_pretrained(folder / "siglip")
    ast = transformers.ASTConfig(
        **SMALL, max_length=200, num_mel_bins=32, patch_size=8, time_stride=8, frequency_stride=8
    )
    transformers.ASTForAudioClassification(ast).save_pretrained(folder / "ast")
    transformers.ASTFeatureExtractor(max_length=200, num_mel_bins=32).save_pretrained(folder / "ast")
    make_clap(folder / "clap", fused=False)
    make_clap(folder / "clap-fused", fused=True)
    return folder


class Scene:
    """A smooth coloured texture, larger than the frame, seen through a window that moves and zooms."""

    def __init__(self, seed: int = 0) -> None:
        noise = np.random.default_rng(seed).standard_normal((3, 3 * HEIGHT, 3 * WIDTH))
        smooth = np.stack([gaussian_filter(plane, 3, mode="wrap") for plane in noise])
        self._texture = 127 + 45 * smooth / smooth.std()

    def frame(self, x: float = 0.0, y: float = 0.0, zoom: float = 1.0) -> np.ndarray:
        """(3, 48, 64) uint8: the window's centre moved by (x, y) pixels, what is seen made `zoom` times larger."""
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
        rows = (rows - (HEIGHT - 1) / 2) / zoom + 1.5 * HEIGHT + y
        columns = (columns - (WIDTH - 1) / 2) / zoom + 1.5 * WIDTH + x
        planes = [map_coordinates(plane, [rows, columns], order=1, mode="wrap") for plane in self._texture]
        return np.clip(np.round(planes), 0, 255).astype(np.uint8)

    def pan(self, positions: np.ndarray) -> np.ndarray:
        """(T, 3, 48, 64): one frame a horizontal position."""
        return np.stack([self.frame(x=position) for position in positions])


@pytest.fixture(scope="session")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="session")
def other_scene() -> Scene:
    return Scene(seed=1)


@pytest.fixture(scope="session")
def music() -> np.ndarray:
    """(96,000,) float32: 4 s of plucked chords with noise, at 24 kHz."""
    rng = np.random.default_rng(2)
    time = np.arange(96_000) / 24_000
    beat = time % 0.5
    tones = sum(np.sin(2 * np.pi * f * (1 + np.floor(time)) / 2 * time) for f in (220, 277, 330))
    return (0.1 * tones * np.exp(-4 * beat) + 0.01 * rng.standard_normal(96_000)).astype(np.float32)


@pytest.fixture(scope="session")
def sine() -> Callable[..., np.ndarray]:
    def make(hertz: float, seconds: float = 2.0, amplitude: float = 0.1) -> np.ndarray:
        return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 24_000)) / 24_000)).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 6.4 s with cuts and sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, seconds=6.4, cuts=(1.2, 2.9, 4.4), sound=True)
