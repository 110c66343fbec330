"""InfoNCE against the worked numbers, plain loops, and two other implementations."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import pair_losses
from pytorch_metric_learning.distances import BaseDistance
from pytorch_metric_learning.losses import NTXentLoss

from crossmodal.losses import InfoNCE

RELAXED = settings(deadline=None, max_examples=30, derandomize=True)


def matrix(rows: list[list[float]]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64, requires_grad=True)


def test_worked_example_value_and_gradient() -> None:
    # T = .1; row 0: log(1 + e^(3-8) + e^(-1-8)) for its one positive; row 1: sp(2 - 6) and sp(2 - 5); mean over the 3.
    sim = matrix([[0.8, 0.3, -0.1], [0.2, 0.6, 0.5]])
    loss = InfoNCE(logit_scale=10)(sim, torch.tensor([[True, False, False], [False, True, True]]))
    by_hand = (math.log1p(math.exp(-5) + math.exp(-9)) + math.log1p(math.exp(-4)) + math.log1p(math.exp(-3))) / 3
    assert loss.item() == pytest.approx(0.02452507, abs=1e-7) == pytest.approx(by_hand, abs=1e-7)
    (gradient,) = torch.autograd.grad(loss, sim)
    expected = [[-0.02271533, 0.02230677, 0.00040856], [0.21804028, -0.05995403, -0.15808624]]
    torch.testing.assert_close(gradient, torch.tensor(expected, dtype=torch.float64), atol=1e-7, rtol=1e-6)


def test_both_directions_give_clip_and_its_gradients() -> None:
    sim = matrix([[0.4, 0.3], [0.5, 0.6]])
    loss = InfoNCE(logit_scale=10)
    value = (loss(sim, torch.eye(2, dtype=torch.bool)) + loss(sim.T, torch.eye(2, dtype=torch.bool))) / 2
    assert value.item() == pytest.approx(0.49709310, abs=1e-6)
    labels = torch.arange(2)
    clip = (F.cross_entropy(10 * sim, labels) + F.cross_entropy(10 * sim.T, labels)) / 2
    torch.testing.assert_close(value, clip, atol=1e-6, rtol=0)
    by_sim, by_scale = torch.autograd.grad(value, [sim, loss.log_scale])
    expected = [[-2.5, 0.79091824], [2.5, -0.79091824]]
    torch.testing.assert_close(by_sim, torch.tensor(expected, dtype=torch.float64), atol=1e-5, rtol=0)
    assert by_scale.item() == pytest.approx(0.01272453, abs=1e-5)


@RELAXED
@given(seed=st.integers(0, 9999), n=st.integers(1, 6), m=st.integers(1, 6))
def test_value_is_what_plain_loops_give(seed: int, n: int, m: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    sim = torch.rand(n, m, generator=generator, dtype=torch.float64)
    is_pos, ignore = (torch.rand(n, m, generator=generator) < share for share in (0.4, 0.2))
    loss = InfoNCE(logit_scale=20)(sim, is_pos, ignore)
    expected = pair_losses.infonce(sim.tolist(), (is_pos & ~ignore).tolist(), (~is_pos & ~ignore).tolist(), 20)
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_a_peer_library_agrees() -> None:
    class Given(BaseDistance):
        """Hands the peer our matrix instead of computing one."""

        def __init__(self, mat: torch.Tensor) -> None:
            super().__init__(is_inverted=True, normalize_embeddings=False)
            self.mat = mat

        def compute_mat(self, query_emb: torch.Tensor, ref_emb: torch.Tensor) -> torch.Tensor:
            return self.mat

        def pairwise_distance(self, query_emb: torch.Tensor, ref_emb: torch.Tensor) -> torch.Tensor:
            raise NotImplementedError

    sim = (torch.rand(5, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)).requires_grad_()
    is_pos = torch.eye(5, 6, dtype=torch.bool)
    is_pos[2, 4] = True
    positives, negatives = is_pos.nonzero(as_tuple=True), (~is_pos).nonzero(as_tuple=True)
    peer = NTXentLoss(temperature=0.1, distance=Given(sim))
    expected = peer(torch.zeros(5, 2), indices_tuple=(*positives, *negatives), ref_emb=torch.zeros(6, 2))
    ours = InfoNCE(logit_scale=10)(sim, is_pos)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(*(torch.autograd.grad(loss, sim)[0] for loss in (ours, expected)), atol=1e-5, rtol=1e-5)


def test_the_scale_is_learned_and_held_at_its_limit_without_sticking_there() -> None:
    loss = InfoNCE(logit_scale=59.9, max_scale=60)
    optimiser = torch.optim.SGD(loss.parameters(), lr=10)
    easy = torch.tensor([[0.9, 0.85], [0.8, 0.9]])
    for sim, at_limit in ((easy, True), (easy.flip(1), False)):
        for _ in range(20):
            optimiser.zero_grad()
            loss(sim, torch.eye(2, dtype=torch.bool)).backward()
            optimiser.step()
            loss.after_step()
        assert (loss.log_scale.exp().item() == pytest.approx(60, rel=1e-3)) is at_limit


def test_a_scale_that_is_not_learned_has_no_gradient() -> None:
    loss = InfoNCE(logit_scale=10, learned=False)
    assert not any(parameter.requires_grad for parameter in loss.parameters())


@pytest.mark.parametrize("scale", [0, -1, 61])
def test_a_scale_out_of_range_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="logit_scale is"):
        InfoNCE(logit_scale=scale)
