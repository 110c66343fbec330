"""A model folder: written whole, read back to the bit, and every fault of it said in one line."""

import json
from pathlib import Path

import pytest
import torch

from crossmodal.errors import ModelError
from crossmodal.model import ModelConfig, TwoTowerModel, bundled_models, compact_config, find_folder


@pytest.fixture
def saved(model: TwoTowerModel, tmp_path: Path) -> Path:
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def change_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_saved_model_comes_back_to_the_bit(model: TwoTowerModel, saved: Path, make_features: object) -> None:
    loaded = TwoTowerModel.from_pretrained(saved)
    assert loaded.fingerprint == model.fingerprint and loaded.folder == saved and not loaded.training
    features = make_features("audio", 150)  # type: ignore[operator]
    assert loaded.embed(features, "audio").vector.tobytes() == model.embed(features, "audio").vector.tobytes()
    assert sorted(path.name for path in saved.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_a_loaded_model_can_be_trained_on(saved: Path) -> None:
    loaded = TwoTowerModel.from_pretrained(str(saved)).train()
    vector, sequence = loaded.video(torch.randn(2, 60, 37), torch.ones(2, 60, dtype=torch.bool))
    (vector.sum() + sequence.sum()).backward()
    assert all(parameter.grad is not None for parameter in loaded.video.parameters())


def test_loading_draws_nothing_from_the_global_generator(saved: Path) -> None:
    before = torch.get_rng_state()
    TwoTowerModel.from_pretrained(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_fingerprint_follows_every_weight_every_statistic_and_every_setting(saved: Path) -> None:
    seen = {TwoTowerModel.from_pretrained(saved).fingerprint}
    for name in ("video.enter.bias", "audio.prepare.mean", "audio.to_vector.mlp.3.weight"):
        loaded = TwoTowerModel.from_pretrained(saved)
        with torch.no_grad():
            loaded.state_dict()[name].view(-1)[0] += 1e-3
        seen.add(loaded.fingerprint)
    change_config(saved, clip=4.5)
    seen.add(TwoTowerModel.from_pretrained(saved).fingerprint)
    assert len(seen) == 5


def test_the_card_is_kept_unless_another_is_given(model: TwoTowerModel, saved: Path) -> None:
    model.save_pretrained(saved, card="# Mine\n")
    model.save_pretrained(saved)
    assert (saved / "README.md").read_text() == "# Mine\n"


def test_calibration_goes_along_with_the_weights_it_belongs_to_and_with_no_others(saved: Path, tmp_path: Path) -> None:
    (saved / "calibration.json").write_text("{}")
    loaded = TwoTowerModel.from_pretrained(saved)
    loaded.save_pretrained(tmp_path / "copy")
    assert (tmp_path / "copy" / "calibration.json").read_text() == "{}"
    loaded.save_pretrained(saved)
    assert (saved / "calibration.json").exists()
    with torch.no_grad():
        loaded.video.enter.bias += 1
    loaded.save_pretrained(tmp_path / "copy")
    assert not (tmp_path / "copy" / "calibration.json").exists()


def test_an_unknown_key_is_answered_with_the_nearest(saved: Path) -> None:
    change_config(saved, widht=3)
    with pytest.raises(ModelError, match=r"config\.json: no key 'widht'\. Did you mean 'width'\?"):
        TwoTowerModel.from_pretrained(saved)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"format": 2}, "format 2 is newer"),
        ({"kernel": 4}, "it must be odd"),
        ({"video": {"channels": 37, "encodr": "curves"}}, "no key 'video.encodr'. Did you mean 'encoder'"),
        ({"audio": {"channels": 4, "level": {"reference": 9}}}, "level names channel 9"),
        ({"width": "wide"}, "width: "),
        ({"width": 32}, "not those that config.json describes"),
    ],
)
def test_a_config_that_does_not_hold_is_refused_in_one_line(saved: Path, values: dict[str, object], says: str) -> None:
    change_config(saved, **values)
    with pytest.raises(ModelError) as caught:
        TwoTowerModel.from_pretrained(saved)
    assert says in str(caught.value) and str(saved) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("model.safetensors", None, "is missing"),
        ("model.safetensors", b"\x08\x00\x00\x00", "is damaged"),
        ("config.json", b"{", "cannot be read"),
        ("config.json", b"[]", "config.json: "),
        ("config.json", None, "has no config.json"),
    ],
)
def test_missing_and_damaged_files_are_named(saved: Path, file: str, content: bytes | None, says: str) -> None:
    if content is None:
        (saved / file).unlink()
    else:
        (saved / file).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        TwoTowerModel.from_pretrained(saved)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_name_that_is_no_model_is_answered_with_those_there_are() -> None:
    with pytest.raises(
        ModelError, match=r"nowhere: is no folder, so it is no model\. Name a model folder, or a bundled"
    ):
        find_folder("nowhere")


@pytest.mark.parametrize("name", bundled_models())
def test_every_bundled_model_loads_by_its_name_and_is_small(name: str) -> None:
    loaded = TwoTowerModel.from_pretrained(name)
    assert loaded.folder is not None and set(loaded.encoders) == {"video", "audio"}
    assert sum(path.stat().st_size for path in loaded.folder.iterdir()) < 4e6


def test_a_model_of_another_encoder_version_is_refused_when_it_would_decode() -> None:
    settings = compact_config().video.model_copy(update={"encoder_fingerprint": "curves-video-0"})
    other = TwoTowerModel(ModelConfig(video=settings))
    with pytest.raises(ModelError, match="trained on video features of 'curves-video-0'"):
        _ = other.encoders


def test_the_models_encoders_are_made_when_asked_for_and_kept(model: TwoTowerModel) -> None:
    assert model.encoders["video"] is model.encoders["video"] and model.encoders["audio"].side == "audio"
