"""Pretrained encoders, loaded as real ones are: tiny random checkpoints of each family, saved here and read offline."""

import io
import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
import torch
import transformers

from crossmodal.demo import make_clip, make_track
from crossmodal.encoders import make_encoder
from crossmodal.encoders.pretrained import PretrainedEncoder
from crossmodal.errors import ConfigError, MediaError, ModelError
from crossmodal.features import Features, FeatureStore
from crossmodal.media import open_audio, open_video

SIDES: dict[str, Any] = {"clip": "video", "siglip": "video", "clap": "audio", "clap-fused": "audio", "ast": "audio"}
WIDTHS = {"clip": 12, "siglip": 16, "clap": 12, "clap-fused": 12, "ast": 16}
SMALL: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 6.4 s with cuts and sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, seconds=6.4, cuts=(1.2, 2.9, 4.4), sound=True)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", SIDES)
class TestEveryFamily:
    def test_an_encoder_gives_what_it_declares(self, checkpoints: Path, clip: Path, name: str) -> None:
        encoder = make_encoder(str(checkpoints / name), SIDES[name])
        features = encoder.features(clip)
        assert encoder.side == SIDES[name] and encoder.channels == WIDTHS[name] and encoder.side in encoder.fingerprint
        hop = 1.0 if encoder.side == "video" else 2.5
        assert features.values.shape == (int(6.4 / hop + 0.5), encoder.channels) and features.hop == encoder.hop == hop
        assert (
            features.values.dtype == np.float32 and np.isfinite(features.values).all() and features.values.any(1).all()
        )
        assert (features.values.astype(np.float16).astype(np.float32) == features.values).all()
        assert features.seen.all() and not features.silent
        assert features.duration == pytest.approx(6.4, abs=0.06)
        assert np.ptp(features.values, axis=0).max() > 0  # not one row over and over

    def test_every_kind_of_source_and_every_run_gives_the_same_bits(
        self, checkpoints: Path, clip: Path, name: str
    ) -> None:
        encoder = make_encoder(str(checkpoints / name), SIDES[name])
        first = encoder.features(clip).values.tobytes()
        again = make_encoder(str(checkpoints / name), SIDES[name])
        assert again.fingerprint == encoder.fingerprint
        np.random.seed(7)  # whatever a processor draws
        for source in (str(clip), clip.read_bytes(), io.BytesIO(clip.read_bytes())):
            assert again.features(source).values.tobytes() == first

    def test_the_fingerprint_follows_weights_and_processor_and_not_the_place(
        self, checkpoints: Path, tmp_path: Path, name: str
    ) -> None:
        first = make_encoder(str(checkpoints / name), SIDES[name]).fingerprint
        copy = tmp_path / "elsewhere"
        shutil.copytree(checkpoints / name, copy)
        assert make_encoder(str(copy), SIDES[name]).fingerprint == first
        settings = json.loads((copy / "preprocessor_config.json").read_text())
        other = {"image_std": [0.4] * 3} if SIDES[name] == "video" else {"padding_value": 0.1}
        (copy / "preprocessor_config.json").write_text(json.dumps({**settings, **other}))
        assert make_encoder(str(copy), SIDES[name]).fingerprint != first

    def test_a_file_without_that_side_is_a_media_error(self, checkpoints: Path, tmp_path: Path, name: str) -> None:
        encoder = make_encoder(str(checkpoints / name), SIDES[name])
        other = (
            make_track(tmp_path / "a.wav", seconds=0.5)
            if encoder.side == "video"
            else make_clip(tmp_path / "a.mp4", seconds=0.5)
        )
        with pytest.raises(MediaError) as caught:
            encoder.features(other)
        assert caught.value.kind == f"no_{encoder.side}"

    def test_the_shortest_medium_gives_a_row(self, checkpoints: Path, tmp_path: Path, name: str) -> None:
        encoder = make_encoder(str(checkpoints / name), SIDES[name])
        short = (
            make_clip(tmp_path / "a.mp4", seconds=0.04)
            if encoder.side == "video"
            else make_track(tmp_path / "a.wav", seconds=0.02)
        )
        features = encoder.features(short)
        assert features.values.shape == (1, encoder.channels) and features.seen.all()

    def test_it_can_be_trained(self, checkpoints: Path, clip: Path, name: str) -> None:
        encoder = PretrainedEncoder(str(checkpoints / name), SIDES[name])
        assert not any(weight.requires_grad for weight in encoder.network.parameters())  # frozen until asked
        encoder.network.requires_grad_(True)
        medium = np.zeros((3, 32, 32), np.uint8) if encoder.side == "video" else np.full(16_000, 0.1, np.float32)
        encoder.embed(encoder.prepare([medium, medium])).square().sum().backward()
        assert any(w.grad is not None and w.grad.abs().sum() > 0 for w in encoder.network.parameters())

    def test_the_store_keeps_its_features(self, checkpoints: Path, clip: Path, tmp_path: Path, name: str) -> None:
        encoder = PretrainedEncoder(str(checkpoints / name), SIDES[name])
        with FeatureStore(tmp_path / "f.db") as store:
            first = store.features(encoder, clip)
            again = store.features(encoder, clip)
        assert first.values.tobytes() == again.values.tobytes() and first.hop == again.hop


class TestRows:
    def test_a_row_is_the_networks_own_answer_for_the_picture_at_its_middle(
        self, checkpoints: Path, clip: Path
    ) -> None:
        features = make_encoder(str(checkpoints / "siglip"), "video").features(clip)
        network = transformers.SiglipVisionModel.from_pretrained(checkpoints / "siglip").eval()
        processor = transformers.SiglipImageProcessor.from_pretrained(checkpoints / "siglip")
        with open_video(clip) as video:
            frames = np.concatenate([b.pixels for b in video.frames(2.0, (32, 32), bars=False)])[1::2]
        with torch.no_grad():
            rows = network(**processor(images=list(torch.tensor(frames)), return_tensors="pt")).pooler_output
        np.testing.assert_allclose(features.values, rows[:6].numpy(), atol=2e-3)

    @pytest.mark.parametrize("name", ["clap", "ast"])
    def test_a_row_is_the_answer_for_the_window_round_it(self, checkpoints: Path, clip: Path, name: str) -> None:
        encoder = PretrainedEncoder(str(checkpoints / name), "audio")
        rate = encoder.processor.sampling_rate
        with open_audio(clip) as audio:
            samples = np.concatenate([block.samples[0] for block in audio.blocks(rate, 1)])
        assert encoder.seconds == 2.0
        starts = [0.25, 2.75, len(samples) / rate - 2.0]  # middles 1.25, 3.75, 6.25; the last window moved inside
        windows = [samples[round(s * rate) : round(s * rate) + 2 * rate] for s in starts]
        made = encoder.processor(windows, sampling_rate=rate, return_tensors="pt")
        made.pop("is_longer", None)
        with torch.no_grad():
            answer = encoder.network.tower(**made)
        rows = answer.audio_embeds if name == "clap" else answer.pooler_output
        np.testing.assert_allclose(encoder.features(clip).values, rows.numpy(), atol=2e-3)

    def test_silence_is_silent_and_asks_no_network(self, checkpoints: Path, tmp_path: Path) -> None:
        path = write_wav(tmp_path / "silence.wav", np.zeros(40_000, "<i2"))
        features = make_encoder(str(checkpoints / "clap"), "audio").features(path)
        assert features.silent and not features.values.any() and len(features.values) == 2

    def test_a_long_sound_is_seen_in_forty_windows(self, checkpoints: Path, tmp_path: Path) -> None:
        noise = np.random.default_rng(0).integers(-9000, 9000, 8000 * 640).astype("<i2")
        encoder = PretrainedEncoder(str(checkpoints / "ast"), "audio")
        features = encoder.features(write_wav(tmp_path / "long.wav", noise))
        assert len(features.values) == 256 and 0.65 < features.seen.mean() < 0.85  # 480 of 640 s
        assert not features.values[~features.seen].any() and features.values[features.seen].any(1).all()
        start = round(16_000 * (200 * 2.5 + 1.25 - 1.0))
        assert features.seen[200]
        with open_audio(tmp_path / "long.wav") as audio:
            heard = np.concatenate([block.samples[0] for block in audio.blocks(16_000, 1)])[start : start + 32_000]
        with torch.no_grad():
            row = encoder.embed(encoder.prepare([heard]))[0]
        np.testing.assert_allclose(features.values[200], row.numpy(), atol=2e-3)

    def test_a_long_film_is_seen_in_forty_windows(self, checkpoints: Path, tmp_path: Path) -> None:
        path = make_clip(tmp_path / "long.mp4", seconds=640.0, rate=2, size=(64, 48))
        features = make_encoder(str(checkpoints / "clip"), "video").features(path)
        assert len(features.values) == 640 and features.seen[0] and features.seen[-1]
        assert 0.6 < features.seen.mean() < 0.85 and features.values[features.seen].any(1).all()  # 480 of 640 s
        assert not features.values[~features.seen].any()


def write_wav(path: Path, samples: np.ndarray, rate: int = 8000) -> Path:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


class TestWhatIsNotThere:
    @pytest.mark.parametrize("name", ["openai/clip-vit-base-patch32", "owner/gated", "MIT/ast"])
    def test_a_name_that_is_not_cached_is_one_line_with_the_remedy(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ModelError) as caught:
            make_encoder(name, "video")
        text = str(caught.value)
        assert all(word in text for word in (name, "HF_HOME", "folder", "nothing is fetched")) and "\n" not in text

    @pytest.mark.parametrize("name", ["./nothing", "/no/such/folder", "a/b/c", "~/clip"])
    def test_a_folder_that_is_not_there_is_told(self, name: str) -> None:
        with pytest.raises(ModelError, match="there is no such folder"):
            make_encoder(name, "video")

    def test_a_single_word_is_answered_with_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match=r"'curvs'.*'curves'.*OWNER/NAME"):
            make_encoder("curvs", "video")

    def test_the_wrong_side_and_another_kind_of_network_are_told(self, checkpoints: Path, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="'clap' is an encoder of audio, not of video"):
            make_encoder(str(checkpoints / "clap"), "video")
        transformers.BertConfig(**SMALL).save_pretrained(tmp_path / "bert")
        with pytest.raises(ModelError, match="'bert' is no encoder here"):
            make_encoder(str(tmp_path / "bert"), "video")

    @pytest.mark.parametrize("harm", ["pickled", "damaged", "no processor", "no config", "weights missing", "code"])
    def test_a_folder_that_does_not_hold_what_it_must_is_one_line(
        self, checkpoints: Path, tmp_path: Path, harm: str
    ) -> None:
        folder = tmp_path / "clip"
        shutil.copytree(checkpoints / "clip", folder)
        weights, config = folder / "model.safetensors", folder / "config.json"
        if harm == "pickled":
            torch.save({}, folder / "pytorch_model.bin")
            weights.unlink()
        elif harm == "damaged":
            weights.write_bytes(weights.read_bytes()[:2000])
        elif harm == "no processor":
            (folder / "preprocessor_config.json").unlink()
        elif harm == "no config":
            config.unlink()
        elif harm == "code":
            settings = {**json.loads(config.read_text()), "model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}
            config.write_text(json.dumps(settings))
            (folder / "own.py").write_text("raise SystemExit('ran')")
        else:
            from safetensors.torch import load_file, save_file

            kept = {key: value for key, value in load_file(weights).items() if "visual_projection" not in key}
            save_file(kept, weights, metadata={"format": "pt"})
        with pytest.raises(ModelError) as caught:
            make_encoder(str(folder), "video")
        assert str(folder) in str(caught.value) and "\n" not in str(caught.value)

    def test_without_the_library_the_extra_is_named(self, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "transformers", None)
        with pytest.raises(ModelError, match=r"crossmodal\[pretrained\]"):
            make_encoder(str(checkpoints / "clip"), "video")


def test_a_name_is_found_in_the_local_cache_and_nothing_is_printed(
    checkpoints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "models--some--clip"
    shutil.copytree(checkpoints / "clip", place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))  # the library reads HF_HOME at import
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    named = make_encoder("some/clip", "video")
    assert capfd.readouterr() == ("", "")
    assert named.fingerprint == make_encoder(str(checkpoints / "clip"), "video").fingerprint
    (place / "snapshots" / "abc" / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="some/clip: cannot be loaded"):  # which is another thing than not there
        make_encoder("some/clip", "video")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_half_precision_on_a_gpu_agrees_with_the_cpu(checkpoints: Path, clip: Path) -> None:
    for name, side in SIDES.items():
        there = PretrainedEncoder(str(checkpoints / name), side, device="cuda")
        here: Features = PretrainedEncoder(str(checkpoints / name), side, device="cpu").features(clip)
        assert next(there.network.parameters()).dtype == torch.float16
        np.testing.assert_allclose(there.features(clip).values, here.values, atol=0.02, rtol=0.02)
