"""Labels of pairs as numbers: which value of one label is which class."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from crossmodal.losses.proxy_base import UNKNOWN
from training.data.pairs import Pair

MUSIC_ID = "music_id"


class Labels:
    """The classes of one label: its values over all pairs, in order.

    Args:
        pairs: of all domains.
        name: of the label, such as `genre`; `music_id`: each music is a class.

    Example:
        >>> Labels([], "genre").classes
        {}
    """

    def __init__(self, pairs: Sequence[Pair], name: str) -> None:
        self.name = name
        values = sorted({value for pair in pairs for value in self.values(pair)})
        self.classes = {value: number for number, value in enumerate(values)}

    def values(self, pair: Pair) -> tuple[str, ...]:
        """What a pair has of it."""
        return (pair.music_id,) if self.name == MUSIC_ID else pair.labels.get(self.name, ())

    def draw(self, pairs: Sequence[Pair], rng: np.random.Generator) -> Tensor:
        """(N,) int64: a class of each pair, drawn where it has several values; -1 where it has none."""
        known = [self.values(pair) for pair in pairs]
        return torch.tensor(
            [self.classes[values[int(rng.integers(len(values)))]] if values else UNKNOWN for values in known]
        )
