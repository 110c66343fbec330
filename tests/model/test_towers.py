"""The towers on tensors: masks, level, the autocorrelation, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.encoders import AMPLITUDE_CHANNELS, AUDIO_CHANNELS, DECIBEL_CHANNELS
from crossmodal.model import TOWERS, LevelConfig, ModelConfig, SideConfig, Tower, TwoTowerModel

RELAXED = settings(deadline=None, max_examples=20, derandomize=True)


def batch(channels: int, rows: int = 3, steps: int = 80, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, steps, channels, generator=generator), torch.ones(rows, steps, dtype=torch.bool)


def test_vectors_are_unit_and_sequences_have_heads(model: TwoTowerModel) -> None:
    vector, sequence = model.audio(*batch(48))
    assert vector.shape == (3, 128) and sequence.shape == (3, 80, 8, 2)
    torch.testing.assert_close(vector.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("side", ["video", "audio"])
def test_rows_that_are_not_seen_may_hold_anything(model: TwoTowerModel, side: str) -> None:
    tower: Tower = getattr(model, side)
    values, mask = batch(len(tower.prepare.mean))
    mask[0, 20:50] = mask[1, 60:] = False
    vector, sequence = tower(values, mask)
    spoilt = tower(torch.where(mask[..., None], values, 1e6), mask)
    torch.testing.assert_close((vector, sequence), spoilt, atol=0, rtol=0)
    assert sequence[~mask].count_nonzero() == 0 and sequence[mask].count_nonzero() > 0


@pytest.mark.parametrize("side", ["video", "audio"])
def test_padding_a_batch_changes_no_row(model: TwoTowerModel, side: str) -> None:
    tower: Tower = getattr(model, side)
    values, mask = batch(len(tower.prepare.mean))
    vector, sequence = tower(values, mask)
    wide = torch.cat([values, torch.full_like(values, 7)], 1), torch.cat([mask, torch.zeros_like(mask)], 1)
    wide_vector, wide_sequence = tower(*wide)
    torch.testing.assert_close(wide_vector, vector, atol=2e-6, rtol=0)
    torch.testing.assert_close(wide_sequence[:, :80], sequence, atol=2e-5, rtol=0)


def test_masked_rows_carry_no_gradient_and_short_or_constant_clips_none_that_is_not_finite(
    model: TwoTowerModel,
) -> None:
    values, mask = batch(48, steps=30)
    mask[0, 10:] = False
    values[1] = 2.0
    values.requires_grad_()
    vector, sequence = model.audio(values, mask)
    (gradient,) = torch.autograd.grad(vector.sum() + sequence.square().sum(), values)
    assert gradient[~mask].count_nonzero() == 0 and gradient.isfinite().all() and gradient[mask].count_nonzero() > 0


def test_a_clip_that_has_seen_nothing_gives_no_nan(model: TwoTowerModel) -> None:
    values, mask = batch(48)
    vector, sequence = model.audio(values, torch.zeros_like(mask))
    assert vector.isfinite().all() and sequence.count_nonzero() == 0


@pytest.mark.parametrize("gain_db", [-30.0, 6.0])
def test_a_gain_does_not_change_what_the_audio_tower_makes(model: TwoTowerModel, gain_db: float) -> None:
    values, mask = batch(48)
    mask[0, 30:60] = False
    values[..., AUDIO_CHANNELS.index("log_rms")] = values[..., AUDIO_CHANNELS.index("log_rms")] * 6 - 20
    louder = values.clone()
    for at, name in enumerate(AUDIO_CHANNELS):
        if name in DECIBEL_CHANNELS:
            louder[..., at] += gain_db
        if name in AMPLITUDE_CHANNELS:
            louder[..., at] *= 10 ** (gain_db / 20)
    torch.testing.assert_close(model.audio(louder, mask), model.audio(values, mask), atol=2e-5, rtol=0)


def test_without_level_makes_the_mean_power_one() -> None:
    level = LevelConfig(reference=0, shift=(0, 2), scale=(1,))
    tower = TOWERS["conv"](ModelConfig(), SideConfig(channels=4, level=level))
    decibels = torch.tensor([-10.0, -20.0, -40.0])
    values = torch.stack([decibels, torch.tensor([2.0, 3, 4]), decibels + 5, torch.tensor([9.0, 9, 9])], -1)[None]
    mask = torch.tensor([[True, True, False]])
    found = tower.prepare.without_level(values, mask)[0]
    power = (0.1 + 0.01) / 2
    assert (10 ** (found[:2, 0] / 10)).mean().item() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(found[:, 2], decibels + 5 - 10 * np.log10(power), atol=1e-4)
    np.testing.assert_allclose(found[:, 1], np.array([2, 3, 4]) / np.sqrt(power), rtol=1e-5)
    assert found[:, 3].tolist() == [9, 9, 9]


def test_nothing_passes_a_gap_of_the_largest_dilation(model: TwoTowerModel) -> None:
    curves, mask = batch(2 * 37, rows=1, steps=120)
    curves = curves.transpose(1, 2)
    mask[:, 50:58] = False
    before = model.video.encode(curves, mask)
    changed = curves.clone()
    changed[:, :, 58:] += 3
    after = model.video.encode(changed, mask)
    assert torch.equal(before[..., :50], after[..., :50]) and not torch.equal(before[..., 58:], after[..., 58:])


@RELAXED
@given(seed=st.integers(0, 999), steps=st.integers(1, 90), share=st.sampled_from([1.0, 0.7]))
def test_autocorrelation_is_what_plain_loops_give(model: TwoTowerModel, seed: int, steps: int, share: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    curves = torch.randn(2, 8, steps, generator=generator) + 3
    mask = torch.rand(2, steps, generator=generator) < share
    found = model.audio.to_vector._autocorrelation(curves, mask)
    for row in range(2):
        shown = np.flatnonzero(mask[row].numpy())
        for channel in range(8):
            wave = curves[row, channel].double().numpy()
            mean = wave[shown].mean() if shown.size else 0.0
            variance = ((wave[shown] - mean) ** 2).mean() + 1e-4 if shown.size else 1e-4
            for lag in (1, 2, 17, 48):
                pairs = [(t, t + lag) for t in shown if t + lag in shown]
                products = sum((wave[a] - mean) * (wave[b] - mean) for a, b in pairs)
                expected = products / (len(pairs) + 10) / variance
                assert found[row, channel, lag - 1].item() == pytest.approx(expected, abs=1e-4)


def test_a_pulse_shows_at_its_period_and_not_at_half_of_it(model: TwoTowerModel) -> None:
    wave = torch.zeros(1, 1, 300)
    wave[..., ::6] = 1  # every .6 s: 100 beats a minute
    pulse = model.audio.to_vector._autocorrelation(wave, torch.ones(1, 300, dtype=torch.bool))[0, 0]
    assert pulse[5] > 0.9 and pulse[11] > 0.9 and pulse[2] < 0


def test_the_same_clip_cropped_keeps_its_vector_nearly(model: TwoTowerModel) -> None:
    beat = torch.zeros(1, 400, 48)
    beat[:, ::5, 23] = 4.0
    mask = torch.ones(1, 400, dtype=torch.bool)
    (whole, _), (part, _) = model.audio(beat, mask), model.audio(beat[:, 100:300], mask[:, :200])
    assert (whole @ part.T).item() > 0.99


@pytest.mark.parametrize(
    ("shape", "mask_shape", "says"),
    [
        ((2, 10, 36), (2, 10), r"must be \(rows, T, 37\)"),
        ((2, 10, 37), (2, 9), "mask is"),
        ((10, 37), (10,), "values is"),
    ],
)
def test_wrong_shapes_are_named(
    model: TwoTowerModel, shape: tuple[int, ...], mask_shape: tuple[int, ...], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        model.video(torch.zeros(shape), torch.ones(mask_shape, dtype=torch.bool))
