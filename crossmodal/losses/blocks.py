"""Blocks of whole rows of an (N, M) matrix that is never held, and what processes that share them exchange."""

from collections.abc import Iterable, Iterator

import torch
import torch.distributed as dist
from torch import Tensor


def row_blocks(rows: int, columns: int, entries: int, group: dist.ProcessGroup | None) -> Iterator[slice]:
    """The rows of each block of at most `entries` entries, or of one row; of those that this process has to do."""
    size = max(entries // max(columns, 1), 1)
    rank, world = (0, 1) if group is None else (dist.get_rank(group), dist.get_world_size(group))
    for first in range(rank * size, rows, world * size):
        yield slice(first, min(first + size, rows))


def logaddexp_over_processes(statistic: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """The statistics of the blocks of all processes joined into one."""
    if group is None:
        return statistic
    every = [torch.empty_like(statistic) for _ in range(dist.get_world_size(group))]
    dist.all_gather(every, statistic.contiguous(), group=group)
    return torch.stack(every).logsumexp(0)


def sum_over_processes(tensors: Iterable[Tensor], group: dist.ProcessGroup | None) -> None:
    """Sum each in place over the processes that share the blocks."""
    if group is not None:
        for tensor in tensors:
            dist.all_reduce(tensor, group=group)
