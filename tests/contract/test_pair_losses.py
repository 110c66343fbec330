"""What every pair loss promises, over the whole registry."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from crossmodal.losses import PAIR_LOSSES, Kind
from crossmodal.similarity import Similarity, pairwise

DETACHED = {"circle"}  # weights that carry no gradient: finite differences must differ
ATTACHED = [name for name in PAIR_LOSSES if name not in DETACHED]
NEEDY = [(name, kind) for name, loss in PAIR_LOSSES.items() for kind in Kind if kind in loss.needs]
EASY = [(name, kind) for name, loss in PAIR_LOSSES.items() for kind in Kind if kind not in loss.needs]
BY_COLUMNS = [name for name, loss in PAIR_LOSSES.items() if hasattr(loss, "column_statistic")]
BY_ROWS = [name for name, loss in PAIR_LOSSES.items() if loss.needs and name not in BY_COLUMNS]
RELAXED = settings(deadline=None, max_examples=25, derandomize=True)


@st.composite
def pair_cases(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """A similarity matrix (N, M) in float64 that asks for gradients, and who is positive in it, at least one."""
    n, m = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9999)))
    sim = torch.rand(n, m, generator=generator, dtype=torch.float64) * 2 - 1
    ids = torch.randint(0, 3, (n,), generator=generator), torch.randint(0, 3, (m,), generator=generator)
    is_pos = ids[0][:, None] == ids[1][None]
    is_pos[0, 1] = True
    return sim.requires_grad_(), is_pos


class NoFloat64(TorchDispatchMode):
    """Refuses every operation that makes a float64 tensor: some devices have none."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        made = out if isinstance(out, tuple | list) else (out,)
        assert not any(isinstance(t, torch.Tensor) and t.dtype == torch.float64 for t in made), func
        return out


def loss_and_gradient(name: str, sim: torch.Tensor, *rest: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    loss = PAIR_LOSSES[name]()(sim, *rest)
    (gradient,) = torch.autograd.grad(loss, sim)
    return loss.detach(), gradient


@pytest.mark.parametrize("name", ATTACHED)
@RELAXED
@given(case=pair_cases())
def test_gradient_is_that_of_finite_differences(name: str, case: tuple[torch.Tensor, torch.Tensor]) -> None:
    sim, is_pos = case
    loss = PAIR_LOSSES[name]()
    assert torch.autograd.gradcheck(lambda s: loss(s, is_pos), [sim], atol=1e-4, fast_mode=True)


@pytest.mark.parametrize("name", sorted(DETACHED))
def test_gradient_is_not_that_of_finite_differences_where_weights_are_detached(name: str) -> None:
    loss, is_pos = PAIR_LOSSES[name](), torch.tensor([[True, False, False], [False, True, True]])
    sim = torch.tensor([[0.62, 0.41, -0.1], [0.38, 0.6, 0.58]], dtype=torch.float64, requires_grad=True)
    assert not torch.autograd.gradcheck(lambda s: loss(s, is_pos), [sim], atol=1e-4, raise_exception=False)


def without(kind: Kind) -> torch.Tensor:
    """is_pos (4, 5) of rows that have no pair of this kind."""
    return torch.full((4, 5), kind is Kind.NEG)


@pytest.mark.parametrize(("name", "kind"), NEEDY)
def test_rows_without_what_is_needed_give_zero_loss_and_zero_gradient(name: str, kind: Kind) -> None:
    sim = torch.randn(4, 5, requires_grad=True)
    loss, gradient = loss_and_gradient(name, sim, without(kind))
    assert loss.item() == 0 and gradient.count_nonzero() == 0  # NaN counts as non-zero


@pytest.mark.parametrize(("name", "kind"), EASY)
def test_rows_without_what_is_not_needed_have_a_finite_loss_of_at_least_zero(name: str, kind: Kind) -> None:
    sim = -torch.rand(4, 5, generator=torch.Generator().manual_seed(2)).requires_grad_()
    (gradient,) = torch.autograd.grad(loss := PAIR_LOSSES[name]()(sim, without(kind)), sim)
    assert loss.isfinite() and loss >= 0 and gradient.isfinite().all()


LACKING = torch.tensor([[0.9, 0.1], [0.3, 0.4]]), torch.tensor([[True, False], [False, False]])


@pytest.mark.parametrize("name", BY_ROWS)
def test_row_that_lacks_what_is_needed_is_absent(name: str) -> None:
    sim, is_pos = LACKING
    if Kind.NEG not in PAIR_LOSSES[name].needs:  # then the first row needs no negative either: it is all positive
        is_pos = torch.tensor([[True, True], [False, False]])
    loss, gradient = loss_and_gradient(name, sim.clone().requires_grad_(), is_pos)
    torch.testing.assert_close(loss, PAIR_LOSSES[name]()(sim[:1], is_pos[:1]))
    assert gradient[1].count_nonzero() == 0


@pytest.mark.parametrize("name", BY_COLUMNS)
def test_row_that_lacks_what_is_needed_still_serves_its_columns(name: str) -> None:
    sim, is_pos = LACKING
    sim = sim - 1 if PAIR_LOSSES[name]().expects is Similarity.NEG_DISTANCE else sim
    loss, gradient = loss_and_gradient(name, sim.clone().requires_grad_(), is_pos)
    assert loss > PAIR_LOSSES[name]()(sim[:1], is_pos[:1])  # it is a further negative of the first column
    assert gradient[1, 0] > 0 and gradient[1, 1] == 0


@pytest.mark.parametrize("name", PAIR_LOSSES)
class TestEveryPairLoss:
    @RELAXED
    @given(case=pair_cases())
    def test_ignored_pair_carries_no_gradient(self, name: str, case: tuple[torch.Tensor, torch.Tensor]) -> None:
        sim, is_pos = case
        ignore = torch.zeros_like(is_pos)
        ignore[0, 0] = True
        _, gradient = loss_and_gradient(name, sim, is_pos, ignore)
        assert gradient[0, 0] == 0 and gradient.isfinite().all()

    @RELAXED
    @given(case=pair_cases())
    def test_ignored_rows_and_columns_change_nothing(self, name: str, case: tuple[torch.Tensor, torch.Tensor]) -> None:
        sim, is_pos = case
        n, m = sim.shape
        wider = torch.full((n + 1, m + 1), 3.0, dtype=sim.dtype)
        wider[:n, :m] = sim
        wide_pos, ignore = torch.ones(n + 1, m + 1, dtype=torch.bool), torch.ones(n + 1, m + 1, dtype=torch.bool)
        wide_pos[:n, :m], ignore[:n, :m] = is_pos, False
        torch.testing.assert_close(PAIR_LOSSES[name]()(wider, wide_pos, ignore), PAIR_LOSSES[name]()(sim, is_pos))

    @RELAXED
    @given(case=pair_cases(), seed=st.integers(0, 99))
    def test_order_of_rows_and_columns_does_not_matter(
        self, name: str, case: tuple[torch.Tensor, torch.Tensor], seed: int
    ) -> None:
        sim, is_pos = case
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(sim.shape[0], generator=generator)
        columns = torch.randperm(sim.shape[1], generator=generator)
        loss, gradient = loss_and_gradient(name, sim, is_pos)
        moved, moved_gradient = loss_and_gradient(name, sim[rows][:, columns], is_pos[rows][:, columns])
        torch.testing.assert_close(moved, loss)
        torch.testing.assert_close(moved_gradient, gradient[rows][:, columns])

    @pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
    def test_empty_matrix_gives_zero(self, name: str, shape: tuple[int, int]) -> None:
        sim = torch.zeros(shape, requires_grad=True)
        loss, _ = loss_and_gradient(name, sim, torch.zeros(shape, dtype=torch.bool))
        assert loss.item() == 0

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_extreme_similarities_stay_finite_in_low_precision(self, name: str, dtype: torch.dtype) -> None:
        scale = 100 if dtype == torch.float16 else 1e4  # circle's gradient itself, 80 times 1e4, is beyond float16
        sim = (torch.tensor([[1, -1, 1], [-1, 1, -1.0]]) * scale).to(dtype).requires_grad_()
        loss, gradient = loss_and_gradient(name, sim, torch.tensor([[False, True, True], [True, True, False]]))
        assert loss.dtype == torch.float32 and loss.isfinite() and gradient.isfinite().all()

    def test_broken_similarity_is_refused_unless_it_is_ignored(self, name: str) -> None:
        sim = torch.tensor([[0.9, torch.nan, 0.1], [0.3, 0.4, 0.2]], requires_grad=True)
        is_pos = torch.tensor([[True, False, False], [False, True, False]])
        with pytest.raises(ValueError, match=r"sim \(2, 3\) holds NaN or infinity"):
            PAIR_LOSSES[name]()(sim, is_pos)
        loss, gradient = loss_and_gradient(name, sim, is_pos, sim.isnan())
        assert loss.isfinite() and gradient.isfinite().all()

    def test_weight_of_zero_takes_a_row_out_and_weights_of_zero_give_zero(self, name: str) -> None:
        sim = torch.randn(3, 4, generator=torch.Generator().manual_seed(4), requires_grad=True)
        is_pos = torch.eye(3, 4, dtype=torch.bool)
        loss, gradient = loss_and_gradient(name, sim, is_pos, None, torch.tensor([1.0, 1.0, 0.0]))
        if name not in BY_COLUMNS:
            torch.testing.assert_close(loss, PAIR_LOSSES[name]()(sim[:2], is_pos[:2]).detach())
            assert gradient[2].count_nonzero() == 0
        loss, gradient = loss_and_gradient(name, sim, is_pos, None, torch.zeros(3))
        assert loss.item() == 0 and gradient.count_nonzero() == 0

    def test_raising_a_positive_or_lowering_a_negative_lowers_the_loss(self, name: str) -> None:
        sim = torch.tensor([[0.5, 0.45, 0.0], [0.2, 0.3, 0.25]])
        if PAIR_LOSSES[name]().expects in (Similarity.NEG_DISTANCE, Similarity.NEG_SQ_DISTANCE):
            sim = sim - 1  # distances are at least 0
        sim.requires_grad_()
        is_pos = torch.tensor([[True, False, False], [False, True, False]])
        _, gradient = loss_and_gradient(name, sim, is_pos)
        assert (gradient[is_pos] <= 0).all() and (gradient[~is_pos] >= 0).all() and gradient.count_nonzero() > 0

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_autocast_changes_nothing(self, name: str, dtype: torch.dtype) -> None:
        generator = torch.Generator().manual_seed(6)
        video, audio = torch.randn(6, 8, generator=generator), torch.randn(5, 8, generator=generator)
        is_pos = torch.arange(6)[:, None] % 3 == torch.arange(5) % 3
        loss = PAIR_LOSSES[name]()
        plain = loss(pairwise(loss.expects)(video, audio), is_pos)
        with torch.autocast("cpu", dtype):
            assert torch.equal(loss(pairwise(loss.expects)(video, audio), is_pos), plain)

    def test_float32_stays_float32_inside(self, name: str) -> None:
        sim = torch.rand(4, 5, requires_grad=True)
        with NoFloat64():
            PAIR_LOSSES[name]()(sim, torch.eye(4, 5, dtype=torch.bool), None, torch.ones(4)).backward()

    def test_compiles_into_one_graph(self, name: str) -> None:
        sim, is_pos = torch.rand(4, 5, requires_grad=True), torch.eye(4, 5, dtype=torch.bool)
        ignore = torch.zeros_like(is_pos)
        loss = PAIR_LOSSES[name]()
        torch.compiler.reset()  # one graph a class is within the compiler's limit, all of them are not
        compiled = torch.compile(loss, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(sim, is_pos, ignore, torch.ones(4)), loss(sim, is_pos))

    def test_wrong_arguments_are_named(self, name: str) -> None:
        sim, is_pos = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
        loss = PAIR_LOSSES[name]()
        cases = [
            ("sim is", (sim[0], is_pos)),
            ("sim is", (sim.long(), is_pos)),
            (r"is_pos is \(3, 2\)", (sim, is_pos.T)),
            ("is_pos is .*float32", (sim, sim)),
            ("ignore is", (sim, is_pos, is_pos[:1])),
            (r"weight is \(3,\); it must be \(2,\)", (sim, is_pos, None, torch.ones(3))),
        ]
        for says, arguments in cases:
            with pytest.raises(ValueError, match=says):
                loss(*arguments)

    def test_constants_come_back_into_range_after_a_step(self, name: str) -> None:
        loss = PAIR_LOSSES[name]()
        with torch.no_grad():
            for parameter in loss.parameters():
                parameter.add_(1000)
        loss.after_step()
        assert loss(torch.tensor([[0.5, 0.4]]), torch.tensor([[True, False]])).isfinite()
        assert all(parameter.abs().max() <= 100 for parameter in loss.parameters())
