"""One of several processes that share a batch; run as `process_worker.py RANK WORLD FOLDER`, writes RANK.pt there.

Smaller numbers of processes are groups of the first ones, so that torch is loaded once for all cases.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from crossmodal.losses import CrossModalLoss, InfoNCE, LiftedStructure, PairBatch, SideBatch
from crossmodal.losses.gather import gather_batch, gather_rows
from crossmodal.losses.gradient_cache import GradientCache
from crossmodal.losses.memory import CrossBatchMemory
from crossmodal.losses.tiled import TiledLoss

COUNTS = {2: [(5, 3), (8, 0)], 3: [(4, 0, 4), (1, 6, 1)]}
ROWS, STEPS = 8, 5
IDS = torch.tensor([4, 1, 7, 4, 2, 7, 7, 3])


def towers() -> list[nn.Module]:
    torch.manual_seed(1)
    return [nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4)).double() for _ in range(2)]


def whole_batch(seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(ROWS, 3, generator=generator, dtype=torch.float64) for _ in range(2)]


def joint(video: Tensor, audio: Tensor, ids: Tensor, weight: Tensor) -> PairBatch:
    """Vectors, and the same numbers as sequences of (T, H, d) = (4, 1, 1)."""
    mask = torch.ones(len(ids), 4, dtype=torch.bool)
    sides = [SideBatch(ids, x, x[..., None, None], mask, weight=weight) for x in (video, audio)]
    return PairBatch(*sides)


def weights() -> Tensor:
    return torch.linspace(0.5, 2, ROWS, dtype=torch.float64)


def new_loss() -> CrossModalLoss:
    return CrossModalLoss(vectors=InfoNCE(), sequences=InfoNCE()).double()


def gradients(modules: list[nn.Module], group: dist.ProcessGroup | None) -> list[Tensor]:
    """Averaged over the processes, as DistributedDataParallel does it (whose import alone takes ten seconds)."""
    found = [p.grad.clone() for module in modules for p in module.parameters()]
    for gradient in found if group is not None else []:
        dist.all_reduce(gradient, group=group)
        gradient /= dist.get_world_size(group)
    return found


def step(rows: slice, group: dist.ProcessGroup | None, chunk_rows: int | None) -> dict[str, object]:
    """Loss and gradients that one process gets for its rows; without a group, those of the whole batch."""
    parts, loss = towers(), new_loss()
    inputs = [side[rows] for side in whole_batch()]

    def value(video: Tensor, audio: Tensor) -> Tensor:
        batch = joint(video, audio, IDS[rows], weights()[rows])
        return loss(batch if group is None else gather_batch(batch, group))

    if chunk_rows is None:
        found = value(*(part(x) for part, x in zip(parts, inputs, strict=True)))
        found.backward()
    else:
        found = GradientCache(parts, chunk_rows).backward([(x,) for x in inputs], value)
    return {"loss": found.detach(), "gradients": gradients([*parts, loss], group)}


def remember(rows: slice, group: dist.ProcessGroup | None) -> dict[str, object]:
    """Three steps with a memory of earlier batches."""
    parts, memory = towers(), CrossBatchMemory(InfoNCE(), 4, size=20).double()
    for seed in range(3):
        sides = [part(x[rows]) for part, x in zip(parts, whole_batch(seed), strict=True)]
        batch = joint(*sides, IDS[rows] + seed, weights()[rows])
        found = memory(batch if group is None else gather_batch(batch, group))
        found.backward()
    return {"loss": found.detach(), "gradients": gradients([*parts, memory], group), "ids": memory.audio_ids}


def tiled(rows: slice, group: dist.ProcessGroup | None) -> dict[str, object]:
    """Losses whose blocks the processes share, one of them with a statistic of the columns."""
    parts = towers()
    losses = [TiledLoss(kind().double(), block_entries=16, group=group) for kind in (InfoNCE, LiftedStructure)]
    sides = [part(x[rows]) for part, x in zip(parts, whole_batch(), strict=True)]
    batch = joint(*sides, IDS[rows], weights()[rows])
    whole = batch if group is None else gather_batch(batch, group)
    found = torch.stack([loss(whole) for loss in losses]).sum()
    found.backward()
    return {"loss": found.detach(), "gradients": gradients([*parts, *losses], group)}


def refused(group: dist.ProcessGroup, rank: int) -> list[str]:
    """What a process says to rows that do not fit those of the others."""
    said = []
    batch = joint(*(x[:, :2] for x in whole_batch()), IDS, weights())
    lacking = joint(*whole_batch(), IDS, weights() if rank else None)
    for attempt in (
        lambda: gather_rows(torch.zeros(2, 3 + rank), group),
        lambda: gather_rows(torch.zeros(2, dtype=torch.int64 if rank else torch.float32), group),
        lambda: gather_rows(torch.zeros((), dtype=torch.float32), group),
        lambda: gather_batch(lacking, group),
    ):
        try:
            attempt()
            said.append("")
        except ValueError as error:
            said.append(str(error))
    assert len(gather_batch(batch, group).video.ids) == ROWS * dist.get_world_size(group)  # none waits for another
    return said


def plain_rows(group: dist.ProcessGroup, rank: int) -> list[Tensor]:
    frozen = torch.full((rank, 2), float(rank), requires_grad=rank == 1)  # only process 1 trains, 0 has no rows
    every = gather_rows(frozen, group)
    every.sum().backward()
    ints, flags = torch.full((rank,), rank), torch.ones(1, dtype=torch.bool)
    return [every.detach(), gather_rows(ints, group), gather_rows(flags, group), frozen.grad]


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder / 'store'}"
    dist.init_process_group("gloo", store, rank=rank, world_size=world, timeout=timedelta(seconds=60))
    results: dict[object, object] = {}
    for size, splits in COUNTS.items():
        group = dist.new_group(list(range(size)))
        if rank >= size:
            continue
        for counts in splits:
            begin = sum(counts[:rank])
            rows = slice(begin, begin + counts[rank])
            results[size, counts, "plain"] = step(rows, group, None)
            results[size, counts, "cached"] = step(rows, group, 2)
            results[size, counts, "tiled"] = tiled(rows, group)
            results[size, counts, "memory"] = remember(rows, group)
        results[size, "refused"] = refused(group, rank)
        results[size, "rows"] = plain_rows(group, rank)
    torch.save(results, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
