"""Late interaction, time warping and the best of all starts, between batches: loops, gradients, edges, memory."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import sequence_loops
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from crossmodal.similarity import (
    TrackSpectra,
    aligned,
    best_starts,
    clip_windows,
    late_interaction,
    over_starts,
    warped,
)
from crossmodal.similarity import late as late_module
from crossmodal.similarity.starts import BONUS

RELAXED = settings(deadline=None, max_examples=30, derandomize=True)


def best_of_starts(video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor) -> Tensor:
    return over_starts(video, audio, video_mask, audio_mask, bonus=0)[0]


KINDS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "aligned": aligned,
    "late_interaction": late_interaction,
    "warped": warped,
    "over_starts": best_of_starts,
}
TRAINED = ("aligned", "late_interaction", "over_starts")


def draw(seed: int, rows: int, steps: int, share_seen: float = 1.0) -> tuple[Tensor, Tensor]:
    """(B, T, 3, 2) whose heads differ in strength and mean, and what is seen of it."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, steps, 3, 2, generator=generator) * torch.tensor([0.02, 1, 4])[:, None] + 2
    return values, torch.rand(rows, steps, generator=generator) < share_seen


def seen_steps(mask: Tensor) -> list[int]:
    return mask.nonzero()[:, 0].tolist()


@RELAXED
@given(
    seed=st.integers(0, 9999),
    steps=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    share=st.sampled_from([1.0, 0.7, 0.2]),
    band=st.sampled_from([0.1, 0.4]),
)
def test_late_interaction_and_warping_are_what_plain_loops_give(
    seed: int, steps: tuple[int, int], share: float, band: float
) -> None:
    (video, video_mask), (audio, audio_mask) = draw(seed, 2, steps[0], share), draw(seed + 1, 3, steps[1], share)
    late = late_interaction(video, audio, video_mask, audio_mask)
    warp = warped(video, audio, video_mask, audio_mask, band=band)
    for n in range(2):
        for m in range(3):
            sides = video[n].double().numpy(), audio[m].double().numpy()
            masks = seen_steps(video_mask[n]), seen_steps(audio_mask[m])
            assert late[n, m].item() == pytest.approx(sequence_loops.late_interaction(*sides, *masks), abs=2e-5)
            assert warp[n, m].item() == pytest.approx(sequence_loops.warped(*sides, *masks, band), abs=2e-5)


@RELAXED
@given(
    seed=st.integers(0, 9999),
    steps=st.tuples(st.integers(1, 12), st.integers(1, 20)),
    share=st.sampled_from([1.0, 1.0, 0.7]),
    bonus=st.sampled_from([0.0, 0.1]),
)
def test_the_best_start_is_what_plain_loops_give_with_and_without_a_graph(
    seed: int, steps: tuple[int, int], share: float, bonus: float
) -> None:
    (video, video_mask), (audio, audio_mask) = draw(seed, 2, steps[0], share), draw(seed + 1, 3, steps[1], share)
    plain, start = over_starts(video, audio, video_mask, audio_mask, bonus=bonus)
    graph, again = over_starts(video.requires_grad_(), audio, video_mask, audio_mask, bonus=bonus)
    assert torch.equal(start, again) and graph.requires_grad
    torch.testing.assert_close(plain, graph.detach(), atol=2e-5, rtol=0)
    for n in range(2):
        for m in range(3):
            ends = [max(seen_steps(mask), default=0) + 1 for mask in (video_mask[n], audio_mask[m])]
            r = sequence_loops.all_starts(
                video[n, : ends[0]].detach().double().numpy(),
                video_mask[n, : ends[0]].numpy(),
                audio[m, : ends[1]].double().numpy(),
                audio_mask[m, : ends[1]].numpy(),
            )
            r[0] += bonus
            best = max(r)
            assert plain[n, m].item() == pytest.approx(best if best > -1e9 else 0, abs=5e-5)
            assert r[start[n, m]] == pytest.approx(best, abs=5e-5) or best < -1e9


def test_training_and_matching_compute_the_same() -> None:
    """What a loss sees, what `Matcher` searches by and what it compares at the start it found, are one number."""
    (video, video_mask), (audio, audio_mask) = draw(1, 4, 60, 0.9), draw(2, 5, 200, 0.9)
    video_mask[:, -1] = audio_mask[:, -1] = True
    trained, start = over_starts(video.requires_grad_(), audio, video_mask, audio_mask)
    spectra = TrackSpectra.of(zip(audio, audio_mask, strict=True))
    for n in range(4):
        matched = best_starts(clip_windows(video[n].detach(), video_mask[n]), spectra)
        assert torch.equal(matched.start, start[n])
        torch.testing.assert_close(matched.s_seq, trained[n].detach(), atol=2e-5, rtol=0)
        for m, at in enumerate(start[n].tolist()):
            window = slice(at, at + 60)
            fixed = aligned(
                video[n : n + 1], audio[m : m + 1, window], video_mask[n : n + 1], audio_mask[m : m + 1, window]
            )
            expected = trained[n, m] - (BONUS if at == 0 else 0)
            torch.testing.assert_close(fixed[0, 0], expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", TRAINED)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    (video, video_mask), (audio, audio_mask) = draw(3, 1, 5, 0.8), draw(4, 2, 5 if name == "aligned" else 7, 0.8)
    sides = [side.double().requires_grad_() for side in (video, audio)]
    assert torch.autograd.gradcheck(lambda v, a: KINDS[name](v, a, video_mask, audio_mask), sides, atol=1e-4)


def test_a_long_clip_trains_by_windows_as_it_is_matched_by_windows() -> None:
    (video, mask), (audio, audio_mask) = draw(5, 1, 700), draw(6, 2, 900)
    plain, start = over_starts(video, audio, mask, audio_mask)
    graph, again = over_starts(video.requires_grad_(), audio, mask, audio_mask)
    assert torch.equal(start, again)
    torch.testing.assert_close(plain, graph.detach(), atol=2e-5, rtol=0)
    (gradient,) = torch.autograd.grad(graph.sum(), video)
    assert gradient.isfinite().all() and gradient.any()


def test_a_planted_start_is_found_to_one_hop() -> None:
    audio, audio_mask = draw(7, 3, 500)
    planted = [17, 250, 439]
    video = torch.stack([audio[m, at : at + 60] for m, at in enumerate(planted)])
    noisy = video + 0.3 * draw(8, 3, 60)[0]
    sim, start = over_starts(noisy, audio, torch.ones(3, 60, dtype=torch.bool), audio_mask)
    assert start.diagonal().tolist() == planted
    assert sim.argmax(1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", KINDS)
class TestEverySequenceSimilarity:
    def test_silence_and_stills_score_nothing_rather_than_noise(self, name: str) -> None:
        noise, mask = draw(9, 2, 40)
        still = torch.full_like(noise, 3.0) + 1e-4 * torch.randn(
            noise.shape, generator=torch.Generator().manual_seed(1)
        )
        audio, audio_mask = draw(10, 3, 40)
        assert KINDS[name](still, audio, mask, audio_mask).abs().max() < 0.02
        assert KINDS[name](audio, still, audio_mask, mask).abs().max() < 0.02
        assert KINDS[name](torch.zeros_like(still), audio, mask, audio_mask).abs().max() < 1e-4

    def test_media_that_share_only_their_mean_score_as_if_they_did_not(self, name: str) -> None:
        (video, mask), (audio, audio_mask) = draw(11, 2, 40), draw(12, 3, 40)
        moved = KINDS[name](video + 50, audio + 50, mask, audio_mask)
        torch.testing.assert_close(moved, KINDS[name](video - 2, audio - 2, mask, audio_mask), atol=2e-3, rtol=0)
        flat = torch.full((1, 40, 3, 2), 50.0)
        assert KINDS[name](flat, audio + 50, mask[:1], audio_mask).abs().max() < 1e-3

    def test_what_stands_at_unseen_steps_changes_nothing(self, name: str) -> None:
        (video, mask), (audio, audio_mask) = draw(13, 2, 30, 0.7), draw(14, 3, 30, 0.7)
        spoilt = [torch.where(m[..., None, None], x, torch.nan) for x, m in ((video, mask), (audio, audio_mask))]
        torch.testing.assert_close(
            KINDS[name](*spoilt, mask, audio_mask), KINDS[name](video, audio, mask, audio_mask), atol=1e-6, rtol=0
        )

    def test_rows_of_differing_lengths_score_as_they_do_alone(self, name: str) -> None:
        (video, mask), (audio, audio_mask) = draw(15, 3, 40), draw(16, 3, 40)
        for row, (n, m) in enumerate([(40, 40), (25, 40), (31, 17)]):
            mask[row, n:], audio_mask[row, m:] = False, False
        together = KINDS[name](video, audio, mask, audio_mask)
        for n in range(3):
            for m in range(3):
                cut = max(int(mask[n].sum()), int(audio_mask[m].sum())) if name == "aligned" else None
                ends = (cut or int(mask[n].sum()), cut or int(audio_mask[m].sum()))
                alone = KINDS[name](
                    video[n : n + 1, : ends[0]],
                    audio[m : m + 1, : ends[1]],
                    mask[n : n + 1, : ends[0]],
                    audio_mask[m : m + 1, : ends[1]],
                )
                assert together[n, m].item() == pytest.approx(alone.item(), abs=1e-5)

    def test_a_side_that_has_seen_nothing_scores_nothing(self, name: str) -> None:
        (video, mask), (audio, audio_mask) = draw(17, 2, 20), draw(18, 2, 20)
        mask[0], audio_mask[1] = False, False
        sim = KINDS[name](video.requires_grad_(), audio, mask, audio_mask)
        assert sim[0].abs().max() < 1e-6 and sim[:, 1].abs().max() < 1e-6 and sim[1, 0] != 0
        if name in TRAINED:
            (gradient,) = torch.autograd.grad(sim.sum(), video)
            assert gradient.isfinite().all() and gradient[0].count_nonzero() == 0

    @pytest.mark.parametrize("rows", [(0, 3), (3, 0), (0, 0)])
    def test_an_empty_side_gives_an_empty_matrix(self, name: str, rows: tuple[int, int]) -> None:
        (video, mask), (audio, audio_mask) = draw(19, rows[0], 20), draw(20, rows[1], 20)
        assert KINDS[name](video, audio, mask, audio_mask).shape == rows

    def test_half_precision_is_computed_in_float32(self, name: str) -> None:
        (video, mask), (audio, audio_mask) = draw(21, 2, 20), draw(22, 2, 20)
        half = KINDS[name](video.bfloat16(), audio.bfloat16(), mask, audio_mask)
        assert half.dtype == torch.float32
        torch.testing.assert_close(
            half, KINDS[name](video.bfloat16().float(), audio.bfloat16().float(), mask, audio_mask)
        )

    def test_no_array_of_all_pairs_of_steps_is_ever_made(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        class Watch(TorchDispatchMode):
            largest = 0

            def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                out = func(*args, **(kwargs or {}))
                for part in out if isinstance(out, tuple | list) else [out]:
                    if isinstance(part, Tensor):
                        self.largest = max(self.largest, part.numel())
                return out

        monkeypatch.setattr(late_module, "BLOCK_ENTRIES", 100 * 100)
        (video, mask), (audio, audio_mask) = draw(23, 6, 100), draw(24, 6, 100)
        with Watch() as watch:
            sim = KINDS[name](video.requires_grad_(), audio.requires_grad_(), mask, audio_mask)
            if name in TRAINED:
                sim.sum().backward()
        assert watch.largest < 6 * 6 * 100 * 100 / 20

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda v, a, vm, am: (v[..., :1, :], a, vm, am), "video is"),
            (lambda v, a, vm, am: (v[0], a, vm, am), "video is"),
            (lambda v, a, vm, am: (v, a, vm[:, :5], am), "video_mask is"),
            (lambda v, a, vm, am: (v, a, vm, am.float()), "audio_mask is"),
        ],
    )
    def test_wrong_shapes_are_named(self, name: str, change: Callable, says: str) -> None:
        (video, mask), (audio, audio_mask) = draw(25, 2, 20), draw(26, 2, 20)
        with pytest.raises(ValueError, match=says):
            KINDS[name](*change(video, audio, mask, audio_mask))


def test_late_interaction_knows_no_order_and_warping_does() -> None:
    (audio, mask), (video, _) = draw(27, 2, 60), draw(27, 2, 60)
    backwards = video.flip(1)
    torch.testing.assert_close(
        late_interaction(video, audio, mask, mask), late_interaction(backwards, audio, mask, mask), atol=1e-6, rtol=0
    )
    forward, turned = (warped(rows, audio, mask, mask).diagonal() for rows in (video, backwards))
    assert (forward > turned + 0.3).all()


def test_late_interaction_gains_nothing_by_a_longer_track() -> None:
    video, mask = draw(28, 20, 60)
    levels = []
    for steps in (60, 600, 3000):
        audio, audio_mask = draw(29, 4, steps)
        levels.append(late_interaction(video, audio, mask, audio_mask).mean().item())
    assert max(levels) - min(levels) < 0.05  # a plain log-sum-exp would rise by ln(50) / 16 = .24


def test_warping_follows_a_clip_that_drifts() -> None:
    track, mask = draw(30, 1, 200)
    bent = torch.linspace(0, 1, 200) + 0.06 * torch.sin(torch.linspace(0, torch.pi, 200))
    clip = track[:, (bent * 199).round().long().clamp_max(199)]
    assert warped(clip, track, mask, mask) > 0.8 > 0.5 > aligned(clip, track, mask, mask)
    assert warped(clip, track, mask, mask, band=0.01) < 0.5
