"""The rows of all processes, with gradients: the loss over them is that of one process with the whole batch.

Every process computes that loss, and the gradient of a row is summed over the processes. Averaged over the processes,
as `DistributedDataParallel` does it, the gradients of the towers and of the loss's own constants are then those of one
process; where gradients are summed instead, divide the loss by the number of processes.
"""

from dataclasses import fields, replace

import torch
import torch.distributed as dist
from torch import Tensor

from crossmodal.losses.batch import PairBatch, SideBatch

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool)
MOST_AXES = 6


def gather_rows(rows: Tensor, group: dist.ProcessGroup | None = None) -> Tensor:
    """The rows of all processes, in the order of the processes. Every process must call it, one without rows too.

    Args:
        rows: (N, ...) float, int64 or bool; N may differ from process to process and be 0, the rest is the same.
        group: None: all processes. Where nothing is distributed, `rows` come back as they are.

    Returns:
        (sum of N, ...), in the graph of every process where `rows` are float.

    Raises:
        ValueError: the rows of the processes do not fit each other, in every process alike; or another type.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return rows
    counts = _counts(rows, group)
    if not rows.is_floating_point():
        return torch.cat(_all_rows(rows, counts, group))
    return _Gather.apply(_in_graph(rows), counts, group)


def gather_batch(batch: PairBatch, group: dist.ProcessGroup | None = None) -> PairBatch:
    """The batch of all processes: every field of both sides, by `gather_rows`.

    Raises:
        ValueError: as of `gather_rows`, where processes differ in the fields they have, or for `vector_extra` and
            `sequence_extra`, whose pairs are those of one process only.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return batch
    extras = (batch.vector_extra, batch.sequence_extra)
    if any(mask is not None for extra in extras for mask in (extra.negatives, extra.ignore)):
        raise ValueError("gather_batch: extra pairs hold for the rows of one process; name them after gathering")
    return replace(batch, video=_gather_side(batch.video, group), audio=_gather_side(batch.audio, group))


def _gather_side(side: SideBatch, group: dist.ProcessGroup | None) -> SideBatch:
    names = [field.name for field in fields(side)]
    present = torch.tensor([[getattr(side, name) is not None for name in names]], device=side.ids.device)
    every = gather_rows(present, group)  # (processes, fields)
    if (every != every[:1]).any():
        odd = [name for name, column in zip(names, every.T, strict=True) if column.any() != column.all()]
        raise ValueError(f"gather_batch: some processes have {', '.join(odd)} and some have not; all must agree")
    values = {name: getattr(side, name) for name in names}
    return replace(side, **{name: gather_rows(value, group) for name, value in values.items() if value is not None})


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor, counts: list[int], group: dist.ProcessGroup | None) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.counts, ctx.group = counts, group
        return torch.cat(_all_rows(rows, counts, group))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient, group=ctx.group)
        return gradient.split(ctx.counts)[dist.get_rank(ctx.group)], None, None


def _in_graph(rows: Tensor) -> Tensor:
    # A process whose rows need no gradient (none, or frozen) must still take part in the sum of the others.
    return rows if rows.requires_grad or not torch.is_grad_enabled() else rows.detach().requires_grad_()


def _counts(rows: Tensor, group: dist.ProcessGroup | None) -> list[int]:
    """How many rows each process has; all raise alike where the rows do not fit."""
    known = rows.dtype in DTYPES and 1 <= rows.ndim <= MOST_AXES
    kind = DTYPES.index(rows.dtype) if known else -1
    mine = torch.tensor([kind, rows.ndim, *rows.shape[:MOST_AXES], *[0] * (MOST_AXES - rows.ndim)], device=rows.device)
    every = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
    dist.all_gather(every, mine, group=group)
    shapes = [part.tolist() for part in every]
    if any(shape[0] < 0 for shape in shapes):
        raise ValueError(
            f"gather_rows: rows are {tuple(rows.shape)} {rows.dtype} here; all processes must have (N, ...) rows of "
            f"float, int64 or bool with at most {MOST_AXES} axes"
        )
    if any(shape[:2] + shape[3:] != shapes[0][:2] + shapes[0][3:] for shape in shapes):
        found = ", ".join(f"{tuple(s[2 : 2 + s[1]])} {DTYPES[s[0]]}" for s in shapes)
        raise ValueError(f"gather_rows: the processes have {found}; all but the first axis must agree")
    return [shape[2] for shape in shapes]


def _all_rows(rows: Tensor, counts: list[int], group: dist.ProcessGroup | None) -> list[Tensor]:
    plain = rows.detach().to(torch.uint8) if rows.dtype == torch.bool else rows.detach()
    padded = plain.new_zeros(max(counts), *plain.shape[1:])  # collectives want one shape
    padded[: len(plain)] = plain
    every = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(every, padded, group=group)
    return [part[:count].to(rows.dtype) for part, count in zip(every, counts, strict=True)]
