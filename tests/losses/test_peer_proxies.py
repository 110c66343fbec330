"""Proxy losses against pytorch-metric-learning 2.9.0: value, and gradients of rows and of proxies."""

import math
from collections.abc import Callable

import pytest
import torch
from pytorch_metric_learning import losses

from crossmodal.losses import (
    ArcFace,
    CosFace,
    LargeMarginSoftmax,
    NormFace,
    ProxyAnchor,
    ProxyLoss,
    ProxyNCA,
    SoftTriple,
    SphereFace,
)
from crossmodal.losses.angular import NONE

N, DIM, CLASSES = 20, 6, 5
Peer = losses.BaseMetricLossFunction

# Ours, the peer with options that mean the same, and where the peer keeps its proxies.
SAME: dict[str, tuple[Callable[[], ProxyLoss], Callable[[], Peer], str]] = {
    "arcface": (
        lambda: ArcFace(DIM, CLASSES, scale=16),
        lambda: losses.ArcFaceLoss(CLASSES, DIM, margin=math.degrees(0.5), scale=16),
        "W",
    ),
    "cosface": (
        lambda: CosFace(DIM, CLASSES),
        lambda: losses.CosFaceLoss(CLASSES, DIM, margin=0.35, scale=64),
        "W",
    ),
    "normface": (
        lambda: NormFace(DIM, CLASSES, scale=20, learned=False),
        lambda: losses.NormalizedSoftmaxLoss(CLASSES, DIM, temperature=0.05),
        "W",
    ),
    "large_margin_softmax": (
        lambda: LargeMarginSoftmax(DIM, CLASSES, annealing=NONE),
        lambda: losses.LargeMarginSoftmaxLoss(CLASSES, DIM, margin=4, scale=1),
        "W",
    ),
    "sphereface": (
        lambda: SphereFace(DIM, CLASSES, annealing=NONE),
        lambda: losses.SphereFaceLoss(CLASSES, DIM, margin=4, scale=1),
        "W",
    ),
    "proxy_nca++": (
        lambda: ProxyNCA(DIM, CLASSES, form="++"),
        lambda: losses.ProxyNCALoss(CLASSES, DIM, softmax_scale=9),
        "proxies",
    ),
    "proxy_anchor": (
        lambda: ProxyAnchor(DIM, CLASSES),
        lambda: losses.ProxyAnchorLoss(CLASSES, DIM, margin=0.1, alpha=32),
        "proxies",
    ),
    "soft_triple": (
        lambda: SoftTriple(DIM, CLASSES, centres=3, tau=0),
        lambda: losses.SoftTripleLoss(CLASSES, DIM, centers_per_class=3, la=20, gamma=0.1, margin=0.01),
        "fc",
    ),
}


def rows(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    emb = 2 * torch.randn(N, DIM, generator=generator, dtype=torch.float64)
    return emb.requires_grad_(), torch.randint(0, CLASSES, (N,), generator=generator)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", SAME)
def test_value_and_gradients_are_the_peers(name: str, seed: int) -> None:
    make, make_peer, attribute = SAME[name]
    ours, peer = make().double(), make_peer().double()
    emb, labels = rows(seed)
    generator = torch.Generator().manual_seed(seed + 100)
    proxies = torch.randn(ours.proxies.shape, generator=generator, dtype=torch.float64)
    is_turned = attribute != "proxies"  # kept as (D, K)
    ours.proxies.data = proxies
    getattr(peer, attribute).data = proxies.T.clone() if is_turned else proxies.clone()
    value, peer_value = ours(emb, labels), peer(emb, labels)
    torch.testing.assert_close(value, peer_value, atol=1e-5, rtol=1e-5)
    by_row, by_proxy = torch.autograd.grad(value, [emb, ours.proxies])
    peer_by_row, peer_by_proxy = torch.autograd.grad(peer_value, [emb, getattr(peer, attribute)])
    torch.testing.assert_close(by_row, peer_by_row, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(by_proxy, peer_by_proxy.T if is_turned else peer_by_proxy, atol=1e-5, rtol=1e-5)


def test_difference_the_peers_arcface_reads_its_margin_in_degrees() -> None:
    emb, labels = rows(0)
    ours, peer = (
        ArcFace(DIM, CLASSES, scale=16).double(),
        losses.ArcFaceLoss(CLASSES, DIM, margin=0.5, scale=16).double(),
    )
    peer.W.data = ours.proxies.data.T.clone()
    tiny = ArcFace(DIM, CLASSES, scale=16, margin=math.radians(0.5)).double()
    tiny.proxies.data = ours.proxies.data
    torch.testing.assert_close(tiny(emb, labels), peer(emb, labels), atol=1e-5, rtol=1e-5)
    assert ours(emb, labels) > peer(emb, labels) + 1


def test_difference_the_peers_proxy_nca_keeps_the_own_proxy_in_the_sum() -> None:
    emb, labels = rows(1)
    ours, peer = ProxyNCA(DIM, CLASSES).double(), losses.ProxyNCALoss(CLASSES, DIM, softmax_scale=1).double()
    ours.proxies.data = peer.proxies.data.clone()
    assert peer(emb, labels) - ours(emb, labels) > 0.1  # the paper's denominator leaves it out
    both = ProxyNCA(DIM, CLASSES, form="++", temperature=1.0).double()
    both.proxies.data = peer.proxies.data.clone()
    torch.testing.assert_close(both(emb, labels), peer(emb, labels), atol=1e-5, rtol=1e-5)
