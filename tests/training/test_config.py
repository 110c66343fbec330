"""Settings: presets, files, overrides, and words for whoever mistypes."""

from pathlib import Path

import pytest

from crossmodal.errors import ConfigError
from crossmodal.losses import Circle, SigLIP
from training.config import Config, load_config
from training.objective import Objective


def test_the_compact_preset_loads() -> None:
    assert load_config("compact").steps >= 300


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("steps: 7\noptimiser: {lr: 0.1}\n")
    config = load_config(path, ["steps=9", "optimiser.weight_decay=0", "passage=[3, 4]"])
    assert (config.steps, config.optimiser.lr, config.optimiser.weight_decay, config.passage) == (
        9,
        0.1,
        0.0,
        (3.0, 4.0),
    )


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("stpes=3", "'steps'"),
        ("optimiser.lrr=1", "'lr'"),
        ("steps=0", "steps"),
        ("steps=many", "steps"),
        ("steps", "key=value"),
        ("steps.more=1", "steps.more"),
        ("passage=[12, 8]", "passage"),
        ("loss.vectors=circel", "no loss 'circel'. Did you mean 'circle'"),
        ("loss.vector_options={gama: 3}", "loss 'infonce'.*gama"),
        ("loss={vectors: circle, vector_options: {m: 3}}", "m is 3"),
        ("loss.sequences=triplet", "bounded similarity"),
    ],
)
def test_a_wrong_setting_is_named_with_its_remedy(setting: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load_config("compact", [setting])


def test_an_unknown_preset_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match="compact"):
        load_config("compcat")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("steps: [")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load_config(path)


def test_settings_survive_their_json() -> None:
    config = load_config("compact", ["seed=3"])
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_a_recipe_names_its_losses_by_key() -> None:
    loss = load_config(None, ["loss.vectors=circle", "loss.vector_options={gamma: 64}", "loss.sequences=siglip"]).loss
    made = Objective.of(loss, dim=4, label_dim=4, classes=2).loss
    assert type(made.vectors) is Circle and made.vectors.gamma == 64
    assert type(made.sequences) is SigLIP and made.sequences.max_scale == loss.max_scale
    assert (
        made.sequence_map is None
        and Objective.of(load_config(None, ["loss.sequences=circle"]).loss, 4, 4, 2).loss.sequence_map is not None
    )
