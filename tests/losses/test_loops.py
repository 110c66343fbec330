"""Every pair and structure loss against plain loops over its paper's equation; sums over triplets in float32 too."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import pair_losses, structure_losses

from crossmodal.losses import (
    PAIR_LOSSES,
    BatchHardTriplet,
    InfoNCE,
    IntraModalDistribution,
    PairLoss,
    RankingHinge,
    SoftStructure,
    SupCon,
    Triplet,
)
from crossmodal.losses.hinges import hinge_sums
from crossmodal.losses.structure import neighbour_change
from crossmodal.similarity import Similarity, cosine

RELAXED = settings(deadline=None, max_examples=15, derandomize=True)

LOOPS: dict[str, tuple[PairLoss, Callable[..., float]]] = {
    "infonce": (InfoNCE(20), pair_losses.infonce),
    "supcon": (SupCon(), pair_losses.supcon_out),
    "supcon_in": (SupCon(form="in"), pair_losses.supcon_in),
    "triplet": (Triplet(), pair_losses.triplet_semi_hard),
    "triplet_all": (Triplet(triplets="all"), pair_losses.triplet_all),
    "triplet_non_zero": (Triplet(triplets="all", average="non_zero"), pair_losses.triplet_non_zero),
    "triplet_soft": (Triplet(None, "all"), pair_losses.triplet_soft),
    "batch_hard": (BatchHardTriplet(), pair_losses.batch_hard_soft),
    "batch_hard_margin": (BatchHardTriplet(margin=0.3), pair_losses.batch_hard),
    "ranking_top": (RankingHinge(top=2), pair_losses.ranking_top),
    **{
        name: (PAIR_LOSSES[name](), getattr(pair_losses, name))
        for name in (
            "siglip",
            "circle",
            "multi_similarity",
            "ranking",
            "contrastive",
            "cosine_contrastive",
            "margin",
            "lifted",
            "generalised_lifted",
            "n_pair",
        )
    },
}


def test_every_pair_loss_has_a_loop() -> None:
    assert set(PAIR_LOSSES) <= set(LOOPS)


@pytest.mark.parametrize("name", LOOPS)
@RELAXED
@given(seed=st.integers(0, 9999), n=st.integers(1, 6), m=st.integers(1, 7), coarse=st.booleans())
def test_value_is_what_plain_loops_give(name: str, seed: int, n: int, m: int, coarse: bool) -> None:
    loss, loop = LOOPS[name]
    generator = torch.Generator().manual_seed(seed)
    sim = torch.rand(n, m, generator=generator, dtype=torch.float64)
    if coarse:
        sim = (8 * sim).round() / 8  # ties, and differences that are exact
    if loss.expects in (Similarity.NEG_DISTANCE, Similarity.NEG_SQ_DISTANCE):
        sim = -2 * sim
    is_pos, ignore = (torch.rand(n, m, generator=generator) < share for share in (0.4, 0.2))
    expected = loop(sim.tolist(), (is_pos & ~ignore).tolist(), (~is_pos & ~ignore).tolist())
    assert loss(sim, is_pos, ignore).item() == pytest.approx(expected, abs=1e-5, rel=1e-5)


@RELAXED
@given(seed=st.integers(0, 9999), only_semi_hard=st.booleans(), offset=st.sampled_from([0.0, 1000.0]))
def test_sums_over_triplets_keep_their_digits_in_float32(seed: int, only_semi_hard: bool, offset: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    sim = (torch.randint(-16, 17, (5, 40), generator=generator) / 16 + offset).requires_grad_()
    is_pos = torch.rand(5, 40, generator=generator) < 0.3
    sums = hinge_sums(sim, is_pos, ~is_pos, 0.25, only_semi_hard=only_semi_hard)
    gap = sim[:, None, :] - sim[:, :, None] + 0.25  # (N, p, n)
    chosen = is_pos[:, :, None] & ~is_pos[:, None, :] & (gap > 0)
    if only_semi_hard:
        chosen &= gap < 0.25
    expected = torch.where(chosen, gap, 0).sum((1, 2))
    torch.testing.assert_close(sums.value, expected, rtol=1e-5, atol=1e-3)
    assert torch.equal(sums.active, chosen.sum((1, 2)))
    gradients = [torch.autograd.grad(value.sum(), sim)[0] for value in (sums.value, expected)]
    torch.testing.assert_close(*gradients)


@RELAXED
@given(seed=st.integers(0, 9999), n=st.integers(1, 6))
def test_structure_losses_are_what_plain_loops_give(seed: int, n: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    before, after = (torch.randn(n, d, generator=generator, dtype=torch.float64) for d in (5, 3))
    z_before, z = (cosine(rows, rows) for rows in (before, after))
    lists = z_before.tolist(), z.tolist()
    found = SoftStructure()(before, after).item()
    assert found == pytest.approx(structure_losses.soft_structure(*lists), abs=1e-9)
    for rows in (2, 9):
        found = neighbour_change(z[:rows], z_before[:rows]).item()
        assert found == pytest.approx(structure_losses.neighbours(*lists, rows), abs=1e-9)
    found = IntraModalDistribution(0.2)(before, after).item()
    assert found == pytest.approx(structure_losses.intra_modal(*lists, 0.2), abs=1e-9)


def test_the_logarithm_inside_is_never_above_the_one_outside() -> None:
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        sim, is_pos = torch.rand(6, 9, generator=generator), torch.rand(6, 9, generator=generator) < 0.4
        assert SupCon(form="in")(sim, is_pos) <= SupCon()(sim, is_pos) + 1e-6
