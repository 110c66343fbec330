"""A model whose sides are pretrained encoders: made by their names, saved, loaded, embedded; it knows its encoders."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from crossmodal.demo import make_clip
from crossmodal.errors import ModelError
from crossmodal.features import at_hop
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config

TINY = {
    "width": 8,
    "dilations": (1,),
    "vector_dim": 8,
    "hidden": 8,
    "lags": 4,
    "lag_channels": 2,
    "heads": 2,
    "hop": 0.5,
}
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(1)
    siglip = transformers.SiglipVisionConfig(**SMALL, image_size=32, patch_size=8)
    transformers.SiglipVisionModel(siglip).save_pretrained(folder / "siglip")
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder / "siglip")
    ast = transformers.ASTConfig(
        **SMALL, patch_size=8, time_stride=8, frequency_stride=8, max_length=200, num_mel_bins=32
    )
    transformers.ASTModel(ast).save_pretrained(folder / "ast")
    transformers.ASTFeatureExtractor(max_length=200, num_mel_bins=32).save_pretrained(folder / "ast")
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, seconds=6.4, cuts=(1.2, 2.9, 4.4), sound=True)


def new_model(video: str, audio: str) -> TwoTowerModel:
    torch.manual_seed(2)
    return TwoTowerModel(compact_config(video=video, audio=audio, **TINY)).eval()


def test_a_model_on_two_pretrained_encoders_is_saved_loaded_and_gives_the_same_bits(
    checkpoints: Path, clip: Path, tmp_path: Path
) -> None:
    model = new_model(str(checkpoints / "siglip"), str(checkpoints / "ast"))
    assert (model.config.video.channels, model.config.audio.channels, model.config.audio.level) == (16, 16, None)
    model.save_pretrained(tmp_path / "model")
    again = TwoTowerModel.from_pretrained(tmp_path / "model")
    for side in ("video", "audio"):
        embed, embed_again = (getattr(one, f"embed_{side}") for one in (model, again))
        made = embed(clip)
        assert made.sequence.shape == (13, 2, 2) and np.linalg.norm(made.vector) == pytest.approx(1, abs=1e-5)
        assert embed_again(clip).vector.tobytes() == made.vector.tobytes()
        assert embed_again(clip).sequence.tobytes() == made.sequence.tobytes()


def test_features_in_the_encoders_pace_are_brought_to_the_models(checkpoints: Path, clip: Path) -> None:
    model = new_model(str(checkpoints / "siglip"), "curves")
    features = model.encoders["video"].features(clip)
    assert features.hop == 1.0
    made, given = (model.embed(one, "video") for one in (features, at_hop(features, 0.5)))
    assert made.vector.tobytes() == given.vector.tobytes()
    assert model.embed_audio(clip).sequence.shape == (13, 2, 2)  # curves, ten rows a second, beside it


def test_features_of_another_pace_are_still_refused(checkpoints: Path, clip: Path) -> None:
    model = new_model(str(checkpoints / "siglip"), "curves")
    features = at_hop(model.encoders["video"].features(clip), 0.7)
    with pytest.raises(ModelError, match=r"every 0.7 s"):
        model.embed(features, "video")


def test_a_model_whose_encoder_is_another_now_is_refused(checkpoints: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoints / "siglip", tmp_path / "siglip")
    model = new_model(str(tmp_path / "siglip"), "curves")
    model.save_pretrained(tmp_path / "model")
    network = transformers.SiglipVisionModel.from_pretrained(tmp_path / "siglip")
    torch.nn.init.zeros_(network.post_layernorm.weight)
    network.save_pretrained(tmp_path / "siglip")
    with pytest.raises(ModelError, match="was trained on video features of"):
        _ = TwoTowerModel.from_pretrained(tmp_path / "model").encoders


def test_an_encoder_inside_the_models_folder_moves_with_it(
    checkpoints: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "first"
    shutil.copytree(checkpoints / "siglip", home / "siglip")
    with monkeypatch.context() as there:
        there.chdir(home)
        model = new_model("siglip", "curves")
    model.save_pretrained(home)
    shutil.move(home, tmp_path / "second")
    again = TwoTowerModel.from_pretrained(tmp_path / "second")
    assert again.embed_video(clip).sequence.shape == (13, 2, 2)
