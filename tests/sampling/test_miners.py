"""Miners against loops from the papers and against a peer, alone and in front of a pair loss."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import miner_loops
from pytorch_metric_learning import miners as peer
from pytorch_metric_learning.distances import CosineSimilarity
from torch import Tensor

from crossmodal.losses import InfoNCE
from crossmodal.sampling import (
    MINERS,
    Angular,
    DistanceWeighted,
    EasyPositive,
    Hard,
    Miner,
    MultiSimilarity,
    SemiHard,
    left_out,
)
from crossmodal.similarity import cosine

RELAXED = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def spaces(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Unit rows of both sides (N, D), (M, D) in float64, and their ids."""
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9999)))
    rows = [torch.randn(count, 3, generator=generator, dtype=torch.float64) for count in (n, m)]
    video, audio = (part / part.norm(dim=1, keepdim=True) for part in rows)
    return video, audio, *(torch.randint(0, 3, (count,), generator=generator) for count in (n, m))


LOOPS: list[tuple[Miner, Callable[..., tuple[set[int], set[int]]], dict[str, object]]] = [
    (Hard(), miner_loops.hard, {}),
    (SemiHard(0.3), miner_loops.semi_hard, {"margin": 0.3}),
    (EasyPositive(), miner_loops.easy_positive, {"semi": False}),
    (EasyPositive("semi_hard"), miner_loops.easy_positive, {"semi": True}),
    (MultiSimilarity(0.2), miner_loops.multi_similarity, {"epsilon": 0.2}),
]


def chosen(keep: Tensor) -> list[set[int]]:
    return [set(row.nonzero()[:, 0].tolist()) for row in keep]


@pytest.mark.parametrize(("miner", "loop", "options"), LOOPS, ids=[str(miner) for miner, *_ in LOOPS])
@RELAXED
@given(case=spaces(), ignored=st.floats(0, 0.6))
def test_every_row_keeps_what_plain_loops_keep(
    miner: Miner, loop: Callable, options: dict, case: tuple[Tensor, ...], ignored: float
) -> None:
    video, audio, video_ids, audio_ids = case
    sim, is_pos = cosine(video, audio), video_ids[:, None] == audio_ids
    ignore = torch.rand(sim.shape, generator=torch.Generator().manual_seed(1)) < ignored
    is_pos, is_neg = is_pos & ~ignore, ~is_pos & ~ignore
    keep_pos, keep_neg = miner(sim, is_pos, is_neg)
    expected = [loop(*(part[row].tolist() for part in (sim, is_pos, is_neg)), **options) for row in range(sim.shape[0])]
    assert list(zip(chosen(keep_pos), chosen(keep_neg), strict=True)) == expected


@RELAXED
@given(case=spaces(), degrees=st.sampled_from([10.0, 25.0, 45.0]))
def test_angles_are_those_between_the_vectors(case: tuple[Tensor, ...], degrees: float) -> None:
    video, audio, video_ids, audio_ids = case
    is_pos = video_ids[:, None] == audio_ids
    keep_pos, keep_neg = Angular(cosine(audio, audio), degrees)(cosine(video, audio), is_pos, ~is_pos)
    for row in range(len(video)):
        flags = is_pos[row].tolist(), (~is_pos[row]).tolist()
        expected = miner_loops.angular(video[row].tolist(), audio.tolist(), *flags, degrees)
        assert (chosen(keep_pos)[row], chosen(keep_neg)[row]) == expected


PEERS = [
    (Hard(), peer.BatchHardMiner(distance=CosineSimilarity())),
    (SemiHard(0.3), peer.TripletMarginMiner(margin=0.3, type_of_triplets="semihard", distance=CosineSimilarity())),
    (EasyPositive(), peer.BatchEasyHardMiner("easy", "hard", distance=CosineSimilarity())),
    (EasyPositive("semi_hard"), peer.BatchEasyHardMiner("easy", "semihard", distance=CosineSimilarity())),
    (MultiSimilarity(0.2), peer.MultiSimilarityMiner(epsilon=0.2, distance=CosineSimilarity())),
    ("angular", peer.AngularMiner(angle=20)),
]


@pytest.mark.parametrize(("miner", "theirs"), PEERS, ids=[str(ours)[:24] for ours, _ in PEERS])
@pytest.mark.parametrize("seed", range(5))
def test_pairs_are_those_of_the_peer_between_two_spaces(miner: Miner | str, theirs: object, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    video, audio = (torch.nn.functional.normalize(torch.randn(12, 4, generator=generator)) for _ in range(2))
    ids = torch.arange(12) % 4  # every row has both kinds
    found = theirs(video, ids, audio, ids.clone())  # type: ignore[operator]
    anchor, positive, anchor_too, negative = found if len(found) == 4 else (found[0], found[1], found[0], found[2])
    if isinstance(miner, str):
        miner = Angular(cosine(audio, audio), 20)
    is_pos = ids[:, None] == ids
    keep_pos, keep_neg = miner(cosine(video, audio), is_pos, ~is_pos)
    if isinstance(miner, EasyPositive) and miner.negatives == "semi_hard":  # the peer drops rows that lack one kind
        whole = keep_pos.any(1) & keep_neg.any(1)
        keep_pos, keep_neg = keep_pos & whole[:, None], keep_neg & whole[:, None]
    assert set(zip(anchor.tolist(), positive.tolist(), strict=True)) == {tuple(p) for p in keep_pos.nonzero().tolist()}
    assert set(zip(anchor_too.tolist(), negative.tolist(), strict=True)) == {
        tuple(n) for n in keep_neg.nonzero().tolist()
    }


def test_weights_of_distances_are_those_worked_by_hand() -> None:
    log_weight = DistanceWeighted(128).log_weight(torch.tensor([0.1, 0.5, 1, 1.2, 1.4], dtype=torch.float64))
    n = 128
    expected = [(2 - n) * math.log(d) - (n - 3) / 2 * math.log(1 - d * d / 4) for d in (0.5, 0.5, 1, 1.2, 1.4)]
    assert expected[1:] == pytest.approx([91.37020232, 17.98012953, 4.92042776, -0.31146724], abs=1e-8)
    torch.testing.assert_close(log_weight, torch.tensor(expected, dtype=torch.float64))


def test_distances_are_drawn_in_proportion_to_their_weights() -> None:
    distance = torch.tensor([0.9, 1.0, 1.1, 1.45], dtype=torch.float64)
    sim = torch.cat([torch.tensor([0.9], dtype=torch.float64), 1 - distance**2 / 2])[None].expand(20_000, -1)
    is_pos = torch.zeros(20_000, 5, dtype=torch.bool)
    is_pos[:, 0] = True
    miner = DistanceWeighted(5, generator=torch.Generator().manual_seed(0))
    keep_pos, keep_neg = miner(sim, is_pos, ~is_pos)
    assert torch.equal(keep_pos, is_pos) and (keep_neg.sum(1) == 1).all()
    weight = torch.cat([miner.log_weight(distance[:3]).exp(), torch.zeros(1)])
    torch.testing.assert_close(keep_neg[:, 1:].double().mean(0), weight / weight.sum(), atol=0.015, rtol=0)


def test_a_row_whose_negatives_are_all_far_keeps_none_rather_than_any() -> None:
    sim, is_pos = torch.tensor([[0.5, -0.9, -0.8], [0.5, 0.4, -0.8]]), torch.tensor([[True, False, False]] * 2)
    _, keep_neg = DistanceWeighted(16)(sim, is_pos, ~is_pos)
    assert keep_neg.tolist() == [[False] * 3, [False, True, False]]


def build(name: str, columns: int) -> Miner:
    arguments = {"angular": (torch.eye(columns),), "distance_weighted": (16,)}
    return MINERS[name](*arguments.get(name, ()))


@pytest.mark.parametrize("name", MINERS)
class TestEveryMiner:
    def test_keeps_only_pairs_of_the_kind_it_was_given(self, name: str) -> None:
        sim, is_pos = torch.rand(6, 8), torch.rand(6, 8) < 0.4
        is_neg = ~is_pos & (torch.rand(6, 8) < 0.7)
        keep_pos, keep_neg = build(name, 8)(sim, is_pos, is_neg)
        assert not (keep_pos & ~is_pos).any() and not (keep_neg & ~is_neg).any()
        assert keep_pos.dtype == keep_neg.dtype == torch.bool

    @pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (1, 1)])
    def test_small_batches_pass(self, name: str, shape: tuple[int, int]) -> None:
        sim, mask = torch.zeros(shape), torch.ones(shape, dtype=torch.bool)
        for is_pos in (mask, ~mask):
            keep = build(name, shape[1])(sim, is_pos, ~is_pos)
            assert keep[0].shape == keep[1].shape == shape

    def test_what_it_leaves_out_has_no_gradient_in_a_pair_loss(self, name: str) -> None:
        generator = torch.Generator().manual_seed(3)
        sim = (torch.rand(6, 8, generator=generator) - 0.3).requires_grad_()
        is_pos = torch.arange(6)[:, None] % 3 == torch.arange(8) % 3
        ignore = torch.zeros_like(is_pos)
        ignore[:, 0] = True
        left = left_out(build(name, 8), sim, is_pos, ignore)
        assert left[:, 0].all() and left.any() and not left.all()
        (gradient,) = torch.autograd.grad(InfoNCE(10)(sim, is_pos, left), sim)
        assert gradient[left].count_nonzero() == 0 and gradient.isfinite().all()


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="among is"):
        Angular(torch.eye(3))(
            torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.bool), torch.zeros(2, 4, dtype=torch.bool)
        )
