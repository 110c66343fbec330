"""The training loop on tiny data: it learns, it is deterministic, it goes on after a kill."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crossmodal.errors import ConfigError
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.config import Config, load_config
from training.data.batches import Batches
from training.data.pairs import Pair
from training.loop import Trainer
from training.preparation import curve_statistics
from training.state import STATE
from training.tracking import LOG

TINY = ["steps=6", "batch=8", "passage=[6, 8]", "checkpoint_every=2", "optimiser.warm_up=2", "optimiser.ema_from=2"]


def trainer(folder: Path, pairs: list[Pair], *settings: str) -> Trainer:
    config: Config = load_config(None, [*TINY, *settings])
    batches = Batches({"made": pairs}, {"made": 1.0}, size=config.batch, passage=config.passage, seed=config.seed)
    torch.manual_seed(config.seed)
    tiny = {"width": 16, "dilations": [1, 2], "hidden": 16, "vector_dim": 16, "lag_channels": 2, "heads": 4}
    made = Trainer(TwoTowerModel(compact_config(**tiny)), batches, config, folder)
    made.fit_preparation()
    return made


def test_it_learns_the_coupling(tmp_path: Path, pairs: list[Pair]) -> None:
    made = trainer(tmp_path, pairs, "steps=60", "batch=24", "augment.drop=0", "optimiser.lr=5e-3")
    made.run()
    losses = [json.loads(line)["sequences"] for line in (tmp_path / LOG).read_text().splitlines()]
    assert sum(losses[-5:]) / 5 < 0.6 * sum(losses[:5]) / 5


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path: Path, pairs: list[Pair]) -> None:
    whole = trainer(tmp_path / "whole", pairs).run()
    first = trainer(tmp_path / "killed", pairs)
    first.run(stop=lambda: first.step == 5)  # the last state is of step 4
    second = trainer(tmp_path / "killed", pairs)
    assert second.resume() and second.step == 4
    resumed = second.run()
    assert resumed.fingerprint == whole.fingerprint
    steps = [json.loads(line)["step"] for line in (tmp_path / "killed" / LOG).read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_another_seed_gives_another_model(tmp_path: Path, pairs: list[Pair]) -> None:
    one, other = trainer(tmp_path / "a", pairs).run(), trainer(tmp_path / "b", pairs, "seed=1").run()
    assert one.fingerprint != other.fingerprint


def test_the_global_random_state_is_left_alone(tmp_path: Path, pairs: list[Pair]) -> None:
    made = trainer(tmp_path, pairs)
    before = torch.get_rng_state()
    made.run()
    assert torch.equal(before, torch.get_rng_state())


def test_a_state_of_other_settings_is_refused(tmp_path: Path, pairs: list[Pair]) -> None:
    trainer(tmp_path, pairs).run()
    with pytest.raises(ConfigError, match="other settings"):
        trainer(tmp_path, pairs, "batch=7").resume()


def test_no_half_state_stands_under_the_name(
    tmp_path: Path, pairs: list[Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trainer(tmp_path, pairs)
    made.run()
    good = (tmp_path / STATE).read_bytes()

    def dies(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    with pytest.raises(KeyboardInterrupt):
        made.save()
    assert (tmp_path / STATE).read_bytes() == good


def test_preparation_standardises_the_training_curves(tmp_path: Path, pairs: list[Pair]) -> None:
    made = trainer(tmp_path, pairs)
    for tower, side in ((made.model.video, "video"), (made.model.audio, "audio")):
        mean, deviation = curve_statistics(tower, pairs, side)
        assert torch.allclose(tower.prepare.mean, mean) and (deviation > 0).all()


def test_a_batch_has_each_music_once_and_shrinks_to_what_there_is(pairs: list[Pair]) -> None:
    batches = Batches({"made": pairs + pairs}, {"made": 1.0}, size=64, passage=(6.0, 8.0), seed=0)
    batch = batches.draw(3)
    assert len(batch.ids) == len(pairs) == len(batch.ids.unique())
    assert batches.shrunk() == {"made": len(pairs)}
    assert batch.video.values.shape[:2] == batch.audio.values.shape[:2]


def test_both_sides_of_a_row_show_the_same_passage(pairs: list[Pair]) -> None:
    from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS

    batch = Batches({"made": pairs}, {"made": 1.0}, size=24, passage=(6.0, 8.0), seed=0).draw(0)
    motion = batch.video.values[:, :, VIDEO_CHANNELS.index("motion")]
    loud = batch.audio.values[:, :, AUDIO_CHANNELS.index("log_rms")]
    for m, a in zip(motion, loud, strict=True):
        assert torch.corrcoef(torch.stack([m, a]))[0, 1] > 0.9


def test_labels_train_the_second_projection(tmp_path: Path, pairs: list[Pair]) -> None:
    """Two kinds of pairs, told apart by their pace: the nearest class centre of the other side is then the own."""
    genres, rng, labelled = ("slow", "fast"), np.random.default_rng(0), []
    for k, pair in enumerate(pairs):
        wave = np.sin(np.arange(len(pair.video.values)) * (1.5 if k % 2 else 0.3))[:, None].astype(np.float32)
        video, audio = (replace(side, values=side.values + 3 * wave) for side in (pair.video, pair.audio))
        values = (genres[k % 2], "any") if rng.random() < 0.1 else (genres[k % 2],)
        labelled.append(replace(pair, video=video, audio=audio, labels={"genre": values} if k else {}))
    config = load_config(None, [*TINY, "steps=60", "batch=24", "optimiser.lr=5e-3", "loss.label=genre"])
    batches = Batches({"made": labelled}, {"made": 1.0}, size=24, passage=(6.0, 8.0), seed=0, label="genre")
    assert batches.labels is not None and list(batches.labels.classes) == ["any", "fast", "slow"]
    drawn = batches.draw(0).labels
    assert drawn is not None and drawn.tolist().count(-1) == 1
    tiny = {"width": 16, "dilations": [1], "hidden": 16, "vector_dim": 8, "label_dim": 4, "lag_channels": 2, "heads": 4}
    torch.manual_seed(0)
    made = Trainer(TwoTowerModel(compact_config(**tiny)), batches, config, tmp_path)
    made.fit_preparation()
    (proxies, *_) = made.objective.loss.labels.parameters()
    before = proxies.detach().clone()
    model = made.run()
    assert not torch.equal(before, proxies)  # they are trained too
    seen, heard = (
        np.stack([model.embed(getattr(pair, side), side).views["labels"] for pair in labelled])
        for side in ("video", "audio")
    )
    own = np.arange(24) % 2
    centres = np.stack([heard[own == kind].mean(axis=0) for kind in (0, 1)])
    assert seen.shape == (24, 4) and ((seen @ centres.T).argmax(axis=1) == own).mean() > 0.9
