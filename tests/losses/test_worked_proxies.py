"""Worked numbers of every proxy loss: 60-digit loops over the papers' equations, value and gradient by the row."""

import pytest
import torch

from crossmodal.losses import (
    AMSoftmax,
    ArcFace,
    CircleClass,
    CosFace,
    L2Softmax,
    LargeMarginSoftmax,
    NormFace,
    ProxyAnchor,
    ProxyLoss,
    ProxyNCA,
    SoftTriple,
    SphereFace,
)
from crossmodal.losses.angular import MNIST, NONE, SPHEREFACE, Annealing, psi
from crossmodal.losses.bounds import (
    cosface_largest_margin,
    cosface_least_scale,
    l2_softmax_least_alpha,
    normface_least_loss,
)
from crossmodal.losses.softmax import arc

PROXIES = [[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]
FIVE = Annealing(0, 0, 0, 5)

CASES = [
    (L2Softmax(2, 3, alpha=4), 4.02177470, [-1.25752408, 0.94314306]),
    (LargeMarginSoftmax(2, 3, annealing=NONE), 13.78491250, [-1.02714999, 4.21476460]),
    (LargeMarginSoftmax(2, 3, annealing=FIVE), 6.46646738, [-1.00372146, 2.36468683]),
    (SphereFace(2, 3, annealing=NONE), 9.82052725, [-1.05150847, 3.20501567]),
    (SphereFace(2, 3, annealing=FIVE), 2.57932679, [-0.95162197, 1.25575951]),
    (NormFace(2, 3, scale=20), 4.01815180, [-4.39942426, 3.29956820]),
    (AMSoftmax(2, 3), 16.50000007, [-6.71999955, 5.03999966]),
    (CosFace(2, 3), 35.2, [-14.336, 10.752]),
    (ArcFace(2, 3), 42.04741720, [-16.27874686, 12.20906014]),
    (ArcFace(2, 3, scale=4), 2.76248882, [-0.96884389, 0.72663292]),
    (ProxyNCA(2, 3), 0.63735865, [-0.47436578, 0.35577434]),
    (ProxyNCA(2, 3, form="++"), 3.62696401, [-3.92476943, 2.94357707]),
    (CircleClass(2, 3), 172.8, [-47.104, 35.328]),
    (CircleClass(2, 3, gamma=4), 2.84058659, [-0.68173096, 0.51129822]),
]


def with_proxies(loss: ProxyLoss, rows: list[list[float]] = PROXIES) -> ProxyLoss:
    loss.proxies.data = torch.tensor(rows)
    return loss


def value_and_gradient(
    loss: ProxyLoss, rows: list[list[float]], labels: list[int]
) -> tuple[torch.Tensor, torch.Tensor]:
    emb = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    value = loss(emb, torch.tensor(labels))
    return value.detach(), torch.autograd.grad(value, emb)[0]


def same(found: torch.Tensor, expected: object) -> None:
    # 2e-6: learned constants are float32
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), atol=2e-6, rtol=1e-6)


@pytest.mark.parametrize(("loss", "value", "gradient"), CASES, ids=lambda case: type(case).__name__)
def test_one_row_against_three_classes(loss: ProxyLoss, value: float, gradient: list[float]) -> None:
    found, by_row = value_and_gradient(with_proxies(loss), [[3, 4]], [0])
    same(found, value)
    same(by_row, [gradient])


def test_l2_softmax_learns_alpha() -> None:
    loss = with_proxies(L2Softmax(2, 3, alpha=4, learned=True))
    assert isinstance(loss, L2Softmax)
    (by_log,) = torch.autograd.grad(loss(torch.tensor([[3.0, 4.0]]), torch.tensor([0])), loss.log_alpha)
    assert by_log.item() / 4 == pytest.approx(0.97701337, rel=1e-5)  # d alpha = alpha d log alpha


def test_arcface_past_its_join() -> None:
    found, by_row = value_and_gradient(with_proxies(ArcFace(2, 3, scale=4)), [[-3, 0.5]], [0])
    same(found, 8.23145581)
    same(by_row, [[0.09617343, 0.57704058]])
    at = torch.tensor([0.9, 0.5, 0, -0.5, -0.87, -0.88, -0.95, -1], dtype=torch.float64)
    expected = [0.58084756, 0.02359659, -0.47942554, -0.85398598, -0.99987842, -1.11971277, -1.18971277, -1.23971277]
    same(arc(at, 0.5), expected)


@pytest.mark.parametrize(
    ("m", "expected"),
    [(2, [0.62, -0.5, -1, -1.5, -2.62]), (3, [0.216, -1, -2, -3, -4.216]), (4, [-0.2312, -1.5, -3, -4.5, -5.7688])],
)
def test_psi_falls_without_a_step(m: int, expected: list[float]) -> None:
    same(psi(torch.tensor([0.9, 0.5, 0, -0.5, -0.9], dtype=torch.float64), m), expected)
    fine = psi(torch.linspace(1, -1, 4001, dtype=torch.float64), m)
    assert fine.diff().max() <= 1e-12 and fine.diff().min() > -0.02
    assert fine[0] == 1 and fine[-1] == pytest.approx(1 - 2 * m)


def test_annealing_of_the_authors() -> None:
    at = [
        schedule(torch.tensor(step)).item()
        for schedule, step in ((SPHEREFACE, 1000), (SPHEREFACE, 10000), (MNIST, 1000))
    ]
    assert at == pytest.approx([8.26446281, 5, 421.37106638], rel=1e-5)


def test_annealing_counts_the_steps_and_is_saved() -> None:
    loss = SphereFace(2, 3)
    for _ in range(3):
        loss.after_step()
    again = SphereFace(2, 3)
    again.load_state_dict(loss.state_dict())
    assert again.step == 3


def test_proxy_anchor_over_two_rows() -> None:
    for alpha, value, gradient in (
        (32.0, 19.28912350, [[-1.02400025, 0.76800019], [2.70642673, 0]]),
        (4.0, 2.71116074, [[-0.17432781, 0.13074586], [-0.02611088, 0]]),
    ):
        found, by_row = value_and_gradient(with_proxies(ProxyAnchor(2, 3, alpha=alpha)), [[3, 4], [0, 1]], [0, 1])
        same(found, value)
        same(by_row, gradient)


def test_soft_triple_over_two_centres() -> None:
    centres = [[1.0, 0.0], [1.0, 1.0], [0.0, 2.0], [-1.0, 1.0]]
    for tau, value, tolerance in ((0.0, 0.03087508, 1e-6), (0.2, 0.10741177, 2e-6)):
        found, by_row = value_and_gradient(with_proxies(SoftTriple(2, 2, centres=2, tau=tau), centres), [[3, 4]], [0])
        assert found.item() == pytest.approx(value, abs=tolerance)
        same(by_row, [[-0.06825248, 0.05118936]])


def test_bounds_of_the_papers() -> None:
    counts = (10, 100, 1000, 10000)
    alphas = [l2_softmax_least_alpha(classes) for classes in (*counts, 13403)]
    assert alphas == pytest.approx([4.27666612, 6.78219206, 9.10297785, 11.40736493, 11.70030919])
    scales = [cosface_least_scale(classes) for classes in counts]
    assert scales == pytest.approx([3.95500424, 6.72442098, 9.09487538, 11.40632420])
    assert normface_least_loss(10, 1) == pytest.approx(1.37693492)
    assert cosface_largest_margin(4, 2) == pytest.approx(1) and cosface_largest_margin(5, 8) == 1.25


def test_bounds_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="classes is 2 and probability"):
        l2_softmax_least_alpha(2)
    with pytest.raises(ValueError, match="probability 1"):
        cosface_least_scale(10, 1.0)
    with pytest.raises(ValueError, match="dim is 1"):
        cosface_largest_margin(10, 1)
