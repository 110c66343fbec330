"""What every structure loss promises, over the whole registry."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.losses import STRUCTURE_LOSSES

RELAXED = settings(deadline=None, max_examples=8, derandomize=True)
BY_POSITION = "neighbour_structure"  # compares neighbouring columns, as it was released
OF_LENGTHS = "squared_norm"  # looks at each row by itself
OF_PAIRS = [name for name in STRUCTURE_LOSSES if name != OF_LENGTHS]
BATCHES_WITHOUT_PAIRS = [(name, n) for name in STRUCTURE_LOSSES for n in (0, 1) if (name, n) != (OF_LENGTHS, 1)]


def rows(seed: int, n: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    before, after = (torch.randn(n, d, generator=generator, dtype=dtype) for d in (7, 4))
    return before, after.requires_grad_()


cases = given(seed=st.integers(0, 9999), n=st.integers(1, 7))


@pytest.mark.parametrize("name", [name for name in STRUCTURE_LOSSES if name != BY_POSITION])
@RELAXED
@cases
def test_order_of_rows_does_not_matter(name: str, seed: int, n: int) -> None:
    before, after = rows(seed, n)
    loss = STRUCTURE_LOSSES[name]()
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(loss(before[order], after[order]), loss(before, after))


def test_order_of_rows_matters_to_the_one_that_compares_neighbours() -> None:
    before, after = rows(1, 6)
    order = torch.tensor([0, 3, 1, 5, 2, 4])
    loss = STRUCTURE_LOSSES[BY_POSITION]()
    assert not torch.isclose(loss(before[order], after[order]), loss(before, after))


@pytest.mark.parametrize("name", OF_PAIRS)
@RELAXED
@cases
def test_geometry_that_is_kept_costs_nothing(name: str, seed: int, n: int) -> None:
    before, _ = rows(seed, n)
    turned = 3 * before @ torch.linalg.qr(rows(seed + 1, 7)[0]).Q
    assert STRUCTURE_LOSSES[name]()(before, turned).abs() < 1e-9


@pytest.mark.parametrize(("name", "n"), BATCHES_WITHOUT_PAIRS)
def test_a_batch_without_pairs_gives_zero(name: str, n: int) -> None:
    before, after = rows(1, n)
    value = STRUCTURE_LOSSES[name]()(before, after)
    (gradient,) = torch.autograd.grad(value, after)
    assert value == 0 and gradient.count_nonzero() == 0


def test_one_row_has_a_length() -> None:
    before, after = rows(1, 1)
    assert STRUCTURE_LOSSES[OF_LENGTHS]()(before, after) > 0


@pytest.mark.parametrize("name", STRUCTURE_LOSSES)
class TestEveryStructureLoss:
    @RELAXED
    @cases
    def test_gradient_is_that_of_finite_differences(self, name: str, seed: int, n: int) -> None:
        before, after = rows(seed, n)
        loss = STRUCTURE_LOSSES[name]()
        assert torch.autograd.gradcheck(lambda x: loss(before, x), [after], atol=1e-4, fast_mode=True)

    def test_no_gradient_goes_to_the_features(self, name: str) -> None:
        before, after = rows(2, 5)
        before.requires_grad_()
        STRUCTURE_LOSSES[name]()(before, after).backward()
        assert before.grad is None

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_is_computed_in_float32(self, name: str, dtype: torch.dtype) -> None:
        before, after = rows(3, 6, torch.float32)
        before, after = before.to(dtype), after.detach().to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype):
            value = STRUCTURE_LOSSES[name]()(before, after)
        torch.testing.assert_close(value, STRUCTURE_LOSSES[name]()(before.float(), after.float()))
        (gradient,) = torch.autograd.grad(value, after)
        assert value.dtype == torch.float32 and gradient.isfinite().all()

    def test_compiles_into_one_graph(self, name: str) -> None:
        before, after = rows(4, 6, torch.float32)
        loss = STRUCTURE_LOSSES[name]()
        torch.compiler.reset()
        torch.testing.assert_close(
            torch.compile(loss, backend="eager", fullgraph=True)(before, after), loss(before, after)
        )

    def test_equal_and_zero_rows_have_finite_gradients(self, name: str) -> None:
        before = torch.ones(4, 3)
        after = torch.tensor([[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [1e4, 0.0]], requires_grad=True)
        value = STRUCTURE_LOSSES[name]()(before, after)
        (gradient,) = torch.autograd.grad(value, after)
        assert value.isfinite() and gradient.isfinite().all()

    def test_wrong_arguments_are_named(self, name: str) -> None:
        before, after = rows(5, 4)
        for says, arguments in [
            (r"before is \(3, 7\).*\(4, D\)", (before[:3], after)),
            ("before is .*int64", (before.long(), after)),
            (r"after is \(4,\)", (before, after[:, 0])),
            ("after .* holds NaN", (before, after * torch.nan)),
        ]:
            with pytest.raises(ValueError, match=says):
                STRUCTURE_LOSSES[name]()(*arguments)
