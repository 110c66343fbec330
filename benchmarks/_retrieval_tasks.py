"""What `losses.py` trains on: two modalities, their encoders, and how retrieval among new classes is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from crossmodal.similarity import cosine

Data = tuple[Tensor, Tensor, Tensor]  # rows of the one modality, of the other, labels (N,)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Data of one comparison, the same for all losses.

    Args:
        name: as the results call it.
        train, choose, new: what is learned from, what the rate is chosen by, what the table judges; the classes of
            `train` are 0 to `classes` - 1.
        classes: of `train`.
        towers: makes the two untrained encoders; their vectors have `dim` numbers.
        dim: of the vectors.
        steps: of the optimiser.
        batch_classes, per_class: P and K of a batch.
        own_counts: whether the row's own other half is there to be found.
    """

    name: str
    train: Data
    choose: Data
    new: Data
    classes: int
    towers: Callable[[], list[nn.Module]]
    dim: int
    steps: int
    batch_classes: int
    per_class: int
    own_counts: bool

    def rows(self, generator: torch.Generator) -> Tensor:
        """The rows of one P x K batch; a class with fewer than K rows gives some of them twice."""
        own = self.own_rows()
        drawn = torch.randperm(self.classes, generator=generator)[: self.batch_classes].tolist()
        return torch.cat([own[k][torch.randint(len(own[k]), (self.per_class,), generator=generator)] for k in drawn])

    @cache  # noqa: B019 (a task lives as long as the program)
    def own_rows(self) -> list[Tensor]:
        """The rows of each class."""
        return [torch.where(self.train[2] == label)[0] for label in range(self.classes)]


@torch.no_grad()
def judge(towers: list[nn.Module], data: Data, own_counts: bool) -> tuple[float, float]:
    """recall@1 and MAP@R of the one modality asking for the other."""
    for tower in towers:
        tower.eval()
    sim, is_pos = cosine(towers[0](data[0]), towers[1](data[1])), data[2][:, None] == data[2]  # (N, N)
    if not own_counts:
        sim, is_pos = sim.fill_diagonal_(-2), is_pos.fill_diagonal_(False)
    hits = is_pos.gather(1, sim.argsort(1, descending=True)).double()
    relevant, rank = is_pos.sum(1, keepdim=True), torch.arange(1, sim.shape[1] + 1)
    precise = hits.cumsum(1) / rank * hits * (rank <= relevant)
    return hits[:, 0].mean().item(), (precise.sum(1) / relevant[:, 0]).mean().item()
