"""What constants of the softmax losses the number of classes asks for, by the papers' bounds."""

import math


def l2_softmax_least_alpha(classes: int, probability: float = 0.9) -> float:
    """The smallest alpha with which a row can have `probability` for its class: `log(p (C - 2) / (1 - p))`.

    Ranjan et al. 2017; it leaves the class at the opposite pole out, so there is none for two classes.

    Raises:
        ValueError: fewer than three classes, or a probability outside (0, 1).

    Example:
        >>> round(l2_softmax_least_alpha(100), 6)
        6.782192
    """
    _check("l2_softmax_least_alpha", classes, 3, probability)
    return math.log(probability * (classes - 2) / (1 - probability))


def cosface_least_scale(classes: int, probability: float = 0.9) -> float:
    """The smallest scale with which every class can have `probability` at its centre.

    Wang et al., CVPR 2018 (CosFace): `(C - 1)/C log((C - 1) P / (1 - P))`.

    Raises:
        ValueError: fewer than two classes, or a probability outside (0, 1).

    Example:
        >>> round(cosface_least_scale(100), 6)
        6.724421
    """
    _check("cosface_least_scale", classes, 2, probability)
    return (classes - 1) / classes * math.log((classes - 1) * probability / (1 - probability))


def cosface_largest_margin(classes: int, dim: int) -> float:
    """The largest margin that `classes` centres in `dim` dimensions leave room for; a bound, not the optimum.

    Wang et al., CVPR 2018 (CosFace): `1 - cos(2 pi / C)` in the plane, else `C / (C - 1)`, which is reached where C is
    at most `dim` + 1.

    Raises:
        ValueError: fewer than two classes or dimensions.

    Example:
        >>> cosface_largest_margin(5, 128)
        1.25
    """
    if dim < 2:
        raise ValueError(f"cosface_largest_margin: dim is {dim}; it must be at least 2")
    _check("cosface_largest_margin", classes, 2, 0.5)
    return 1 - math.cos(2 * math.pi / classes) if dim == 2 else classes / (classes - 1)


def normface_least_loss(classes: int, scale: float) -> float:
    """What the loss cannot fall below with unit rows times `scale`: `log(1 + (C - 1) exp(-scale C / (C - 1)))`.

    Wang et al., ACM MM 2017 (NormFace).

    Raises:
        ValueError: fewer than two classes.

    Example:
        >>> round(normface_least_loss(10, 1), 6)
        1.376935
    """
    _check("normface_least_loss", classes, 2, 0.5)
    return math.log1p((classes - 1) * math.exp(-scale * classes / (classes - 1)))


def _check(name: str, classes: int, least: int, probability: float) -> None:
    if classes < least or not 0 < probability < 1:
        raise ValueError(
            f"{name}: classes is {classes} and probability {probability}; at least {least}, and between 0 and 1"
        )
