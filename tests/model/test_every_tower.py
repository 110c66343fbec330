"""What all kinds of towers keep to: masks, padding, blocks, spans, saving, and models without a sequence."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from crossmodal.errors import ModelError
from crossmodal.features import Features
from crossmodal.model import TOWERS, ModelConfig, TwoTowerModel, compact_config
from crossmodal.model.pooled import statistics
from crossmodal.model.transformer import positions

SMALL: dict[str, object] = {"vector_dim": 24, "hidden": 32, "width": 16, "layers": [20]}
KINDS = [(name, heads) for name in TOWERS for heads in (0, 4)]


@pytest.fixture(scope="module", params=KINDS, ids=[f"{name}-{heads}" for name, heads in KINDS])
def model(request: pytest.FixtureRequest) -> Iterator[TwoTowerModel]:
    """A small model of each kind, with and without a sequence, of drawn weights; statistics that are not trivial."""
    tower, heads = request.param
    yield drawn(tower=tower, heads=heads, label_dim=8)


def drawn(**settings: object) -> TwoTowerModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = TwoTowerModel(compact_config(**{**SMALL, **settings}))
        for tower in (model.video, model.audio):
            channels = len(tower.prepare.mean)
            tower.prepare.fit(torch.linspace(-1, 1, channels), torch.linspace(0.5, 3, channels))
            tower.train()
            for steps in (60, 90):  # running statistics of the batch normalisations
                tower(torch.randn(6, steps, channels), torch.ones(6, steps, dtype=torch.bool))
    return model.eval()


def batch(rows: int = 3, steps: int = 87, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, steps, 48, generator=generator), torch.ones(rows, steps, dtype=torch.bool)


def test_vectors_are_unit_and_sequences_have_the_heads_that_the_config_says(model: TwoTowerModel) -> None:
    vector, sequence = model.audio(*batch())
    assert vector.shape == (3, 24) and sequence.shape == (3, 87, model.config.heads, 2)
    torch.testing.assert_close(vector.norm(dim=1), torch.ones(3))


def test_rows_that_are_not_seen_may_hold_anything(model: TwoTowerModel) -> None:
    values, mask = batch()
    mask[0, 20:50] = mask[1, 60:] = False
    vector, sequence = model.audio(values, mask)
    spoilt = model.audio(torch.where(mask[..., None], values, 1e6), mask)
    torch.testing.assert_close((vector, sequence), spoilt, atol=0, rtol=0)
    assert sequence[~mask].count_nonzero() == 0


@pytest.mark.parametrize("more", [3, 80, 400])
def test_padding_a_batch_changes_no_row(model: TwoTowerModel, more: int) -> None:
    values, mask = batch()
    mask[1, 70:] = False
    vector, sequence = model.audio(values, mask)
    wide = torch.cat([values, torch.full((3, more, 48), 7.0)], 1), torch.cat([mask, torch.zeros(3, more).bool()], 1)
    wide_vector, wide_sequence = model.audio(*wide)
    torch.testing.assert_close(wide_vector, vector, atol=2e-6, rtol=0)
    torch.testing.assert_close(wide_sequence[:, :87], sequence, atol=2e-5, rtol=0)


def test_a_row_does_not_see_its_batch(model: TwoTowerModel) -> None:
    values, mask = batch()
    together, alone = (
        model.audio(values, mask)[0],
        torch.cat([model.audio(values[k : k + 1], mask[:1])[0] for k in range(3)]),
    )
    torch.testing.assert_close(together, alone, atol=2e-6, rtol=0)


def test_masked_rows_carry_no_gradient_and_nothing_is_nan(model: TwoTowerModel) -> None:
    values, mask = batch(steps=30)
    mask[0, 10:] = False
    mask[2] = False
    values[1] = 2.0
    values.requires_grad_()
    vector, sequence = model.audio(values, mask)
    assert vector.isfinite().all()
    (gradient,) = torch.autograd.grad(vector[:2, :5].sum() + sequence.square().sum(), values)
    assert gradient[~mask].count_nonzero() == 0 and gradient.isfinite().all() and gradient[0].count_nonzero() > 0


def test_every_weight_is_trained(model: TwoTowerModel) -> None:
    model.train()
    try:
        hidden = model.audio.encode(model.audio.prepare(*batch()), batch()[1])
        assert model.audio.to_label_vector is not None
        parts = model.audio.to_vector(hidden, batch()[1]), model.audio.to_label_vector(hidden, batch()[1])
        mixed = sum((part @ torch.linspace(-1, 1, part.shape[1])).square().sum() for part in parts)
        (mixed + model.audio.sequence(hidden, batch()[1]).square().sum()).backward()  # type: ignore[union-attr]
        assert all(parameter.grad is not None for parameter in model.audio.parameters())
    finally:
        model.zero_grad()
        model.eval()


@pytest.mark.parametrize(("rows", "gaps"), [(1, ()), (5, ()), (130, ()), (2600, ()), (1500, ((120, 150), (400, 700)))])
def test_blocks_give_what_one_pass_gives(
    model: TwoTowerModel, make_features: object, rows: int, gaps: tuple[tuple[int, int], ...]
) -> None:
    features: Features = make_features("audio", rows, gaps=gaps)  # type: ignore[operator]
    found = model.embed(features, "audio")
    with torch.no_grad():
        vector, sequence = model.audio(torch.from_numpy(features.values)[None], torch.from_numpy(features.seen)[None])
    np.testing.assert_allclose(found.vector, vector[0], atol=1e-5)
    np.testing.assert_allclose(found.sequence, sequence[0], atol=1e-5)
    assert found.views["labels"].shape == (8,)


def test_the_same_features_give_the_same_bits_alone_and_beside_others(
    model: TwoTowerModel, make_features: object
) -> None:
    features = [make_features("audio", rows, seed=rows) for rows in (90, 1700, 333)]  # type: ignore[operator]
    alone = [model.embed(each, "audio") for each in features]
    for at, again in enumerate(model.embed(each, "audio") for each in [*features, *features[::-1]]):
        one = alone[at if at < 3 else 5 - at]
        assert one.vector.tobytes() == again.vector.tobytes() and one.segments.tobytes() == again.segments.tobytes()
        assert one.sequence.tobytes() == again.sequence.tobytes()


def test_a_medium_as_long_as_a_window_has_itself_as_segment(model: TwoTowerModel, make_features: object) -> None:
    found = model.embed(make_features("video", 120), "video")  # type: ignore[operator]
    assert found.times.tolist() == [0]
    np.testing.assert_allclose(found.segments[0], found.vector, atol=1e-6)


def test_a_saved_model_comes_back_to_the_bit(model: TwoTowerModel, make_features: object, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    loaded = TwoTowerModel.from_pretrained(tmp_path)
    assert loaded.fingerprint == model.fingerprint and type(loaded.video) is type(model.video)
    features = make_features("video", 250)  # type: ignore[operator]
    assert loaded.embed(features, "video").vector.tobytes() == model.embed(features, "video").vector.tobytes()


def test_settings_that_came_later_change_a_fingerprint_only_where_they_are_used() -> None:
    plain = ModelConfig().identity()
    assert "tower" not in plain and "step" not in plain
    assert ModelConfig(tower="pooled").identity() != plain and ModelConfig(depth=3).identity() != plain


def test_the_bundled_model_is_the_one_it_was() -> None:
    loaded = TwoTowerModel.from_pretrained("compact")
    assert loaded.folder is not None
    assert f"`{loaded.fingerprint}`" in (loaded.folder / "README.md").read_text(encoding="utf-8")


def test_attention_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="must divide it"):
        ModelConfig(tower="transformer", width=18)


def test_a_longer_medium_has_the_mean_of_its_windows_by_the_share_that_was_seen(make_features: object) -> None:
    model = drawn(tower="transformer", heads=0)
    curves, mask = torch.randn(1, 16, 300), torch.ones(1, 300, dtype=torch.bool)
    mask[:, 30:60] = False
    ends = [0, 120, 240, 300]
    parts = [model.audio.to_vector(curves[..., a:b], mask[:, a:b]) for a, b in itertools.pairwise(ends)]
    mean = 90 * parts[0] + 120 * parts[1] + 60 * parts[2]
    torch.testing.assert_close(model.audio.to_vector(curves, mask), mean / mean.norm(), atol=1e-6, rtol=0)


def test_a_transformer_hears_the_order_of_steps_and_statistics_do_not() -> None:
    curves, mask = torch.randn(1, 16, 120, generator=torch.Generator().manual_seed(1)), torch.ones(1, 120).bool()
    turned = curves.unflatten(2, (12, 10)).flip(2).flatten(2)  # seconds in reverse order
    head = drawn(tower="transformer").audio.to_vector
    assert (head(curves, mask) - head(turned, mask)).abs().max() > 1e-3
    order, means = torch.randperm(120), 3 * 16  # mean, deviation and maximum; the last part is the pace
    torch.testing.assert_close(statistics(curves, mask)[:, :means], statistics(curves[..., order], mask)[:, :means])


def test_statistics_are_what_numpy_gives() -> None:
    curves, mask = torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(2)), torch.ones(2, 50).bool()
    mask[1, 20:30] = False
    found = statistics(curves, mask).numpy()
    for row in range(2):
        wave, seen = curves[row].numpy(), mask[row].numpy()
        shown = wave[:, seen]
        steps = np.concatenate(
            [np.diff(part, axis=1) for part in ([shown] if row == 0 else [wave[:, :20], wave[:, 30:]])], 1
        )
        expected = [shown.mean(1), np.sqrt(shown.var(1) + 1e-4), shown.max(1), np.sqrt((steps**2).mean(1) + 1e-4)]
        np.testing.assert_allclose(found[row], np.concatenate(expected), atol=1e-5)


def test_positions_are_those_of_the_paper() -> None:
    found = positions(7, 10).numpy()
    for place in range(7):
        for channel in range(10):
            angle = place / 10_000 ** (2 * (channel // 2) / 10)
            assert found[place, channel] == pytest.approx(
                np.sin(angle) if channel % 2 == 0 else np.cos(angle), abs=1e-6
            )


def test_a_tower_that_is_not_there_is_refused(tmp_path: Path) -> None:
    drawn().save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace('"conv"', '"cnov"'))
    with pytest.raises(ModelError, match=r"config\.json: tower: "):
        TwoTowerModel.from_pretrained(tmp_path)
