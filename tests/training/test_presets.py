"""Every preset: it loads, trains on tiny pairs, is saved, loaded and embeds; a mistyped key is answered."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
from crossmodal.errors import CrossmodalError
from crossmodal.model import TwoTowerModel
from training.config import PRESETS, load_config
from training.data.pairs import Pair
from training.inputs import Material
from training.loop import Trainer
from training.runs import make_batches, new_model
from training.tracking import LOG

NAMES = sorted(path.stem for path in PRESETS.glob("*.yaml"))
ON_CURVES = [name for name in NAMES if name != "raw"]  # raw reads media and has tests of its own
VECTORS_ALONE = {"vmnet", "pretet", "mvpt", "vmcml", "circle", "intra", "control", "siglip"}
SHORT = ["steps=2", "batch=8", "passage=[6, 8]", "optimiser.warm_up=0", "optimiser.ema_from=1"]


def train(name: str, pairs: list[Pair], folder: Path) -> tuple[TwoTowerModel, list[dict[str, float]]]:
    """The model of a preset after two steps, and the lines of its log."""
    config = load_config(name, SHORT)
    labelled = [replace(pair, labels={"genre": (f"genre-{k % 3}",)}) for k, pair in enumerate(pairs)]
    batches = make_batches(Material({"made": labelled}), config, hop=0.1)
    trainer = Trainer(new_model(config), batches, config, folder)
    trainer.fit_preparation()
    model = trainer.run()
    return model, [json.loads(line) for line in (folder / LOG).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ON_CURVES)
def test_a_preset_trains_is_saved_and_embeds(name: str, pairs: list[Pair], tmp_path: Path) -> None:
    before = new_model(load_config(name, SHORT))
    model, lines = train(name, pairs, tmp_path / "run")
    assert len(lines) == 2 and all(np.isfinite(line["loss"]) and line["grad_norm"] > 0 for line in lines)
    moved = [not torch.equal(a, b) for a, b in zip(before.parameters(), model.parameters(), strict=True)]
    assert sum(moved) > 0.9 * len(moved)
    model.save_pretrained(tmp_path / "model")
    loaded = TwoTowerModel.from_pretrained(tmp_path / "model")
    assert loaded.fingerprint == model.fingerprint and loaded.config.name == name
    clip, music = loaded.embed(pairs[0].video, "video"), loaded.embed(pairs[0].audio, "audio")
    assert abs(np.linalg.norm(clip.vector) - 1) < 1e-5 and clip.vector.shape == music.vector.shape
    assert (clip.sequence.shape[1] == 0) == (name in VECTORS_ALONE) == (music.sequence.shape[1] == 0)
    assert len(clip.segments) >= 1


def test_the_terms_of_each_are_those_of_its_paper(pairs: list[Pair], tmp_path: Path) -> None:
    terms = {}
    for name in ON_CURVES:
        (line, _) = train(name, pairs, tmp_path / name)[1]
        terms[name] = {"vectors", "sequences", "within", "labels", "structure"} & set(line)
    assert terms["vmnet"] == terms["intra"] == {"vectors", "structure"}
    assert terms["control"] == {"vectors", "labels"} and terms["vmcml"] == {"labels"}
    assert terms["pretet"] == terms["mvpt"] == terms["siglip"] == terms["circle"] == {"vectors"}
    assert terms["compact"] == {"vectors", "sequences"}


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_says_whose_recipe_it_is_and_what_differs(name: str) -> None:
    text = (PRESETS / f"{name}.yaml").read_text(encoding="utf-8")
    comment = [line for line in text.splitlines() if line.startswith("#")]
    assert comment and text.startswith("#")
    if name not in {"compact", "raw"}:
        assert any("As there:" in line for line in comment) and ("Otherwise:" in text or "it is a loss" in text.lower())


def test_every_preset_has_its_row_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "presets.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"| `{name}` |" in page


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("stesp=3", "Did you mean 'steps'"),
        ("loss.vector=ranking", "Did you mean 'vectors'"),
        ("loss.vectors=rankin", "Did you mean 'ranking'"),
        ("loss.structure=soft_structur", "Did you mean 'soft_structure'"),
        ("optimiser.shedule=constant", "Did you mean 'schedule'"),
        ("optimiser.schedule=linear", "'cosine' or 'constant'"),
        ("model.widht=3", "Did you mean 'width'"),
        ("model.tower=pooling", "'conv', 'pooled' or 'transformer'"),
    ],
)
def test_a_mistyped_key_is_answered_with_the_nearest(setting: str, says: str) -> None:
    with pytest.raises(CrossmodalError) as caught:
        new_model(load_config("vmnet", [setting]))
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_a_preset_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(CrossmodalError, match="vmnet"):
        load_config("vmnett")


def test_vmnet_keeps_its_constant_rate_and_its_directions() -> None:
    config = load_config("vmnet")
    assert config.optimiser.schedule == "constant" and config.optimiser.weight_decay == 0
    assert config.loss.direction_weights == (1, 3) and config.loss.vector_options["top"] == 100
    assert new_model(config).video.prepare.mean.shape == (len(VIDEO_CHANNELS),) != (len(AUDIO_CHANNELS),)
