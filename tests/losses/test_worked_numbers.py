"""Worked numbers of every pair and structure loss: 60-digit loops over the papers' equations, value and gradient.

Gradients are listed as they were worked out: by the similarity for losses on similarities, by the distance for others.
"""

import pytest
import torch

from crossmodal.losses import (
    BatchHardTriplet,
    Circle,
    Contrastive,
    CosineContrastive,
    GeneralisedLifted,
    InfoNCE,
    LiftedStructure,
    Margin,
    MultiSimilarity,
    NPair,
    PairLoss,
    RankingHinge,
    SigLIP,
    SupCon,
    Triplet,
)
from crossmodal.losses.structure import neighbour_change, order_change

Rows = list[list[float]]

E = [[True, False, False], [False, True, True]]
ONE_TO_ONE = [[True, False], [False, True]]
S = [[0.8, 0.3, -0.1], [0.2, 0.6, 0.5]]
S4 = [[0.4, 0.3], [0.5, 0.6]]
S5 = [[0.62, 0.41, -0.1], [0.38, 0.6, 0.58]]
D = [[0.4, 1.1, 1.3], [1.2, 0.7, 0.9]]
D2 = [[0.9, 1.0, 1.3], [0.8, 0.7, 0.9]]
THIRD = 1 / 3


def checked(loss: PairLoss, given: Rows, is_pos: list[list[bool]], power: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Value and gradient by what is given: similarities (power 0), or distances that the loss takes to a power."""
    entries = torch.tensor(given, dtype=torch.float64, requires_grad=True)
    value = loss(-(entries**power) if power else entries, torch.tensor(is_pos))
    return value.detach(), torch.autograd.grad(value, entries)[0]


SIMILARITY = [
    (InfoNCE(10), S, 0.02452507, [[-0.02271533, 0.02230677, 0.00040856], [0.21804028, -0.05995403, -0.15808624]]),
    (SupCon(), S, 0.41670028, [[-0.03407300, 0.03346015, 0.00061284], [0.06606443, 1.10699592, -1.17306036]]),
    (SupCon(form="in"), S, 0.35664303, [[-0.0340730, 0.03346015, 0.00061284], [0.06606443, -0.04829697, -0.01776746]]),
    (SigLIP(), S, 5.57652843, [[-4.40398539, 0.00455526, 0.00008351], [0.00167675, -4.91006895, -4.96653575]]),
    (
        MultiSimilarity(epsilon=None),
        S,
        0.36844412,
        [[-0.17717185, 0.00002270, 0], [0.00000015, -0.14523039, -0.17738480]],
    ),
    (
        MultiSimilarity(),
        [[0.55, 0.5, -0.1], [0.45, 0.7, 0.5]],
        0.34210633,
        [[-0.23751041, 0.25, 0], [0.03792909, 0, -0.25]],
    ),
    (Circle(), S5, 0.64662639, [[-11.05554619, 11.48072260, 0.00001367], [17.94129380, -3.90388502, -14.85987800]]),
    (Circle(m=0.25, gamma=256), S5, 49.06985396, [[-80.64, 84.48, 0], [80.64, -1.23113860, -84.49098021]]),
    (CosineContrastive(margin=0.25), S, 0.38333333, [[-THIRD, THIRD, 0], [0, -THIRD, -THIRD]]),
]

DISTANCE = [
    (Contrastive(margin=1.25), D, 1, 0.7425, [[0.4, -0.15, 0], [-0.05, 0.7, 0.9]]),
    (
        LiftedStructure(),
        D,
        1,
        0.84183010,
        [[0.43398095, -0.37710357, -0.34333097], [-0.57647751, 0.41479889, 0.44813222]],
    ),
    (GeneralisedLifted(), D, 1, 1.09813887, [[0.5, -0.27491700, -0.22508300], [-0.5, 0.22508300, 0.27491700]]),
    (Triplet(triplets="all"), D2, 2, 0.1075, [[0.45, -0.5, 0], [-0.8, 0.35, 0.45]]),
    (Triplet(triplets="all", distance="plain"), D2, 1, 0.125, [[0.25, -0.25, 0], [-0.5, 0.25, 0.25]]),
    (
        Triplet(triplets="all", distance="plain", average="non_zero"),
        D2,
        1,
        0.16666667,
        [[THIRD, -THIRD, 0], [-2 * THIRD, THIRD, THIRD]],
    ),
    (BatchHardTriplet(margin=0.2), D2, 1, 0.2, [[0.5, -0.5, 0], [-0.5, 0, 0.5]]),
    (BatchHardTriplet(), D2, 1, 0.69439666, [[0.23751041, -0.23751041, 0], [-0.26248959, 0, 0.26248959]]),
    (
        Margin(),
        [[0.4, 1.1, 1.5], [1.25, 1.15, 0.9]],
        1,
        0.2,
        [[0, -THIRD, 0], [-THIRD, THIRD, 0]],
    ),
]


def same(found: torch.Tensor, expected: float | Rows) -> None:
    # 1e-6: learned constants are float32
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=1e-6)


def name_of(case: object) -> str:
    return type(case).__name__ if isinstance(case, PairLoss) else ""


@pytest.mark.parametrize(("loss", "given", "value", "gradient"), SIMILARITY, ids=name_of)
def test_loss_on_similarities(loss: PairLoss, given: Rows, value: float, gradient: Rows) -> None:
    found, by_entry = checked(loss, given, E)
    same(found, value)
    same(by_entry, gradient)


@pytest.mark.parametrize(("loss", "given", "power", "value", "gradient"), DISTANCE, ids=name_of)
def test_loss_on_distances(loss: PairLoss, given: Rows, power: int, value: float, gradient: Rows) -> None:
    found, by_entry = checked(loss, given, E, power)
    same(found, value)
    same(by_entry, gradient)


def test_multi_similarity_around_one_has_another_value() -> None:
    same(checked(MultiSimilarity(base=1.0, epsilon=None), S, E)[0], 0.67384194)


def test_circle_loss_with_weights_in_the_graph_would_read_otherwise() -> None:
    _, gradient = checked(Circle(), S5, E)
    assert abs(gradient[0, 0].item() - -10.772) > 0.2 and abs(gradient[0, 1].item() - 11.622) > 0.1


def test_n_pair_takes_inner_products_as_they_are() -> None:
    value, gradient = checked(NPair(), [[1.2, 0.5], [0.3, 0.9]], ONE_TO_ONE)
    same(value, 0.42033700)
    same(gradient, [[-0.16590611, 0.16590611], [0.17717185, -0.17717185]])


def test_siglip_learns_scale_and_bias() -> None:
    loss = SigLIP()
    by_scale, by_bias = torch.autograd.grad(loss(torch.tensor(S), torch.tensor(E)), [loss.log_scale, loss.bias])
    assert by_scale.item() == pytest.approx(-8.95080398, rel=1e-5)
    assert by_bias.item() == pytest.approx(-1.42742746, rel=1e-5)


def test_ranking_hinge_both_ways() -> None:
    entries = torch.tensor(S4, dtype=torch.float64, requires_grad=True)
    loss, is_pos = RankingHinge(margin=0.2), torch.tensor(ONE_TO_ONE)
    value = loss(entries, is_pos) + loss(entries.T, is_pos)
    same(value.detach(), 0.5)
    same(torch.autograd.grad(value, entries)[0], [[-2, 1], [2, -1]])


def test_released_ranking_hinge_is_the_mean_over_the_nearest_negatives() -> None:
    # row 0: nearest negative .5, [.5 - .55 + .1] = .05; row 1: nearest .45, against .7: 0, against .5: .05; mean of 3
    sim, is_pos = torch.tensor([[0.55, 0.5, -0.1], [0.45, 0.7, 0.5]]), torch.tensor(E)
    assert RankingHinge(top=1)(sim, is_pos).item() == pytest.approx(0.1 / 3)
    # the second negative of row 0 (-.1) adds a zero; row 1 has but one negative
    assert RankingHinge(top=2)(sim, is_pos).item() == pytest.approx(0.1 / 4)


Z_BEFORE = [[1, 0.8, 0.1], [0.8, 1, 0.5], [0.1, 0.5, 1.0]]
Z = [[1, 0.3, 0.6], [0.3, 1, 0.2], [0.6, 0.2, 1.0]]


def test_soft_structure_full_and_released() -> None:
    z, before = torch.tensor(Z, dtype=torch.float64, requires_grad=True), torch.tensor(Z_BEFORE, dtype=torch.float64)
    value = order_change(z, before)
    same(value.detach(), 2.8)
    same(torch.autograd.grad(value, z)[0], [[0, -4, 4], [0, 0, 0], [4, -4, 0]])
    same(neighbour_change(z, before).detach(), 0.23333333)
