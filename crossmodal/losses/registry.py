"""The losses by the names that recipes give them."""

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from crossmodal.errors import ConfigError
from crossmodal.losses.angular import LargeMarginSoftmax, SphereFace
from crossmodal.losses.base import PairLoss
from crossmodal.losses.circle import Circle
from crossmodal.losses.contrastive import Contrastive, CosineContrastive
from crossmodal.losses.infonce import InfoNCE
from crossmodal.losses.lifted import GeneralisedLifted, LiftedStructure
from crossmodal.losses.margin import Margin, MarginClass
from crossmodal.losses.multi_similarity import MultiSimilarity
from crossmodal.losses.n_pair import NPair
from crossmodal.losses.proxy import CircleClass, ProxyAnchor, ProxyNCA, SoftTriple
from crossmodal.losses.proxy_base import ProxyLoss
from crossmodal.losses.ranking import RankingHinge
from crossmodal.losses.siglip import SigLIP
from crossmodal.losses.softmax import AMSoftmax, ArcFace, CosFace, L2Softmax, NormFace
from crossmodal.losses.structure import (
    IntraModalDistribution,
    NeighbourStructure,
    SoftStructure,
    SquaredNorm,
    StructureLoss,
)
from crossmodal.losses.supcon import SupCon
from crossmodal.losses.triplet import BatchHardTriplet, Triplet

T = TypeVar("T")

PAIR_LOSSES: dict[str, type[PairLoss]] = {
    "infonce": InfoNCE,
    "supcon": SupCon,
    "siglip": SigLIP,
    "circle": Circle,
    "multi_similarity": MultiSimilarity,
    "triplet": Triplet,
    "batch_hard": BatchHardTriplet,
    "ranking": RankingHinge,
    "contrastive": Contrastive,
    "cosine_contrastive": CosineContrastive,
    "margin": Margin,
    "lifted": LiftedStructure,
    "generalised_lifted": GeneralisedLifted,
    "n_pair": NPair,
}

PROXY_LOSSES: dict[str, type[ProxyLoss]] = {
    "l2_softmax": L2Softmax,
    "large_margin_softmax": LargeMarginSoftmax,
    "sphereface": SphereFace,
    "normface": NormFace,
    "am_softmax": AMSoftmax,
    "cosface": CosFace,
    "arcface": ArcFace,
    "proxy_nca": ProxyNCA,
    "proxy_anchor": ProxyAnchor,
    "soft_triple": SoftTriple,
    "circle_class": CircleClass,
}

LABEL_LOSSES: dict[str, type[MarginClass]] = {"margin_class": MarginClass}  # by class, and without proxies

STRUCTURE_LOSSES: dict[str, type[StructureLoss]] = {
    "squared_norm": SquaredNorm,
    "soft_structure": SoftStructure,
    "neighbour_structure": NeighbourStructure,
    "intra_modal": IntraModalDistribution,
}


def make_pair_loss(name: str, options: Mapping[str, Any] | None = None) -> PairLoss:
    """A pair loss out of a recipe.

    Args:
        name: key of `PAIR_LOSSES`.
        options: arguments of its constructor by name.

    Raises:
        ConfigError: no such loss, an option that it does not have, or a value out of range.

    Example:
        >>> make_pair_loss("circle", {"gamma": 64.0}).gamma
        64.0
    """
    return _made(_known(name, PAIR_LOSSES), name, **(options or {}))


def make_proxy_loss(name: str, dim: int, classes: int, options: Mapping[str, Any] | None = None) -> ProxyLoss:
    """A proxy loss out of a recipe.

    Args:
        name: key of `PROXY_LOSSES`.
        dim: D of the vectors.
        classes: K.
        options: further arguments of its constructor by name.

    Raises:
        ConfigError: no such loss, an option that it does not have, or a value out of range.

    Example:
        >>> make_proxy_loss("arcface", 8, 3, {"margin": 0.3}).margin
        0.3
    """
    return _made(_known(name, PROXY_LOSSES), name, dim, classes, **(options or {}))


def make_label_loss(
    name: str, dim: int, classes: int, options: Mapping[str, Any] | None = None
) -> ProxyLoss | MarginClass:
    """A loss by class out of a recipe, with proxies or without.

    Args:
        name: key of `PROXY_LOSSES` or `LABEL_LOSSES`.
        dim: D of the vectors.
        classes: K.
        options: further arguments of its constructor by name.

    Raises:
        ConfigError: no such loss, an option that it does not have, or a value out of range.

    Example:
        >>> make_label_loss("margin_class", 8, 3, {"alpha": 0.1}).by_class.shape
        torch.Size([3])
    """
    if name in LABEL_LOSSES:
        return _made(LABEL_LOSSES[name], name, classes, **(options or {}))
    return make_proxy_loss(name, dim, classes, options)


def make_structure_loss(name: str, options: Mapping[str, Any] | None = None) -> StructureLoss:
    """A structure loss out of a recipe.

    Args:
        name: key of `STRUCTURE_LOSSES`.
        options: arguments of its constructor by name.

    Raises:
        ConfigError: no such loss, an option that it does not have, or a value out of range.

    Example:
        >>> make_structure_loss("intra_modal", {"temperature": 0.2}).temperature
        0.2
    """
    return _made(_known(name, STRUCTURE_LOSSES), name, **(options or {}))


def _known(name: str, losses: dict[str, type[T]]) -> type[T]:
    if name not in losses:
        near = difflib.get_close_matches(name, losses, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(losses)}."
        raise ConfigError(f"no loss '{name}'. {hint}")
    return losses[name]


def _made(kind: type[T], name: str, *arguments: Any, **options: Any) -> T:
    try:
        return kind(*arguments, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"loss '{name}': {error}. Its options are in docs/reference/losses.md.") from error
