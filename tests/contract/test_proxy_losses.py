"""What every proxy loss promises, over the whole registry."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.losses import PROXY_LOSSES, ProxyLoss

RELAXED = settings(deadline=None, max_examples=8, derandomize=True)
DIM, CLASSES = 5, 4
DETACHED = {"circle_class"}
LENGTH_COUNTS = {"large_margin_softmax", "sphereface"}


def made(name: str) -> ProxyLoss:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return PROXY_LOSSES[name](DIM, CLASSES)


def rows(seed: int, n: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    emb = torch.randn(n, DIM, generator=generator, dtype=dtype)
    return emb.requires_grad_(), torch.randint(0, CLASSES, (n,), generator=generator)


def gradients(loss: ProxyLoss, value: torch.Tensor, emb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    by_emb, by_proxies = torch.autograd.grad(value, [emb, loss.proxies])
    return by_emb, by_proxies


cases = given(seed=st.integers(0, 9999), n=st.integers(1, 6))


@pytest.mark.parametrize("name", [name for name in PROXY_LOSSES if name not in DETACHED])
@RELAXED
@cases
def test_gradient_is_that_of_finite_differences(name: str, seed: int, n: int) -> None:
    emb, labels = rows(seed, n)
    loss = made(name).double()
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), [emb], atol=1e-4, fast_mode=True)


@pytest.mark.parametrize("name", sorted(DETACHED))
def test_gradient_is_not_that_of_finite_differences_where_weights_are_detached(name: str) -> None:
    emb, labels = rows(2, 5)
    loss = made(name).double()
    assert not torch.autograd.gradcheck(lambda x: loss(x, labels), [emb], atol=1e-4, raise_exception=False)


def share_along_the_rows(name: str, seed: int, n: int) -> torch.Tensor:
    """(n,): how much of each row's gradient goes along the row itself."""
    emb, labels = rows(seed, n)
    loss = made(name)
    by_emb, _ = gradients(loss, loss(emb, labels), emb)
    return (by_emb * emb).sum(1).abs() / (1e-9 + by_emb.norm(dim=1) * emb.norm(dim=1))


@pytest.mark.parametrize("name", [name for name in PROXY_LOSSES if name not in LENGTH_COUNTS])
@RELAXED
@cases
def test_gradient_is_orthogonal_to_the_row_where_its_length_does_not_count(name: str, seed: int, n: int) -> None:
    assert share_along_the_rows(name, seed, n).max() < 1e-4


@pytest.mark.parametrize("name", sorted(LENGTH_COUNTS))
def test_gradient_goes_along_the_row_too_where_its_length_counts(name: str) -> None:
    assert share_along_the_rows(name, 3, 6).min() > 1e-3


@pytest.mark.parametrize("name", PROXY_LOSSES)
class TestEveryProxyLoss:
    @RELAXED
    @cases
    def test_rows_of_unknown_label_change_nothing_whatever_they_hold(self, name: str, seed: int, n: int) -> None:
        emb, labels = rows(seed, n)
        loss = made(name)
        unknown = torch.full((2, DIM), torch.nan, dtype=emb.dtype, requires_grad=True)
        value = loss(torch.cat([unknown, emb]), torch.cat([torch.tensor([-1, -1]), labels]))
        torch.testing.assert_close(value, loss(emb, labels))
        (by_unknown,) = torch.autograd.grad(value, unknown)
        assert by_unknown.count_nonzero() == 0

    @RELAXED
    @cases
    def test_order_of_rows_and_of_classes_does_not_matter(self, name: str, seed: int, n: int) -> None:
        emb, labels = rows(seed, n)
        loss = made(name)
        value = loss(emb, labels)
        torch.testing.assert_close(loss(emb.flip(0), labels.flip(0)), value)
        with torch.no_grad():
            loss.proxies.copy_(loss.proxies.unflatten(0, (CLASSES, -1)).flip(0).flatten(0, 1))
        torch.testing.assert_close(loss(emb, CLASSES - 1 - labels), value)

    @RELAXED
    @cases
    def test_a_row_of_weight_two_is_the_row_twice(self, name: str, seed: int, n: int) -> None:
        emb, labels = rows(seed, n)
        loss = made(name)
        weight = torch.ones(n)
        weight[0] = 2
        twice = loss(torch.cat([emb[:1], emb]), torch.cat([labels[:1], labels]))
        torch.testing.assert_close(loss(emb, labels, weight), twice)

    def test_both_modalities_pull_at_the_same_proxies(self, name: str) -> None:
        loss = made(name)
        for seed in (1, 2):
            emb, labels = rows(seed, 4)
            assert gradients(loss, loss(emb, labels), emb)[1].count_nonzero() > 0

    @pytest.mark.parametrize("labels", [[-1, -1], []])
    def test_no_known_row_gives_zero_loss_and_zero_gradients(self, name: str, labels: list[int]) -> None:
        loss = made(name)
        emb = torch.randn(len(labels), DIM, requires_grad=True)
        value = loss(emb, torch.tensor(labels, dtype=torch.int64))
        by_emb, by_proxies = gradients(loss, value, emb)
        assert value == 0 and by_emb.count_nonzero() == 0 and by_proxies.count_nonzero() == 0

    def test_weights_of_zero_give_zero(self, name: str) -> None:
        loss, (emb, labels) = made(name), rows(3, 4)
        value = loss(emb, labels, torch.zeros(4))
        by_emb, by_proxies = gradients(loss, value, emb)
        assert value == 0 and by_emb.count_nonzero() == 0 and by_proxies.count_nonzero() == 0

    def test_a_row_on_or_opposite_its_proxy_or_zero_has_a_finite_gradient(self, name: str) -> None:
        loss = made(name)
        own = loss.proxies.detach().unflatten(0, (CLASSES, -1))[:, 0]
        emb = torch.cat([own, -own, 0 * own, own * 1e4]).requires_grad_()
        value = loss(emb, torch.arange(CLASSES).repeat(4))
        by_emb, by_proxies = gradients(loss, value, emb)
        assert value.isfinite() and by_emb.isfinite().all() and by_proxies.isfinite().all()
        assert by_emb.abs().max() < 1e7  # a dead row must not explode the step

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_half_precision_and_autocast_leave_the_proxies_alone(self, name: str, dtype: torch.dtype) -> None:
        loss, (emb, labels) = made(name), rows(4, 6, torch.float32)
        halved = emb.detach().to(dtype).requires_grad_()
        with torch.autocast("cpu", dtype):
            value = loss(halved, labels)
        torch.testing.assert_close(value, loss(halved.float(), labels))
        by_emb, _ = gradients(loss, value, halved)
        assert value.dtype == loss.proxies.dtype == torch.float32 and by_emb.isfinite().all()

    def test_compiles_into_one_graph(self, name: str) -> None:
        loss, (emb, labels) = made(name), rows(5, 6, torch.float32)
        torch.compiler.reset()  # one graph a class is within the compiler's limit, all of them are not
        compiled = torch.compile(loss, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(emb, labels, torch.ones(6)), loss(emb, labels))

    def test_a_step_lowers_the_loss(self, name: str) -> None:
        loss, (emb, labels) = made(name), rows(6, 8, torch.float32)
        before = loss(emb, labels)
        by_emb, by_proxies = gradients(loss, before, emb)
        with torch.no_grad():
            loss.proxies -= 1e-4 * by_proxies / (1 + by_proxies.norm())
            assert loss(emb - 1e-3 * by_emb / (1 + by_emb.norm()), labels) < before

    def test_constants_come_back_into_range_after_a_step(self, name: str) -> None:
        loss, (emb, labels) = made(name), rows(7, 4, torch.float32)
        with torch.no_grad():
            for label, parameter in loss.named_parameters():
                if label.startswith("log_"):
                    parameter.fill_(1000)
        loss.after_step()
        assert loss(emb, labels).isfinite()

    def test_wrong_arguments_are_named(self, name: str) -> None:
        loss, labels = made(name), torch.zeros(3, dtype=torch.int64)
        emb = torch.randn(3, DIM)
        wrong = [
            (rf"emb is \(3, 9\).*\(rows, {DIM}\)", (torch.randn(3, 9), labels)),
            ("emb is .*int64", (emb.long(), labels)),
            (r"labels is \(2,\).*\(3,\) int64", (emb, labels[:2])),
            ("labels is .*float32", (emb, labels.float())),
            (r"labels holds 0 to 4; it must be 0 to 3", (emb, torch.tensor([0, 4, 1]))),
            ("labels holds -2 to 1", (emb, torch.tensor([0, -2, 1]))),
            ("weight is", (emb, labels, torch.ones(2))),
            ("emb .* holds NaN or infinity", (emb * torch.inf, labels)),
        ]
        for says, arguments in wrong:
            with pytest.raises(ValueError, match=says):
                loss(*arguments)

    def test_too_few_classes_are_refused(self, name: str) -> None:
        with pytest.raises(ValueError, match="classes 1"):
            PROXY_LOSSES[name](DIM, 1)
