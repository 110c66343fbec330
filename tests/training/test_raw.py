"""Raw media in training: pairs of a manifest, passages, augmentation, worker processes, broken files."""

import copy
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks_made import SMALL_TOWERS
from torch import nn

from crossmodal.demo import make_clip, make_track
from crossmodal.encoders.network_encoder import NetworkEncoder
from crossmodal.encoders.network_settings import SoundSettings, VideoSettings
from crossmodal.errors import ConfigError, ManifestError
from crossmodal.features import FeatureStore
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config
from training.data.augment import (
    FLOOR_DB,
    NONE,
    RawAugment,
    augment_pictures,
    augment_spectra,
    augment_windows,
    draw_row,
    mask_curves,
)
from training.data.raw import RawBatches
from training.data.raw_pairs import RawPair, encoded_pairs, read_raw_pairs, trained_encoders
from training.inputs import Inputs
from training.runs import RunResult, train_run
from training.tracking import METRICS

VIDEO = VideoSettings(network="swin3d_t", size=32, depths=(1, 1, 1, 1), width=32)
SOUND = SoundSettings(widths=(4, 8))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five films of 3 s with sound, one of them broken, a song of 5 s, and a manifest of all."""
    folder = tmp_path_factory.mktemp("media")
    for k in range(4):
        make_clip(folder / f"{k}.mp4", seconds=3.0, seed=k, sound=True, size=(64, 48))
    (folder / "broken.mp4").write_bytes(b"\x00\x00\x00\x20ftypisom" + bytes(3000))
    make_track(folder / "song.wav", seconds=5.0, seed=9)
    rows: list[dict[str, Any]] = [{"id": f"r{k}", "video": f"{k}.mp4", "audio": None} for k in range(4)]
    rows += [
        {"id": "song", "video": "0.mp4", "video_start": 0.5, "audio": "song.wav", "audio_start": 1.0, "music_id": "s"},
        {"id": "bad", "video": "broken.mp4", "audio": None},
        {"id": "bad too", "video": "broken.mp4", "audio": "song.wav", "music_id": "s"},
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps({**row, "labels": {"genre": "x"}}) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TwoTowerModel:
    folder = tmp_path_factory.mktemp("encoders")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for settings in (VIDEO, SOUND):
            NetworkEncoder(settings).save(folder / settings.side)
    config = compact_config(video=str(folder / "video"), audio=str(folder / "audio"), **SMALL_TOWERS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TwoTowerModel(config)


@pytest.fixture(scope="module")
def pairs(media: Path, model: TwoTowerModel, tmp_path_factory: pytest.TempPathFactory) -> list[RawPair]:
    with FeatureStore(tmp_path_factory.mktemp("store") / "f.db") as store:
        found = read_raw_pairs(media / "m.jsonl", store, model, trained_encoders(model))
    assert [row for row, _ in found.failed] == ["bad", "bad too"] and "broken.mp4" in found.failed[0][1]
    return found.pairs


def batches(pairs: list[RawPair], model: TwoTowerModel, **settings: Any) -> RawBatches:
    readers = {side: encoder.reader for side, encoder in trained_encoders(model).items()}
    usual: dict[str, Any] = {"size": 3, "passage": (1.5, 1.5), "seed": 1, "hop": 0.5, "augment": NONE}
    return RawBatches({"made": pairs}, {"made": 1.0}, readers=readers, **(usual | settings))


class TestReading:
    def test_rows_become_pairs_with_spans_ids_and_labels(self, pairs: list[RawPair]) -> None:
        own, song = pairs[0], pairs[-1]
        assert len({pair.music_id for pair in pairs[:4]}) == 4 and len(own.music_id) > 16  # content hashes
        assert own.video == own.audio and own.seconds == pytest.approx(3.0, abs=0.05) and own.group == "r0"
        assert (song.music_id, song.video_start, song.start) == ("s", 0.5, 1.0)
        assert song.seconds == pytest.approx(2.5, abs=0.05) and song.music_seconds == pytest.approx(5.0, abs=0.01)
        assert song.labels == {"genre": ("x",)}

    def test_an_empty_split_and_a_span_beyond_the_film_are_told(
        self, media: Path, model: TwoTowerModel, tmp_path: Path
    ) -> None:
        trained = trained_encoders(model)
        with FeatureStore(tmp_path / "f.db") as store:
            with pytest.raises(ManifestError, match="no row of the split 'val'"):
                read_raw_pairs(media / "m.jsonl", store, model, trained, split="val")
            path = tmp_path / "late.jsonl"
            path.write_text(json.dumps({"id": "late", "video": str(media / "0.mp4"), "audio": None, "video_start": 9}))
            found = read_raw_pairs(path, store, model, trained)
        assert not found.pairs and "no second in common" in found.failed[0][1]

    def test_a_network_of_another_hop_than_the_models_is_told(self, model: TwoTowerModel, tmp_path: Path) -> None:
        NetworkEncoder(SOUND).save(tmp_path)
        other = TwoTowerModel(compact_config(audio=str(tmp_path), **{**SMALL_TOWERS, "hop": 0.1}))
        with pytest.raises(ConfigError, match=r"Set model\.hop=0\.5"):
            trained_encoders(other)

    def test_a_side_that_is_not_trained_keeps_its_features(self, media: Path, tmp_path: Path) -> None:
        NetworkEncoder(VIDEO).save(tmp_path / "video")
        model = TwoTowerModel(compact_config(video=str(tmp_path / "video"), **SMALL_TOWERS))
        trained = trained_encoders(model)
        assert list(trained) == ["video"]
        with FeatureStore(tmp_path / "f.db") as store:
            found = read_raw_pairs(media / "m.jsonl", store, model, trained)
        batch = batches(found.pairs, model).draw(0)
        assert batch.video.values.shape == (3, 3, 4, 3, 32, 32) and batch.audio.values.shape == (3, 3, 48)
        assert batch.audio.values.dtype == torch.float32 and batch.audio.mask.all()
        pair = next(pair for pair in found.pairs if pair.id == batch.keys[0])
        rows: Any = pair.audio
        assert any(np.allclose(batch.audio.values[0], rows.values[at : at + 3]) for at in range(len(rows.values) - 2))
        fast = batches(found.pairs, model, augment=NONE.model_copy(update={"speed": 0.3})).draw(0)
        assert fast.audio.values.isfinite().all() and not torch.equal(fast.audio.values, batch.audio.values)


class TestBatches:
    def test_a_batch_holds_what_the_readers_give(self, pairs: list[RawPair], model: TwoTowerModel) -> None:
        drawn = batches(pairs, model, label="genre")
        batch = drawn.draw(4)
        assert batch.video.values.shape == (3, 3, 4, 3, 32, 32) and batch.video.values.dtype == torch.uint8
        assert batch.audio.values.shape == (3, 3, 64, 32) and len(set(batch.ids.tolist())) == 3
        assert batch.labels is not None and batch.labels.tolist() == [0, 0, 0] and batch.domain == "made"
        trained = trained_encoders(model)
        for row, key in enumerate(batch.keys):
            pair: Any = next(pair for pair in pairs if pair.id == key)
            starts = [0.5 * k for k in range(4)]
            seen = [trained["video"].raw(pair.video, pair.video_start + at, 1.5) for at in starts]
            heard = [trained["audio"].raw(pair.audio, pair.start + at, 1.5) for at in starts]
            same = [
                torch.equal(batch.video.values[row], v) and torch.equal(batch.audio.values[row], a)
                for v, a in zip(seen, heard, strict=True)
            ]
            assert any(same)  # both sides from the same second

    def test_any_number_of_workers_gives_the_same_rows(self, pairs: list[RawPair], model: TwoTowerModel) -> None:
        settings: dict[str, Any] = {"augment": RawAugment(drop=0.5), "passage": (1.0, 2.0), "time": "shuffled"}
        alone = [batches(pairs, model, **settings).draw(step) for step in (5, 6, 7)]
        shared = batches(pairs, model, workers=2, **settings)
        for one, other in zip(alone, (shared.draw(5), shared.draw(6), shared.draw(7)), strict=True):
            assert one.keys == other.keys and torch.equal(one.ids, other.ids)
            for side in ("video", "audio"):
                assert torch.equal(getattr(one, side).values, getattr(other, side).values)
                assert torch.equal(getattr(one, side).mask, getattr(other, side).mask)
        shared.close()

    def test_another_step_or_seed_gives_other_rows(self, pairs: list[RawPair], model: TwoTowerModel) -> None:
        augment = RawAugment()
        one = batches(pairs, model, augment=augment).draw(0)
        others = batches(pairs, model, augment=augment).draw(1), batches(pairs, model, augment=augment, seed=2).draw(0)
        assert all(not torch.equal(one.video.values, other.video.values) for other in others)

    def test_shuffled_music_is_another_passage(self, pairs: list[RawPair], model: TwoTowerModel) -> None:
        usual, shuffled = (
            [batches(pairs, model, size=2, passage=(1.0, 1.0), time=time).draw(step) for step in range(6)]
            for time in ("aligned", "shuffled")
        )
        assert all(torch.equal(a.video.values, b.video.values) for a, b in zip(usual, shuffled, strict=True))
        moved = [not torch.equal(a.audio.values, b.audio.values) for a, b in zip(usual, shuffled, strict=True)]
        assert sum(moved) >= 4

    def test_what_is_past_the_end_is_masked(self, pairs: list[RawPair], model: TwoTowerModel) -> None:
        batch = batches(pairs, model, passage=(4.0, 4.0), size=5).draw(0)
        rows = dict(zip(batch.keys, range(5), strict=True))
        assert batch.video.mask.shape == (5, 8)
        for side in (batch.video, batch.audio):
            assert side.mask.sum(1)[rows["song"]] == 5 and side.mask.sum(1)[rows["r1"]] == 6
            assert not side.values[~side.mask].any()

    def test_a_file_that_breaks_on_the_way_is_replaced_alike_in_every_run_and_listed_once(
        self, media: Path, pairs: list[RawPair], model: TwoTowerModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        gone = RawPair("gone", "gone", "gone", media / "broken.mp4", media / "0.mp4", 3.0, music_seconds=3.0)
        drawn = batches([gone, *pairs], model, size=2)
        first = [drawn.draw(step) for step in range(12)]
        assert all(len(batch.keys) == 2 and "gone" not in batch.keys for batch in first)
        assert list(drawn.failed) == ["gone"] and caplog.text.count("gone") == 1
        again = batches([gone, *pairs], model, size=2)
        assert [again.draw(step).keys for step in range(12)] == [batch.keys for batch in first]

    def test_several_domains_are_mixed_by_their_shares(self, pairs: list[RawPair], model: TwoTowerModel) -> None:
        readers = {side: encoder.reader for side, encoder in trained_encoders(model).items()}
        mixed = RawBatches(
            {"a": pairs[:2], "b": pairs[2:]}, {"a": 3.0, "b": 1.0}, readers=readers, hop=0.5, size=1,
            passage=(0.5, 0.5), seed=0, augment=NONE,
        )  # fmt: skip
        names = [mixed.draw(step).domain for step in range(24)]
        assert 12 <= names.count("a") < 24

    def test_a_workers_fault_reaches_the_caller(self, pairs: list[RawPair], model: TwoTowerModel) -> None:
        drawn = batches(pairs, model, workers=1)
        drawn.readers["video"] = "no reader"  # type: ignore[assignment]
        with pytest.raises(AttributeError, match="read"):
            drawn.draw(0)


class TestAugmentation:
    pictures = torch.randint(0, 256, (3, 4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    spectra = -40 + 10 * torch.randn((3, 64, 32), generator=torch.Generator().manual_seed(0))

    def test_nothing_is_done_where_all_is_off(self) -> None:
        assert torch.equal(augment_pictures(self.pictures, NONE, 3), self.pictures)
        assert torch.equal(augment_spectra(self.spectra, NONE, 3, 0.5), self.spectra)
        draw = draw_row(NONE, 0, 0, "k")
        assert (draw.speed, draw.gain_db, draw.drop) == (1.0, 0.0, None)

    def test_all_pictures_of_a_clip_are_changed_alike(self) -> None:
        still = self.pictures[:1, :1].expand(3, 4, 3, 32, 32)
        made = augment_pictures(still, RawAugment(), 5)
        assert made.dtype == torch.uint8 and made.shape == still.shape and not torch.equal(made, still)
        assert all(torch.equal(picture, made[0, 0]) for picture in made.flatten(0, 1))

    def test_the_seed_alone_decides_and_the_global_generator_stays(self) -> None:
        torch.manual_seed(1)
        before = torch.random.get_rng_state()
        made = [augment_pictures(self.pictures, RawAugment(), seed) for seed in (7, 7, 8)]
        heard = [augment_spectra(self.spectra, RawAugment(), seed, 0.5) for seed in (7, 7, 8)]
        assert torch.equal(torch.random.get_rng_state(), before)
        for first, again, other in (made, heard):
            assert torch.equal(first, again) and not torch.equal(first, other)

    def test_spectra_get_holes_and_are_the_same_elsewhere(self) -> None:
        made = augment_spectra(self.spectra, RawAugment(time_masks=2, band_masks=2), 4, 0.5)
        hole = made != self.spectra
        assert 0 < hole.float().mean() < 0.8 and made[hole].unique().numel() == 1
        along = hole.transpose(0, 1).flatten(1)  # (bands, T F)
        whole_bands, whole_times = along.all(1), along.all(0)
        assert torch.equal(along, whole_bands[:, None] | whole_times[None])

    @pytest.mark.parametrize("shape", [(5, 20, 16), (5, 4, 20, 16)])
    def test_windows_lose_the_same_bands(self, shape: tuple[int, ...]) -> None:
        raw = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        hole = augment_windows(raw, RawAugment(band_mask=0.5), 6) != raw
        assert hole.any() and torch.equal(hole, hole.flatten(0, -2).all(0).expand(shape))

    @pytest.mark.parametrize("part", ["colour", "shape", "timbre", "treble"])
    def test_what_a_row_lacks_leaves_its_course_in_time(self, part: Any) -> None:
        light = torch.linspace(20, 230, 12).round().to(torch.uint8).view(3, 4, 1, 1, 1)
        if part in ("colour", "shape"):
            raw = (self.pictures // 4 * 1).clamp_max(20) + light.expand(3, 4, 3, 32, 32)
            made = augment_pictures(raw, NONE, 0, part)
            before, after = (x.float().mean((2, 3, 4)).flatten() for x in (raw, made))
            lacks = (made[:, :, 0] == made[:, :, 1]).all() if part == "colour" else (made == made[..., :1, :1]).all()
        else:
            raw = self.spectra + torch.linspace(-20, 20, 96).view(3, 1, 32)
            made = augment_spectra(raw, NONE, 0, 0.5, part)
            before, after = (x.mean(1).flatten() for x in (raw, made))
            lacks = (made == made[:, :1]).all() if part == "timbre" else (made[:, 32:] == FLOOR_DB).all()
        assert lacks and np.corrcoef(before, after)[0, 1] > 0.9

    def test_rows_lack_one_part_of_one_side_as_often_as_asked(self) -> None:
        draws = [draw_row(RawAugment(drop=0.4), 0, step, "key") for step in range(400)]
        lacks = [draw.drop for draw in draws if draw.drop is not None]
        assert 120 < len(lacks) < 200
        assert set(lacks) == {("video", "colour"), ("video", "shape"), ("audio", "timbre"), ("audio", "treble")}
        speeds = [draw.speed for draw in draws]
        assert 0.95 <= min(speeds) < 0.96 and 1.04 < max(speeds) <= 1.05
        assert draws[0] == draw_row(RawAugment(drop=0.4), 0, 0, "key") != draw_row(RawAugment(drop=0.4), 1, 0, "key")

    def test_curves_get_holes_of_zero(self) -> None:
        curves = torch.ones((50, 12, 30))
        made = mask_curves(curves, torch.Generator().manual_seed(0), steps=6, channels=4)
        assert set(made.unique().tolist()) == {0.0, 1.0}
        whole_rows, whole_columns = (made == 0).all(2).sum(1), (made == 0).all(1).sum(1)
        assert whole_rows.max() == 4 and whole_columns.max() == 6 and whole_rows.min() == 0
        again = mask_curves(curves, torch.Generator().manual_seed(0), steps=6, channels=4)
        assert torch.equal(made, again) and torch.equal(
            mask_curves(curves, torch.Generator(), steps=0, channels=0), curves
        )


def test_both_networks_and_towers_learn_from_raw_media(pairs: list[RawPair], model: TwoTowerModel) -> None:
    """Eight steps on one batch lower a plain contrastive loss, and the first layers of both networks get gradients."""
    model = copy.deepcopy(model)
    trained = trained_encoders(model)
    batch = batches(pairs, model, size=4).draw(0)
    weights = [p for side in trained for p in trained[side].network.parameters()] + list(model.parameters())
    optimiser = torch.optim.Adam(weights, lr=3e-3)
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for _ in range(8):
            vectors = []
            for side, rows in (("video", batch.video), ("audio", batch.audio)):
                trained[side].network.train()  # type: ignore[index]
                vectors.append(getattr(model, side)(trained[side].network(rows.values), rows.mask)[0])  # type: ignore[index]
            loss = nn.functional.cross_entropy(5 * vectors[0] @ vectors[1].T, torch.arange(4))
            optimiser.zero_grad()
            loss.backward()
            for side in trained:
                first = next(trained[side].blocks()[0].parameters())
                assert first.grad is not None and first.grad.abs().max() > 0
            optimiser.step()
            losses.append(loss.item())
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3])  # dropout and dropped layers make single steps uneven
    judged = encoded_pairs(pairs, trained, model.config.hop)
    assert [pair.id for pair in judged] == [pair.id for pair in pairs]
    song = judged[-1]
    assert song.start == 1.0 and song.video.hop == 0.5 and len(song.video.values) == 5 and len(song.audio.values) == 10
    assert model.eval().embed(song.video, "video").vector.shape == (8,)


def test_the_preset_trains_from_a_manifest_to_a_folder_that_embeds_media(media: Path, tmp_path: Path) -> None:
    NetworkEncoder(VIDEO).save(tmp_path / "small")
    rows = [json.loads(line) for line in (media / "m.jsonl").read_text().splitlines()]
    path = media / "split.jsonl"
    path.write_text(
        "".join(json.dumps({**row, "split": "val" if k > 1 else "train"}) + "\n" for k, row in enumerate(rows))
    )
    settings = [f"model.video={tmp_path / 'small'}", "steps=2", "batch=2", "passage=[1.5, 1.5]", "workers=0"]

    def run(out: Path, resume: bool = False) -> RunResult:
        inputs = Inputs((path,))
        return train_run(inputs, out, preset="raw", settings=settings, store_path=tmp_path / "f.db", resume=resume)

    done = run(tmp_path / "run")
    assert done.steps == 2 and done.rows == {"split": 2} and {row for row, _ in done.failed} == {"bad", "bad too"}
    model = TwoTowerModel.from_pretrained(tmp_path / "run")
    started = NetworkEncoder.load(tmp_path / "small", "video").network.state_dict()
    trained = model.encoders["video"].network.state_dict()  # type: ignore[attr-defined]
    assert not torch.equal(trained["enter.proj.weight"], started["enter.proj.weight"])
    assert model.embed_video(media / "0.mp4").vector.shape == model.embed_audio(media / "song.wav").vector.shape
    (row,) = [row for row in csv.DictReader((tmp_path / "run" / METRICS).open()) if row["step"] == "2"]
    assert 0 <= float(row["recall@10"]) <= 1
    again = run(tmp_path / "run", resume=True)
    assert again.steps == 2 and TwoTowerModel.from_pretrained(tmp_path / "run").fingerprint == model.fingerprint
