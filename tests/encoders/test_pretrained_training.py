"""Pretrained encoders trained further: raw media in, rows with gradients out, by blocks, saved and loaded again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks_made import SMALL_TOWERS

from crossmodal.encoders import make_encoder
from crossmodal.encoders.pretrained import PretrainedEncoder
from crossmodal.errors import ModelError
from crossmodal.model import TwoTowerModel
from crossmodal.model.compact import compact_config

SIDES: dict[str, Any] = {"clip": "video", "siglip": "video", "clap": "audio", "clap-fused": "audio", "ast": "audio"}


@pytest.mark.parametrize("name", SIDES)
class TestEveryFamily:
    def test_the_network_gives_of_raw_media_what_features_are(self, checkpoints: Path, clip: Path, name: str) -> None:
        encoder = PretrainedEncoder(str(checkpoints / name), SIDES[name])
        features = encoder.features(clip)
        raw = encoder.raw(clip, 0.0, encoder.hop * len(features.values))
        with torch.no_grad():
            rows = encoder.network(raw[None])[0].numpy()
        np.testing.assert_allclose(rows, features.values[: len(rows)], atol=3e-3)
        assert len(rows) >= len(features.values) - 1  # the last row may be less than half there

    def test_a_passage_is_a_part_of_the_whole(self, checkpoints: Path, clip: Path, name: str) -> None:
        encoder = PretrainedEncoder(str(checkpoints / name), SIDES[name])
        encoder.hop = 0.5
        whole = encoder.raw(clip, 0.0, 6.0)
        assert len(whole) == 12 and torch.allclose(encoder.raw(clip, 2.0, 1.5), whole[4:7], atol=1e-4)
        assert len(encoder.raw(clip, 5.0, 6.0)) == 3 and len(encoder.raw(clip, 9.0, 1.0)) == 0

    def test_each_weight_belongs_to_one_block_and_the_last_can_be_trained_alone(
        self, checkpoints: Path, clip: Path, name: str
    ) -> None:
        encoder = PretrainedEncoder(str(checkpoints / name), SIDES[name])
        blocks = encoder.blocks()
        owned = [id(p) for block in blocks for p in block.parameters()]
        assert sorted(owned) == sorted(id(p) for p in encoder.network.parameters()) and len(blocks) >= 3
        before = encoder.fingerprint
        blocks[-1].requires_grad_(True)
        encoder.network.train()
        rows = encoder.network(encoder.raw(clip, 0.0, 2 * encoder.hop)[None])
        (rows * torch.linspace(-1, 1, rows.shape[2])).sum().backward()
        changed = {id(p) for p in encoder.network.parameters() if p.grad is not None and p.grad.abs().sum() > 0}
        assert changed and changed <= {id(p) for p in blocks[-1].parameters()}
        with torch.no_grad():
            for weight in blocks[-1].parameters():
                weight.add_(0.1)
        encoder.network.requires_grad_(False)
        assert encoder.fingerprint != before

    def test_it_is_saved_with_its_hop_and_loaded_again(
        self, checkpoints: Path, clip: Path, tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        encoder = PretrainedEncoder(str(checkpoints / name), SIDES[name])
        encoder.hop = 0.5
        encoder.blocks()[-1].requires_grad_(True)
        with torch.no_grad():
            next(encoder.blocks()[-1].parameters()).mul_(1.5)
        capfd.readouterr()
        encoder.save(tmp_path / "saved")
        assert capfd.readouterr() == ("", "")
        again = make_encoder(str(tmp_path / "saved"), SIDES[name])
        assert again.hop == 0.5 and again.fingerprint == encoder.fingerprint
        encoder.network.eval()
        made = encoder.features(clip)
        assert len(made.values) == 13 and made.values.tobytes() == again.features(clip).values.tobytes()


def test_a_hop_that_is_none_is_told(checkpoints: Path, tmp_path: Path) -> None:
    PretrainedEncoder(str(checkpoints / "siglip"), "video").save(tmp_path)
    for text in ('{"hop": 0}', '{"hop": "x"}', "{"):
        (tmp_path / "rows.json").write_text(text)
        with pytest.raises(ModelError, match=r"rows\.json"):
            make_encoder(str(tmp_path), "video")


def test_a_model_takes_a_checkpoint_along_that_was_trained_with_it_and_leaves_one_that_was_not(
    checkpoints: Path, clip: Path, tmp_path: Path
) -> None:
    config = compact_config(video=str(checkpoints / "siglip"), audio=str(checkpoints / "ast"), **SMALL_TOWERS)
    model = TwoTowerModel(config).eval()
    video: Any = model.encoders["video"]
    video.hop = 0.5
    video.blocks()[-1].requires_grad_(True)
    with torch.no_grad():
        next(video.blocks()[-1].parameters()).mul_(1.5)
    model.save_pretrained(tmp_path / "model")
    assert model.config.video.encoder == "video" and model.config.audio.encoder == str(checkpoints / "ast")
    again = TwoTowerModel.from_pretrained(tmp_path / "model")
    assert again.embed_video(clip).vector.tobytes() == model.embed_video(clip).vector.tobytes()
    assert not (tmp_path / "model" / "audio").exists()
