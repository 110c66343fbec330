"""The training loop on tiny data: it learns, it is deterministic, it goes on after a kill."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from training_made import TINY, coupled_pairs, made_trainer

from crossmodal.errors import ConfigError, CrossmodalError
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.data import hard_batches
from training.data.batches import Batches
from training.data.hard_batches import HardBatches
from training.data.pairs import Pair
from training.loop import Judge, Trainer
from training.preparation import curve_statistics
from training.state import FAILED, STATE
from training.towers import SIDES
from training.tracking import BOARD, LOG, METRICS


def trainer(folder: Path, pairs: list[Pair], *settings: str, judge: Judge | None = None) -> Trainer:
    made = made_trainer(folder, pairs, *TINY, *settings, judge=judge)
    made.fit_preparation()
    return made


def test_it_learns_the_coupling(tmp_path: Path, pairs: list[Pair]) -> None:
    made = trainer(tmp_path, pairs, "steps=60", "batch=24", "augment.drop=0", "optimiser.lr=5e-3")
    made.run()
    losses = [json.loads(line)["sequences"] for line in (tmp_path / LOG).read_text().splitlines()]
    assert sum(losses[-5:]) / 5 < 0.6 * sum(losses[:5]) / 5


KINDS = {
    "plain": (),
    "by parts": ("chunk_rows=3",),
    "with a memory": ("loss.memory=24",),
    "with more terms": ("loss.within=supcon", "loss.structure=intra_modal", "loss.direction_weights=[1, 3]"),
    "by class": ("loss.label=genre", "loss.labels=supcon", "per_class=3"),
    "out of step": ("data.time=shuffled",),
    "with hard negatives": ("hard_negatives=2",),
}


@pytest.mark.parametrize("settings", KINDS.values(), ids=KINDS)
def test_a_stopped_run_goes_on_to_the_same_weights(
    tmp_path: Path, pairs: list[Pair], settings: tuple[str, ...]
) -> None:
    whole = trainer(tmp_path / "whole", pairs, *settings).run()
    first = trainer(tmp_path / "stopped", pairs, *settings)
    first.run(stop=lambda: first.step == 5)  # the last state is of step 4
    second = trainer(tmp_path / "stopped", pairs, *settings)
    assert second.resume() and second.step == 4
    assert second.run().fingerprint == whole.fingerprint
    lines = [json.loads(line) for line in (tmp_path / "stopped" / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    named = [json.loads(line) for line in (tmp_path / "whole" / LOG).read_text().splitlines()]
    assert [line["loss"] for line in lines] == [line["loss"] for line in named]


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


def test_both_sides_of_a_row_have_one_tempo_which_is_its_own(pairs: list[Pair]) -> None:
    ramps = []
    for pair in pairs:
        video, audio = (
            replace(side, values=np.arange(len(side.values), dtype=np.float32)[:, None].repeat(3, 1))
            for side in (pair.video, pair.audio)
        )
        ramps.append(replace(pair, video=video, audio=audio))
    how = {"passage": (6.0, 6.0), "seed": 0, "tempo": 0.25}
    batch = Batches({"made": ramps}, {"made": 1.0}, size=24, **how).draw(4)
    few = Batches({"made": ramps}, {"made": 1.0}, size=5, **how).draw(4)
    assert batch.video.values.shape == (24, 60, 3) and batch.video.mask.all() and batch.audio.mask.all()
    paces = {}
    for key, seen, heard in zip(batch.keys, batch.video.values, batch.audio.values, strict=True):
        assert torch.allclose(seen, heard, atol=1e-3)
        steps = seen[1:, 0] - seen[:-1, 0]
        assert torch.allclose(steps, steps[:1], atol=1e-3)
        paces[key] = round(float(steps.mean()), 3)
    assert 0.78 <= min(paces.values()) < 0.9 and 1.1 < max(paces.values()) <= 1.27
    for key, seen in zip(few.keys, few.video.values, strict=True):  # whatever rows stand beside it
        assert round(float(seen[1, 0] - seen[0, 0]), 3) == pytest.approx(paces[key], abs=2e-3)


def test_labels_train_the_second_projection(tmp_path: Path, pairs: list[Pair]) -> None:
    """Two kinds of pairs, told apart by their pace: the nearest class centre of the other side is then the own."""
    genres, rng, labelled = ("slow", "fast"), np.random.default_rng(0), []
    for k, pair in enumerate(pairs):
        wave = np.sin(np.arange(len(pair.video.values)) * (1.5 if k % 2 else 0.3))[:, None].astype(np.float32)
        video, audio = (replace(side, values=side.values + 3 * wave) for side in (pair.video, pair.audio))
        values = (genres[k % 2], "any") if rng.random() < 0.1 else (genres[k % 2],)
        labelled.append(replace(pair, video=video, audio=audio, labels={"genre": values} if k else {}))
    settings = ("steps=60", "batch=24", "optimiser.lr=5e-3", "loss.label=genre", "model.label_dim=4")
    made = trainer(tmp_path, labelled, *settings, "model.vector_dim=8", "model.dilations=[1]")
    classes = made.batches.labels
    assert classes is not None and list(classes.classes) == ["any", "fast", "slow"]
    drawn = made.batches.draw(0).labels
    assert drawn is not None and drawn.tolist().count(-1) == 1
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


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (folder / LOG).read_text().splitlines()]


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_rows_a_few_at_a_time_give_the_losses_of_the_whole_batch(tmp_path: Path, pairs: list[Pair], rows: int) -> None:
    calm = ("model.dropout=0", "loss.structure=intra_modal", "loss.label=genre", "model.label_dim=4")
    trainer(tmp_path / "whole", pairs, *calm).run()
    trainer(tmp_path / "parts", pairs, *calm, f"chunk_rows={rows}").run()
    parts, whole = losses(tmp_path / "parts"), losses(tmp_path / "whole")
    assert parts[0] == pytest.approx(whole[0], abs=1e-5)
    assert parts == pytest.approx(whole, rel=1e-3)  # Adam's first steps turn on the sign of gradients near 0


def test_earlier_batches_are_compared_with_too(tmp_path: Path, pairs: list[Pair]) -> None:
    made = trainer(tmp_path, pairs, "loss.memory=24")
    made.run()
    terms = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert all(term["memory"] > 0 for term in terms)
    assert terms[0]["memory"] == pytest.approx(terms[0]["vectors"], abs=1e-4)  # all that it holds is the batch itself
    assert made.objective.memory is not None and bool(made.objective.memory.video_filled.all())


def test_heads_that_no_loss_looks_at_stand_still(tmp_path: Path, pairs: list[Pair]) -> None:
    made = trainer(tmp_path, pairs, "loss.sequence_weight=0")
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    made.run()
    moved = {name for name, value in made.model.state_dict().items() if not torch.equal(value, before[name])}
    assert any("to_vector" in name for name in moved) and not any("to_sequence" in name for name in moved)


def test_shuffled_time_takes_the_music_from_elsewhere(pairs: list[Pair]) -> None:
    how = {"size": 24, "passage": (4.0, 4.0), "seed": 0}
    aligned = Batches({"made": pairs}, {"made": 1.0}, **how).draw(2)
    shuffled = Batches({"made": pairs}, {"made": 1.0}, time="shuffled", **how).draw(2)
    same = [torch.equal(a, b) for a, b in zip(aligned.audio.values, shuffled.audio.values, strict=True)]
    assert aligned.keys != () and sum(same) < 3
    rows = {pair.id: torch.from_numpy(pair.audio.values) for pair in pairs}
    for key, values in zip(shuffled.keys, shuffled.audio.values, strict=True):
        windows = rows[key].unfold(0, 40, 1).transpose(1, 2)  # every passage of that music
        assert (windows == values).all(dim=(1, 2)).any()


def test_a_batch_by_class_has_k_rows_of_each(pairs: list[Pair]) -> None:
    batches = Batches({"made": pairs}, {"made": 1.0}, size=8, passage=(6.0, 8.0), seed=0, label="genre", per_class=4)
    labels = batches.draw(0).labels
    assert labels is not None and sorted(labels.tolist()) == [0] * 4 + [1] * 4
    assert len(set(batches.draw(0).keys)) == 8


def test_after_an_epoch_the_neighbours_are_those_of_the_model_then(tmp_path: Path, pairs: list[Pair]) -> None:
    made = trainer(tmp_path, pairs, "hard_negatives=3", "steps=3")
    model = made.run()  # its end is the end of an epoch
    rows, sampler = made.batches._pairs["made"], made.batches._samplers["made"]
    clips, music = (np.stack([model.embed(getattr(row, side), side).vector for row in rows]) for side in SIDES)
    for row, order in enumerate((clips @ music.T).argsort(1)[:, ::-1]):
        wanted = [k for k in order if k != row][1:13]  # the nearest 1 % may well fit: one is left out
        assert sampler.near[row].tolist() == wanted


def test_rows_that_lie_near_each_other_stand_in_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = coupled_pairs(96)
    vectors = torch.nn.functional.normalize(torch.randn(96, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    monkeypatch.setattr(hard_batches, "embed_all", lambda side, model, name: (vectors, None, None))
    batches = HardBatches({"made": pairs}, {"made": 1.0}, size=8, passage=(6.0, 8.0), seed=0, per_anchor=3)
    batches.refresh(TwoTowerModel(compact_config()))
    number = {pair.id: k for k, pair in enumerate(batches._pairs["made"])}
    drawn = [[number[key] for key in batches.draw(step).keys] for step in range(24)]
    assert all(len(set(batch)) == len(batch) > 1 for batch in drawn)
    near = (vectors @ vectors.T).argsort(1, descending=True)[:, 1:14]
    met = [k in near[row] for batch in drawn for row in batch for k in batch if k != row]
    assert sum(met) / len(met) > 1.5 * 13 / 95  # more than among random rows


def test_music_ids_can_be_the_classes(pairs: list[Pair]) -> None:
    batches = Batches({"made": pairs}, {"made": 1.0}, size=8, passage=(6.0, 8.0), seed=0, label="music_id")
    batch = batches.draw(0)
    assert batch.labels is not None and torch.equal(batch.labels, batch.ids)


def test_half_the_bits_give_nearly_the_same_losses(tmp_path: Path, pairs: list[Pair]) -> None:
    trainer(tmp_path / "whole", pairs).run()
    AcceleratorState._reset_state(reset_partial_state=True)
    trainer(tmp_path / "half", pairs, "precision=bf16").run()
    whole, half = losses(tmp_path / "whole"), losses(tmp_path / "half")
    assert half == pytest.approx(whole, rel=0.03) and half != whole


class _Encoder:
    """An encoder of two blocks, each with a norm that keeps running statistics."""

    def __init__(self, channels: int) -> None:
        torch.manual_seed(5)
        parts = [nn.Sequential(nn.Linear(channels, channels), _Norm(channels)) for _ in range(2)]
        self.network = nn.Sequential(*parts)

    def blocks(self) -> list[nn.Module]:
        return list(self.network)


class _Norm(nn.BatchNorm1d):
    """Over the last axis of (N, T, C)."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return super().forward(rows.transpose(1, 2)).transpose(1, 2)


def test_of_an_encoder_only_the_last_blocks_are_trained(tmp_path: Path, pairs: list[Pair]) -> None:
    encoder = _Encoder(37)
    made = made_trainer(tmp_path, pairs, *TINY, "encoder.blocks=1", networks={"video": encoder})
    made.fit_preparation()
    rows = torch.cat([encoder.network.eval()(b.video.values).flatten(0, 1) for b in map(made.batches.draw, range(4))])
    assert torch.allclose(made.model.video.prepare.mean, rows.mean(0), atol=1e-4)
    assert torch.allclose(made.model.video.prepare.deviation, rows.std(0, correction=0), atol=1e-3)
    before = {name: value.clone() for name, value in encoder.network.state_dict().items()}
    made.run()
    moved = {name for name, value in encoder.network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith("1.") for name in moved)  # neither weights nor statistics of the first
    assert {"1.0.weight", "1.1.running_mean"} <= moved
    again = made_trainer(tmp_path, pairs, *TINY, "encoder.blocks=1", networks={"video": _Encoder(37)})
    assert again.resume() and torch.equal(again.networks["video"].network[1][0].weight, encoder.network[1][0].weight)


class TestEpochs:
    """24 musics, 8 a batch: an epoch has three steps."""

    def test_each_epoch_is_judged_and_written(self, tmp_path: Path, pairs: list[Pair]) -> None:
        figures = iter([0.2, 0.4])
        made = trainer(tmp_path, pairs, judge=lambda model: {"recall@10": next(figures), "chance/recall@10": 0.1})
        made.run()
        with (tmp_path / METRICS).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["epoch"], row["step"], row["recall@10"]) for row in rows] == [("1", "3", "0.2"), ("2", "6", "0.4")]
        assert float(rows[0]["loss"]) == pytest.approx(sum(losses(tmp_path)[:3]) / 3, abs=1e-4)
        board = EventAccumulator(str(tmp_path / BOARD)).Reload()
        assert [event.step for event in board.Scalars("epoch/recall@10")] == [3, 6]
        assert [event.value for event in board.Scalars("step/loss")] == pytest.approx(losses(tmp_path), abs=1e-4)

    def test_the_judge_sees_the_averaged_weights(self, tmp_path: Path, pairs: list[Pair]) -> None:
        seen: list[str] = []
        made = trainer(tmp_path, pairs, judge=lambda model: seen.append(model.fingerprint) or {"recall@10": 0.5})
        assert made.run().fingerprint == seen[-1] and made.model.fingerprint != seen[-1]

    def test_epochs_say_how_long_a_run_is(self, tmp_path: Path, pairs: list[Pair]) -> None:
        made = trainer(tmp_path, pairs, "epochs=3")
        made.run()
        assert made.step == 9 and len(made.history) == 3

    def test_a_run_ends_when_it_gets_no_better_with_the_weights_of_its_best_epoch(
        self, tmp_path: Path, pairs: list[Pair]
    ) -> None:
        figures, seen = [0.2, 0.6, 0.5, 0.6, 0.9], []

        def judge(model: TwoTowerModel) -> dict[str, float]:
            seen.append(model.fingerprint)
            return {"recall@10": figures[len(seen) - 1]}

        made = trainer(tmp_path, pairs, "epochs=5", "patience=2", judge=judge)
        model = made.run()
        assert made.step == 12 and model.fingerprint == seen[1] != seen[3]
        again = trainer(tmp_path, pairs, "epochs=5", "patience=2", judge=judge)
        assert again.resume() and again.run().fingerprint == seen[1] and again.step == 12

    def test_epochs_of_a_killed_run_are_told_once(self, tmp_path: Path, pairs: list[Pair]) -> None:
        first = trainer(tmp_path, pairs, "epochs=3", judge=lambda model: {"recall@10": 0.1})
        first.run(stop=lambda: first.step == 7)  # the last state is of step 6, after the second epoch
        second = trainer(tmp_path, pairs, "epochs=3", judge=lambda model: {"recall@10": 0.2})
        second.resume()
        second.run()
        assert [(row["epoch"], row["recall@10"]) for row in second.history] == [(1, 0.1), (2, 0.1), (3, 0.2)]


class TestTrouble:
    def test_a_full_disk_is_said_and_the_last_state_is_whole(self, tmp_path: Path, pairs: list[Pair]) -> None:
        made = trainer(tmp_path, pairs)
        made.run(stop=lambda: made.step == 2)
        good = (tmp_path / STATE).read_bytes()
        (tmp_path / (STATE + ".part")).symlink_to("/dev/full")
        with pytest.raises(CrossmodalError, match=r"state\.pt: cannot be written .*--resume"):
            made.run()
        assert (tmp_path / STATE).read_bytes() == good
        again = trainer(tmp_path, pairs)
        assert again.resume() and again.step == 2

    def test_a_loss_that_is_no_number_stops_the_run_and_leaves_what_it_saw(
        self, tmp_path: Path, pairs: list[Pair]
    ) -> None:
        made = trainer(tmp_path, pairs)
        made.run(stop=lambda: made.step == 3)
        with torch.no_grad():
            made.model.video.enter.weight[0, 0] = torch.nan
        with pytest.raises(CrossmodalError, match=r"step 3: the loss is not finite, with the rows made-"):
            made.run()
        left = torch.load(tmp_path / FAILED, weights_only=True)
        assert left["step"] == 3 and left["batch"]["keys"] == list(made.batches.draw(3).keys)
        assert torch.isnan(left["towers"]["model.video.enter.weight"]).any()

    def test_a_state_that_is_cut_short_is_said(self, tmp_path: Path, pairs: list[Pair]) -> None:
        trainer(tmp_path, pairs).run()
        state = tmp_path / STATE
        state.write_bytes(state.read_bytes()[:1000])
        with pytest.raises(CrossmodalError, match="cannot be read"):
            trainer(tmp_path, pairs).resume()
