"""The aligned similarity against plain loops, its invariances and its gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import sequence_loops

from crossmodal.similarity import aligned

RELAXED = settings(deadline=None, max_examples=30, derandomize=True)


def draw(seed: int, rows: int, steps: int = 20, share_seen: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, steps, 3, 2, generator=generator) * torch.tensor([0.02, 1, 4])[:, None] + 2
    return values, torch.rand(rows, steps, generator=generator) < share_seen


@RELAXED
@given(seed=st.integers(0, 9999), steps=st.integers(1, 20), share=st.sampled_from([1.0, 0.7, 0.3]))
def test_every_pair_is_what_plain_loops_give(seed: int, steps: int, share: float) -> None:
    (video, video_mask), (audio, audio_mask) = draw(seed, 2, steps, share), draw(seed + 1, 3, steps, share)
    found = aligned(video, audio, video_mask, audio_mask)
    for n in range(2):
        for m in range(3):
            both = torch.nonzero(video_mask[n] & audio_mask[m])[:, 0].tolist()
            expected = sequence_loops.window_r(video[n].double().numpy(), audio[m].double().numpy(), both, both)
            assert found[n, m].item() == pytest.approx(expected, abs=2e-5)


def test_gradients_are_those_of_finite_differences() -> None:
    (video, video_mask), (audio, audio_mask) = draw(1, 2, 6, 0.8), draw(2, 3, 6, 0.8)
    sides = [side.double().requires_grad_() for side in (video, audio)]
    assert torch.autograd.gradcheck(lambda v, a: aligned(v, a, video_mask, audio_mask), sides)


def test_gain_and_offset_of_a_head_do_not_matter() -> None:
    (video, mask), (audio, _) = draw(3, 2), draw(4, 2)
    gain = torch.tensor([40.0, 2.0, 0.5])[:, None]
    louder = video * gain + torch.tensor([3.0, -1.0])
    strong = torch.tensor([1, 2])  # the first head is under the floor, where gain does matter
    before = aligned(video[:, :, strong], audio[:, :, strong], mask, mask)
    after = aligned(louder[:, :, strong], audio[:, :, strong], mask, mask)
    torch.testing.assert_close(before, after, atol=1e-5, rtol=0)


def test_masked_steps_carry_no_gradient_and_may_hold_anything() -> None:
    (video, video_mask), (audio, audio_mask) = draw(5, 2, share_seen=0.7), draw(6, 2)
    spoilt = torch.where(video_mask[..., None, None], video, torch.nan).requires_grad_()
    sim = aligned(spoilt, audio, video_mask, audio_mask)
    torch.testing.assert_close(sim, aligned(video, audio, video_mask, audio_mask))
    (gradient,) = torch.autograd.grad(sim.sum(), spoilt)
    assert gradient[~video_mask].count_nonzero() == 0 and gradient.isfinite().all()


def test_a_pair_that_shares_no_step_has_similarity_zero_and_no_gradient() -> None:
    video, _ = draw(7, 1)
    first = (torch.arange(20) < 10)[None]
    video = video.requires_grad_()
    sim = aligned(video, video.detach(), first, ~first)
    (gradient,) = torch.autograd.grad(sim.sum(), video)
    assert sim.item() == pytest.approx(0, abs=1e-6) and gradient.count_nonzero() == 0


def test_constant_rows_score_nothing_and_have_finite_gradients() -> None:
    video = torch.ones(1, 20, 3, 2, requires_grad=True)
    audio, mask = draw(8, 1)
    sim = aligned(video, audio, mask, mask)
    (gradient,) = torch.autograd.grad(sim.sum(), video)
    assert abs(sim.item()) < 1e-5 and gradient.isfinite().all()


def test_padding_changes_nothing() -> None:
    (video, mask), (audio, _) = draw(9, 2), draw(10, 3)
    audio_mask = torch.ones(3, 20, dtype=torch.bool)

    def padded(rows: torch.Tensor) -> torch.Tensor:
        return torch.cat([rows, torch.zeros_like(rows)], 1)

    torch.testing.assert_close(
        aligned(video, audio, mask, audio_mask),
        aligned(padded(video), padded(audio), padded(mask), padded(audio_mask)),
    )


def test_half_precision_is_computed_in_float32() -> None:
    (video, mask), (audio, audio_mask) = draw(11, 2), draw(12, 2)
    half = aligned(video.bfloat16(), audio.bfloat16(), mask, audio_mask)
    assert half.dtype == torch.float32
    np.testing.assert_allclose(half, aligned(video.bfloat16().float(), audio.bfloat16().float(), mask, audio_mask))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v, a, vm, am: (v[:, :5], a, vm[:, :5], am), "video is"),
        (lambda v, a, vm, am: (v[0], a, vm, am), "video is"),
        (lambda v, a, vm, am: (v, a, vm[:, :5], am), "video_mask is"),
        (lambda v, a, vm, am: (v, a, vm, am.float()), "audio_mask is"),
    ],
)
def test_wrong_shapes_are_named(change: object, says: str) -> None:
    (video, video_mask), (audio, audio_mask) = draw(13, 2), draw(14, 2)
    with pytest.raises(ValueError, match=says):
        aligned(*change(video, audio, video_mask, audio_mask))  # type: ignore[operator]
