"""Networks trained from raw media: rows, passages, folders, and a model that serves them."""

import copy
import json
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks_made import SMALL_TOWERS
from torch import nn

from crossmodal.demo import make_clip
from crossmodal.encoders import NETWORKS, make_encoder
from crossmodal.encoders.network_encoder import NetworkEncoder, row_blocks
from crossmodal.encoders.network_settings import DEFAULTS, Settings, SoundSettings, VideoSettings
from crossmodal.encoders.networks import make_network
from crossmodal.errors import ConfigError, MediaError, ModelError
from crossmodal.features import FeatureStore
from crossmodal.media import open_audio, open_video
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config

ONE = (1, 1, 1, 1)
TINY: dict[str, Settings] = {
    "r2plus1d_18": VideoSettings(network="r2plus1d_18", size=16, depths=ONE),
    "swin3d_t": VideoSettings(network="swin3d_t", size=32, depths=ONE, width=32),
    "log_mel": SoundSettings(widths=(4, 8)),
}


@pytest.fixture(scope="module")
def encoders() -> dict[str, NetworkEncoder]:
    """One of each, tiny, with statistics as after training; read only."""
    made = {name: NetworkEncoder(settings) for name, settings in TINY.items()}
    for encoder in made.values():
        train_a_little(encoder)
    return made


def some_raw(settings: Settings, rows: int, n: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows)
    if isinstance(settings, SoundSettings):
        return -40 + 15 * torch.randn((n, rows, settings.bands, settings.frames), generator=generator)
    shape = (n, rows, settings.frames, 3, settings.size, settings.size)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def train_a_little(encoder: NetworkEncoder) -> None:
    """Weights and running statistics that no seed gives."""
    encoder.network.train()
    rows = encoder.network(some_raw(encoder.settings, 4))
    rows.square().mean().backward()
    with torch.no_grad():
        for parameter in encoder.network.parameters():
            parameter.add_(parameter.grad, alpha=-0.1)
            parameter.grad = None
    encoder.network.eval()


@pytest.mark.parametrize("name", NETWORKS)
class TestEveryNetwork:
    def test_it_gives_a_row_a_hop_and_gradients_reach_every_weight(self, name: str) -> None:
        network = make_network(TINY[name]).train()
        rows = network(some_raw(TINY[name], 6))
        assert rows.shape == (2, 6, network.channels)
        assert rows.mean((0, 1)).abs().max() < 1e-3 and abs(rows.std().item() - 1) < 0.1  # standardised
        (rows * torch.randn(rows.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
        first = next(network.blocks()[0].parameters())
        assert first.grad is not None and first.grad.abs().max() > 0

    def test_each_weight_belongs_to_one_block(self, name: str) -> None:
        network = make_network(TINY[name])
        owned = [id(p) for block in network.blocks() for p in block.parameters()]
        assert sorted(owned) == sorted(id(p) for p in network.parameters()) and len(network.blocks()) > 1

    def test_blocks_run_from_input_to_output(self, name: str) -> None:
        """Without gradients in the first k blocks there are none before block k either."""
        network = make_network(TINY[name]).train()
        for block in network.blocks()[:-1]:
            block.requires_grad_(False)
        network(some_raw(TINY[name], 4)).square().mean().backward()
        assert all((p.grad is not None) == p.requires_grad for p in network.parameters())

    def test_what_happens_in_a_row_shows_in_that_row(self, name: str) -> None:
        network = make_network(TINY[name]).eval()
        raw = some_raw(TINY[name], 12, n=1)
        other = raw.clone()
        other[:, 8] = some_raw(TINY[name], 3, n=1)[:, 0]
        with torch.no_grad():
            moved = (network(raw) - network(other)).abs().mean(2)[0]
        assert moved.argmax() == 8 and moved[0] < moved[8] / 2

    def test_the_seed_gives_the_first_weights_and_leaves_the_global_generator(self, name: str) -> None:
        torch.manual_seed(5)
        expected = torch.rand(2)
        torch.manual_seed(5)
        first = NetworkEncoder(TINY[name])
        assert torch.equal(torch.rand(2), expected)
        assert NetworkEncoder(TINY[name]).fingerprint == first.fingerprint
        assert NetworkEncoder(TINY[name].model_copy(update={"seed": 1})).fingerprint != first.fingerprint

    def test_features_are_the_same_bits_each_time_and_round_trip_through_a_folder_and_the_store(
        self, name: str, encoders: dict[str, NetworkEncoder], clip: Path, tmp_path: Path
    ) -> None:
        encoder = encoders[name]
        made = encoder.features(clip)
        assert made.values.shape == (13, encoder.channels) and made.seen.all() and made.hop == 0.5
        assert np.array_equal(made.values, made.values.astype(np.float16).astype(np.float32)) and made.values.std() > 0
        encoder.save(tmp_path / "saved")
        again = make_encoder(str(tmp_path / "saved"), encoder.side)
        assert again.fingerprint == encoder.fingerprint
        with FeatureStore(tmp_path / "f.db") as store:
            assert store.features(again, clip).values.tobytes() == made.values.tobytes()
            assert store.features(again, clip).values.tobytes() == made.values.tobytes()
        assert sorted(p.name for p in (tmp_path / "saved").iterdir()) == ["encoder.json", "model.safetensors"]

    def test_a_passage_is_a_part_of_the_whole_and_ends_with_the_file(
        self, name: str, encoders: dict[str, NetworkEncoder], clip: Path
    ) -> None:
        encoder = encoders[name]
        whole = encoder.raw(clip, 0.0, 30.0)
        assert len(whole) == 13 and torch.equal(encoder.raw(clip, 2.5, 2.0), whole[5:9])
        assert torch.equal(encoder.raw(clip, 5.5, 2.0), whole[11:]) and len(encoder.raw(clip, 9.0, 2.0)) == 0
        assert np.array_equal(encoder.rows(whole), encoder.features(clip).values)  # a short film is one block

    def test_a_file_that_is_none_is_told(self, name: str, encoders: dict[str, NetworkEncoder], tmp_path: Path) -> None:
        bad = tmp_path / "bad.mp4"
        bad.write_bytes(b"not a film" * 100)
        for read in (lambda: encoders[name].features(bad), lambda: encoders[name].raw(bad, 0.0, 2.0)):
            with pytest.raises(MediaError, match=r"bad\.mp4"):
                read()

    def test_features_leave_the_network_in_the_mode_it_was_in(
        self, name: str, encoders: dict[str, NetworkEncoder], clip: Path
    ) -> None:
        encoder = copy.deepcopy(encoders[name])
        before = encoder.fingerprint
        encoder.network.train()
        encoder.rows(some_raw(encoder.settings, 3, n=1)[0])
        assert encoder.network.training and encoder.fingerprint == before

    def test_the_side_is_checked(self, name: str, encoders: dict[str, NetworkEncoder], tmp_path: Path) -> None:
        other: Any = "audio" if encoders[name].side == "video" else "video"
        with pytest.raises(ConfigError, match=f"'{name}' is one of {encoders[name].side}"):
            make_encoder(name, other)
        encoders[name].save(tmp_path)
        with pytest.raises(ModelError, match=f"{name} is an encoder of {encoders[name].side}, not of {other}"):
            make_encoder(str(tmp_path), other)


def test_registry_and_settings_name_the_same_networks() -> None:
    assert {name: settings.side for name, settings in DEFAULTS.items()} == NETWORKS
    with pytest.raises(ConfigError, match="Did you mean 'swin3d_t'"):
        make_encoder("swin3d", "video")


class TestWhatIsRead:
    def test_pictures_are_those_that_a_player_shows(self, encoders: dict[str, NetworkEncoder], clip: Path) -> None:
        raw = encoders["r2plus1d_18"].raw(clip, 1.0, 2.0)  # (4, 4, 3, 16, 16)
        with open_video(clip) as video:
            shown = np.concatenate([b.pixels for b in video.frames(8.0, (16, 16), 1.0, 3.0, bars=False)])
        assert np.array_equal(raw.flatten(0, 1).numpy(), shown)

    def test_a_faster_film_reaches_further(self, encoders: dict[str, NetworkEncoder], clip: Path) -> None:
        fast = encoders["r2plus1d_18"].raw(clip, 1.0, 2.0, speed=2.0).flatten(0, 1)
        usual = encoders["r2plus1d_18"].raw(clip, 1.0, 4.0).flatten(0, 1)
        assert torch.equal(fast, usual[::2])

    def test_spectra_are_those_of_the_samples(self, encoders: dict[str, NetworkEncoder], clip: Path) -> None:
        """A plain Fourier transform and triangles of area by hand: band energies of one frame."""
        encoder = encoders["log_mel"]
        raw = encoder.raw(clip, 1.0, 2.0)  # (4, 64, 32)
        with open_audio(clip) as audio:
            samples = np.concatenate([block.samples[0] for block in audio.blocks(24_000, 1)]).astype(np.float64)
        middle = round((1.0 + 0.5) * 24_000) + 375 * 7 + 187  # of frame 7 of row 1
        power = np.abs(np.fft.rfft(samples[middle - 512 : middle + 512] * np.hanning(1025)[:-1])) ** 2 / 256**2
        from torchaudio.functional import melscale_fbanks

        bands = melscale_fbanks(513, 0.0, 12_000.0, 64, 24_000, None, "slaney").double().numpy()
        expected = 10 * np.log10(np.maximum(power @ bands, 1e-9))
        np.testing.assert_allclose(raw[1, :, 7].numpy(), expected, atol=0.01)

    def test_gain_and_speed_of_a_tone(self, encoders: dict[str, NetworkEncoder], tmp_path: Path) -> None:
        path = tmp_path / "tone.wav"
        write_tone(path, 1000.0)
        encoder = encoders["log_mel"]
        usual, louder = encoder.raw(path, 1.0, 2.0), encoder.raw(path, 1.0, 2.0, gain_db=6.0)
        loudest = usual.mean((0, 2)).argmax()
        assert (louder - usual)[:, loudest].mean().item() == pytest.approx(6.0, abs=0.01)
        fast = encoder.raw(path, 1.0, 2.0, speed=1.5)
        write_tone(path, 1500.0)
        assert fast.mean((0, 2)).argmax() == encoder.raw(path, 1.0, 2.0).mean((0, 2)).argmax() > loudest

    def test_silence_is_silent_and_asks_no_network(self, encoders: dict[str, NetworkEncoder], tmp_path: Path) -> None:
        path = tmp_path / "silence.wav"
        write_tone(path, 0.0)
        features = encoders["log_mel"].features(path)
        assert features.silent and not features.values.any() and len(features.values) == 8

    def test_long_sound_is_read_in_blocks_that_agree_with_the_whole(
        self, encoders: dict[str, NetworkEncoder], tmp_path: Path
    ) -> None:
        path, encoder = tmp_path / "noise.wav", encoders["log_mel"]
        rng = np.random.default_rng(0)
        write_wav(path, rng.integers(-9000, 9000, 24_000 * 20).astype("<i2"), 24_000)
        whole = encoder.rows(encoder.raw(path, 0.0, 20.0))  # 40 rows at once
        np.testing.assert_allclose(encoder.features(path).values, whole, atol=2e-3)

    def test_blocks_see_four_rows_to_each_side_and_nothing_across_a_gap(self) -> None:
        seen = np.ones(60, np.bool_)
        seen[40:45] = False
        blocks = [(fed.start, fed.stop, kept.start, kept.stop) for fed, kept in row_blocks(seen)]
        assert blocks == [(0, 20, 0, 16), (12, 36, 16, 32), (28, 40, 32, 40), (45, 60, 45, 60)]

    def test_films_above_ten_minutes_are_seen_in_windows(
        self, encoders: dict[str, NetworkEncoder], tmp_path: Path
    ) -> None:
        path = make_clip(tmp_path / "long.mp4", seconds=640.0, rate=2, size=(32, 32))
        encoder = copy.copy(encoders["swin3d_t"])
        encoder.rows = lambda raw: np.ones((len(raw), encoder.channels), np.float32)  # type: ignore[method-assign]
        features = encoder.features(path)
        assert len(features.values) == 1280 and 0.65 < features.seen.mean() < 0.85 and features.seen[[0, -1]].all()
        assert np.array_equal(features.values.any(1), features.seen)


def write_tone(path: Path, hertz: float) -> None:
    time = np.arange(24_000 * 4) / 24_000
    write_wav(path, (8000 * np.sin(2 * np.pi * hertz * time)).astype("<i2"), 24_000)


def write_wav(path: Path, samples: np.ndarray, rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


class TestSettings:
    @pytest.mark.parametrize("harm", ["frames", "unknown key", "damaged weights", "other weights"])
    def test_a_folder_that_does_not_hold_what_it_must_is_one_line(
        self, encoders: dict[str, NetworkEncoder], tmp_path: Path, harm: str
    ) -> None:
        encoders["log_mel"].save(tmp_path)
        settings, weights = tmp_path / "encoder.json", tmp_path / "model.safetensors"
        if harm == "frames":
            settings.write_text(settings.read_text().replace('"frames": 32', '"frames": 33'))
        elif harm == "unknown key":
            settings.write_text(json.dumps({**json.loads(settings.read_text()), "brands": 3}))
        elif harm == "damaged weights":
            weights.write_bytes(weights.read_bytes()[:500])
        else:
            settings.write_text(settings.read_text().replace('"bands": 64', '"bands": 128'))
        with pytest.raises(ModelError) as caught:
            make_encoder(str(tmp_path), "audio")
        assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)

    @pytest.mark.parametrize("frames", [2, 4, 8])
    @pytest.mark.parametrize("name", ["r2plus1d_18", "swin3d_t"])
    def test_any_number_of_pictures_a_row_gives_one_row(self, name: str, frames: int) -> None:
        settings = TINY[name].model_copy(update={"frames": frames})
        with torch.no_grad():
            assert make_network(settings).eval()(some_raw(settings, 3)).shape[1] == 3

    def test_torchvisions_own_weights_fit(self) -> None:
        """The defaults are the published architectures: their state, but for the head that we do not have."""
        from torchvision.models.video import r2plus1d_18, swin3d_t

        for name, make in (("r2plus1d_18", r2plus1d_18), ("swin3d_t", swin3d_t)):
            theirs = [
                tuple(p.shape) for n, p in make(weights=None).named_parameters() if not n.startswith(("fc", "head"))
            ]
            assert [tuple(p.shape) for p in make_network(DEFAULTS[name]).parameters()] == theirs


class TestModelFolder:
    def test_a_trained_model_is_saved_with_its_encoders_loaded_moved_and_embeds_the_same(
        self, encoders: dict[str, NetworkEncoder], clip: Path, tmp_path: Path
    ) -> None:
        for name in ("swin3d_t", "log_mel"):
            NetworkEncoder(TINY[name]).save(tmp_path / name)
        config = compact_config(video=str(tmp_path / "swin3d_t"), audio=str(tmp_path / "log_mel"), **SMALL_TOWERS)
        model = TwoTowerModel(config).eval()
        for side in ("video", "audio"):
            train_a_little(model.encoders[side])  # type: ignore[arg-type]
        model.save_pretrained(tmp_path / "model")
        assert (model.config.video.encoder, model.config.audio.encoder) == ("video", "audio")
        shutil.rmtree(tmp_path / "swin3d_t")
        shutil.move(tmp_path / "model", tmp_path / "moved")
        again = TwoTowerModel.from_pretrained(tmp_path / "moved")
        assert again.fingerprint == model.fingerprint
        assert again.embed_video(clip).sequence.tobytes() == model.embed_video(clip).sequence.tobytes()
        assert again.embed_audio(clip).vector.tobytes() == model.embed_audio(clip).vector.tobytes()
        again.save_pretrained(tmp_path / "copy")  # and from there once more, without the first
        shutil.rmtree(tmp_path / "moved")
        assert TwoTowerModel.from_pretrained(tmp_path / "copy").embed_audio(clip).vector.any()

    def test_weights_of_another_encoder_are_refused(self, tmp_path: Path) -> None:
        NetworkEncoder(TINY["log_mel"]).save(tmp_path / "log_mel")
        TwoTowerModel(compact_config(audio=str(tmp_path / "log_mel"), **SMALL_TOWERS)).save_pretrained(tmp_path / "m")
        other = NetworkEncoder(TINY["log_mel"])
        train_a_little(other)
        model = TwoTowerModel.from_pretrained(tmp_path / "m")
        _ = model.encoders
        other.save(tmp_path / "log_mel")
        with pytest.raises(ModelError, match="was trained on audio features of"):
            _ = TwoTowerModel.from_pretrained(tmp_path / "m").encoders


def test_two_steps_on_real_passages_lower_a_contrastive_loss(
    encoders: dict[str, NetworkEncoder], tmp_path: Path
) -> None:
    clips = [make_clip(tmp_path / f"{k}.mp4", seconds=3.0, seed=k, sound=True) for k in range(3)]
    video, audio = (copy.deepcopy(encoders[name]) for name in ("r2plus1d_18", "log_mel"))
    raw = [torch.stack([encoder.raw(path, 0.0, 3.0) for path in clips]) for encoder in (video, audio)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        heads = [nn.Linear(encoder.channels, 8) for encoder in (video, audio)]
    parts = [video.network.train(), audio.network.train(), *heads]
    optimiser = torch.optim.SGD([p for part in parts for p in part.parameters()], lr=0.005)
    losses = []
    for _ in range(3):
        v, a = (
            nn.functional.normalize(head(encoder.network(rows).mean(1)), dim=1)
            for head, encoder, rows in zip(heads, (video, audio), raw, strict=True)
        )
        loss = nn.functional.cross_entropy(v @ a.T, torch.arange(3))
        optimiser.zero_grad()
        loss.backward()
        assert all(next(e.blocks()[0].parameters()).grad.abs().sum() > 0 for e in (video, audio))  # type: ignore
        optimiser.step()
        losses.append(loss.item())
    assert losses[2] < losses[1] < losses[0]
