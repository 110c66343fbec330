"""Cached gradients against those of the whole batch at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from crossmodal.losses import CrossModalLoss, InfoNCE, PairBatch, SideBatch
from crossmodal.losses.gradient_cache import GradientCache

RELAXED = settings(deadline=None, max_examples=15, derandomize=True)


class Sequences(nn.Module):
    """A tower of two outputs: vectors (N, D) and sequences (N, T, H, d)."""

    def __init__(self) -> None:
        super().__init__()
        self.to_steps, self.to_vector = nn.Linear(3, 4), nn.Linear(4, 5)

    def forward(self, rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        steps = self.to_steps(rows).tanh()  # (N, T, 4)
        return self.to_vector((steps * mask[..., None]).mean(1)), steps.unflatten(-1, (2, 2))


def tower(width: int, drop: float = 0.0) -> nn.Module:
    return nn.Sequential(nn.Linear(width, 8), nn.Dropout(drop), nn.Tanh(), nn.Linear(8, 5)).double()


def gradients(modules: list[nn.Module]) -> list[Tensor]:
    found = [p.grad for module in modules for p in module.parameters()]
    for module in modules:
        module.zero_grad()
    return found


def joint(loss: CrossModalLoss, ids: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda video, audio: loss(PairBatch(SideBatch(ids, video), SideBatch(ids % 4, audio)))


@RELAXED
@given(rows=st.integers(1, 13), chunk_rows=st.integers(1, 15), seed=st.integers(0, 99))
def test_gradients_are_those_of_the_whole_batch(rows: int, chunk_rows: int, seed: int) -> None:
    torch.manual_seed(seed)
    towers = [tower(3), tower(6)]
    loss = CrossModalLoss(vectors=InfoNCE()).double()
    inputs = [(torch.randn(rows, width, dtype=torch.float64),) for width in (3, 6)]
    value = joint(loss, torch.arange(rows) % 5)  # several positives
    plain = value(*(part(*x) for part, x in zip(towers, inputs, strict=True)))
    plain.backward()
    expected = gradients([*towers, loss])
    cached = GradientCache(towers, chunk_rows).backward(inputs, value)
    torch.testing.assert_close(cached, plain.detach(), atol=1e-10, rtol=0)
    torch.testing.assert_close(gradients([*towers, loss]), expected, atol=1e-10, rtol=0)
    assert not cached.requires_grad


def test_towers_of_two_outputs_and_two_inputs_are_served() -> None:
    towers = [Sequences().double(), Sequences().double()]
    inputs = [(torch.randn(7, 20, 3, dtype=torch.float64), torch.rand(7, 20) < 0.8) for _ in towers]
    loss = CrossModalLoss(vectors=InfoNCE(), sequences=InfoNCE()).double()
    ids = torch.tensor([0, 1, 2, 0, 1, 3, 4])

    def value(*sides: tuple[Tensor, Tensor]) -> Tensor:
        made = [SideBatch(ids, *side, mask) for side, (_, mask) in zip(sides, inputs, strict=True)]
        return loss(PairBatch(*made))

    value(*(part(*x) for part, x in zip(towers, inputs, strict=True))).backward()
    expected = gradients([*towers, loss])
    GradientCache(towers, 3).backward(inputs, value)
    torch.testing.assert_close(gradients([*towers, loss]), expected, atol=1e-10, rtol=0)


def test_dropout_falls_alike_in_both_passes_and_the_random_state_goes_on() -> None:
    towers = [tower(3, drop=0.5), tower(3, drop=0.5)]
    loss = CrossModalLoss(vectors=InfoNCE()).double()
    inputs = [(torch.randn(10, 3, dtype=torch.float64),) for _ in towers]
    value = joint(loss, torch.arange(10))
    torch.manual_seed(5)
    outputs = [torch.cat([part(rows) for rows in x.split(4)]) for part, (x,) in zip(towers, inputs, strict=True)]
    after = torch.rand(3)
    value(*outputs).backward()
    expected = gradients([*towers, loss])
    torch.manual_seed(5)
    GradientCache(towers, 4).backward(inputs, value)
    assert torch.equal(torch.rand(3), after)
    torch.testing.assert_close(gradients([*towers, loss]), expected, atol=1e-10, rtol=0)


def test_one_chunk_at_a_time_has_a_graph() -> None:
    with_graph = []

    class Watched(nn.Linear):
        def forward(self, rows: Tensor) -> Tensor:
            with_graph.append((torch.is_grad_enabled(), len(rows)))
            return super().forward(rows)

    GradientCache([Watched(2, 2)], 4).backward([(torch.randn(10, 2),)], lambda x: x.square().mean())
    assert with_graph == [(False, 4), (False, 4), (False, 2), (True, 4), (True, 4), (True, 2)]


def test_gradients_are_added_to_those_that_are_there_and_reach_the_inputs() -> None:
    part, rows = tower(3), torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    for _ in range(2):
        GradientCache([part], 2).backward([(rows,)], lambda x: x.square().sum())
    twice, rows.grad = [rows.grad, *gradients([part])], None
    part(rows).square().sum().backward()
    once = [rows.grad, *gradients([part])]
    torch.testing.assert_close(twice, [2 * gradient for gradient in once])


def test_a_distributed_tower_meets_the_others_in_the_last_chunk_only() -> None:
    quiet: list[bool] = []

    class Distributed(nn.Linear):
        def forward(self, rows: Tensor) -> Tensor:
            if torch.is_grad_enabled():
                quiet.append(self.is_quiet)
            return super().forward(rows)

        is_quiet = False

        @contextmanager
        def no_sync(self) -> Iterator[None]:
            self.is_quiet = True
            yield
            self.is_quiet = False

    GradientCache([Distributed(2, 2)], 4).backward([(torch.randn(10, 2),)], lambda x: x.square().mean())
    assert quiet == [True, True, False]


def test_a_frozen_tower_and_a_batch_without_rows_pass() -> None:
    frozen, part = tower(3).requires_grad_(False), tower(3)
    rows = torch.randn(5, 3, dtype=torch.float64)
    GradientCache([frozen, part], 2).backward([(rows,), (rows,)], lambda x, y: (x * y).sum())
    assert all(p.grad is None for p in frozen.parameters()) and all(p.grad.any() for p in part.parameters())
    value = GradientCache([part], 2).backward([(rows[:0],)], lambda x: x.sum())
    assert value == 0


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="chunk_rows is 0"):
        GradientCache([tower(3)], 0)
    with pytest.raises(ValueError, match="1 inputs for 2 towers"):
        GradientCache([tower(3), tower(3)], 2).backward([(torch.zeros(1, 3),)], lambda x: x.sum())
    with pytest.raises(ValueError, match="must share their rows"):
        GradientCache([tower(3)], 2).backward([(torch.zeros(1, 3), torch.zeros(2))], lambda x: x.sum())
