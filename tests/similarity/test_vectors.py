"""Pairwise similarities against other libraries, and their gradients at the awkward points."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import cosine_similarity

from crossmodal.similarity import Similarity, cosine, euclidean, inner_product, pairwise, squared_euclidean

RELAXED = settings(deadline=None, max_examples=30, derandomize=True)


@RELAXED
@given(seed=st.integers(0, 9999), n=st.integers(1, 40), m=st.integers(1, 40), d=st.integers(1, 9))
def test_values_are_those_of_other_libraries(seed: int, n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    video, audio = rng.normal(size=(n, d)) + 3, rng.normal(size=(m, d))
    v, a = torch.from_numpy(video), torch.from_numpy(audio)
    np.testing.assert_allclose(cosine(v, a), cosine_similarity(video, audio), atol=1e-12)
    np.testing.assert_allclose(euclidean(v, a), cdist(video, audio), atol=1e-9)
    np.testing.assert_allclose(squared_euclidean(v, a), cdist(video, audio, "sqeuclidean"), atol=1e-9)
    np.testing.assert_allclose(inner_product(v, a), video @ audio.T, atol=1e-12)


@pytest.mark.parametrize("function", [cosine, euclidean, squared_euclidean, inner_product])
def test_gradients_are_those_of_finite_differences(function: object) -> None:
    generator = torch.Generator().manual_seed(1)
    sides = [torch.randn(rows, 4, generator=generator, dtype=torch.float64, requires_grad=True) for rows in (3, 5)]
    assert torch.autograd.gradcheck(function, sides)


def test_equal_rows_are_at_distance_zero_with_gradient_zero() -> None:
    rows = torch.randn(30, 8, generator=torch.Generator().manual_seed(2))
    for function in (euclidean, squared_euclidean):
        video = rows.clone().requires_grad_()
        diagonal = function(video, rows).diagonal()
        (gradient,) = torch.autograd.grad(diagonal.sum(), video)
        assert diagonal.abs().max() < 2e-3 and gradient.isfinite().all() and gradient.abs().max() < 1e-2


def test_one_row_with_itself_has_no_gradient_at_all() -> None:
    row = torch.tensor([[1.0, 2.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(euclidean(row, row.detach()).sum(), row)
    assert gradient.count_nonzero() == 0


def test_rows_far_from_the_origin_keep_their_digits() -> None:
    video, audio = torch.tensor([[1000.0, 1000.0]]), torch.tensor([[1000.0, 1001.0], [1000.25, 1000.0]])
    torch.testing.assert_close(euclidean(video, audio), torch.tensor([[1.0, 0.25]]), rtol=1e-3, atol=0)


def test_a_zero_row_has_cosine_zero_and_gradient_zero() -> None:
    video = torch.zeros(1, 3, requires_grad=True)
    sim = cosine(video, torch.ones(2, 3))
    (gradient,) = torch.autograd.grad(sim.sum(), video)
    assert sim.tolist() == [[0, 0]] and gradient.count_nonzero() == 0


def test_a_cosine_never_exceeds_one_but_keeps_its_gradient() -> None:
    rows = torch.randn(500, 3, generator=torch.Generator().manual_seed(3))
    assert cosine(rows, rows).max() <= 1
    video = torch.tensor([[0.6, 0.8]], requires_grad=True)
    (gradient,) = torch.autograd.grad(cosine(video, torch.tensor([[0.8, 0.6]])).sum(), video)
    torch.testing.assert_close(gradient, torch.tensor([[0.224, -0.168]]))


def test_half_precision_is_computed_in_float32() -> None:
    video, audio = torch.randn(2, 64).half(), torch.randn(3, 64).bfloat16()
    for function in (cosine, euclidean, squared_euclidean, inner_product):
        assert function(video, audio).dtype == torch.float32


def test_higher_is_closer_for_every_kind() -> None:
    video, audio = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.1], [-1.0, 0.0]])
    for kind in Similarity:
        near, far = pairwise(kind)(video, audio)[0]
        assert near > far


def test_no_tensor_of_all_three_axes_is_made() -> None:
    n = 3000  # (N, M, D) would take 18 GB
    assert euclidean(torch.zeros(n, 500), torch.zeros(n, 500)).shape == (n, n)


@pytest.mark.parametrize("function", [cosine, euclidean, squared_euclidean, inner_product])
def test_wrong_widths_are_named(function: object) -> None:
    with pytest.raises(ValueError, match=r"video is \(2, 3\) and audio is \(2, 4\)"):
        function(torch.zeros(2, 3), torch.zeros(2, 4))  # type: ignore[operator]
