"""Batches larger than the towers can hold: gradients of the whole batch, the towers run on a few rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

Output = Tensor | tuple[Tensor, ...]
Tower = Callable[..., Output]


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Some rows of one tower's inputs, and the random state with which it ran on them."""

    inputs: tuple[Tensor, ...]
    state: list[Tensor]
    devices: list[torch.device]


class GradientCache:
    """Adds to `.grad` what `loss(...).backward()` would, holding one chunk of one tower at a time.

    Gao et al., RepL4NLP 2021: a first pass without a graph, the loss on all rows and its gradient by what the towers
    gave, then each chunk once more with that gradient. Dropout falls alike in both passes. It is exact but for layers
    that mix rows (batch normalisation), which see chunks, and for the order of sums. The matrix of the loss stays;
    `TiledLoss` is for that. Constants of the loss get their gradient as well.

    With `DistributedDataParallel` towers the processes meet in the last chunk only; with `gather_rows` in the loss the
    gradients are those of one process. Run it inside the caller's autocast; a scaled loss is scaled by `loss` itself.

    Args:
        towers: functions of tensors (rows, ...) that give a tensor (rows, ...) or a tuple of them.
        chunk_rows: rows at a time, at least 1.

    Example:
        >>> tower, rows = torch.nn.Linear(3, 2), torch.randn(5, 3)
        >>> cache = GradientCache([tower, tower], chunk_rows=2)
        >>> value = cache.backward([(rows,), (rows + 1,)], lambda video, audio: (video * audio).mean())
        >>> tower.weight.grad.shape
        torch.Size([2, 3])
    """

    def __init__(self, towers: Sequence[Tower], chunk_rows: int) -> None:
        if chunk_rows < 1:
            raise ValueError(f"GradientCache: chunk_rows is {chunk_rows}; it must be at least 1")
        self.towers, self.chunk_rows = list(towers), chunk_rows

    def backward(self, inputs: Sequence[tuple[Tensor, ...]], loss: Callable[..., Tensor]) -> Tensor:
        """The loss, a scalar without a graph; gradients are added as by `Tensor.backward`.

        Args:
            inputs: for each tower its tensors, all with the same number of rows.
            loss: of what each tower gave for all rows: a tensor each, or a tuple of them where the tower gives one.

        Raises:
            ValueError: not one tuple of inputs a tower, or inputs of different numbers of rows.
        """
        chunks = self._chunks(inputs)
        leaves = [_joined(self._without_graph(tower, part)) for tower, part in zip(self.towers, chunks, strict=True)]
        value = loss(*leaves)
        value.backward()
        for tower, part, leaf in zip(self.towers, chunks, leaves, strict=True):
            self._with_graph(tower, part, _as_tuple(leaf))
        return value.detach()

    def _chunks(self, inputs: Sequence[tuple[Tensor, ...]]) -> list[list[_Chunk]]:
        if len(inputs) != len(self.towers):
            raise ValueError(f"GradientCache: {len(inputs)} inputs for {len(self.towers)} towers; give one tuple each")
        for at, tensors in enumerate(inputs):
            if len({len(tensor) for tensor in tensors}) != 1:
                shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
                raise ValueError(f"GradientCache: the inputs of tower {at} are {shapes}; they must share their rows")
        return [
            [_chunk(parts) for parts in zip(*(tensor.split(self.chunk_rows) for tensor in tensors), strict=True)]
            for tensors in inputs
        ]

    @staticmethod
    @torch.no_grad()
    def _without_graph(tower: Tower, chunks: list[_Chunk]) -> list[Output]:
        runs = []
        for chunk in chunks:
            chunk.state.extend(_random_state(chunk.devices))
            runs.append(tower(*chunk.inputs))
        return runs

    @staticmethod
    def _with_graph(tower: Tower, chunks: list[_Chunk], leaves: tuple[Tensor, ...]) -> None:
        first = 0
        for at, chunk in enumerate(chunks):
            last = first + len(chunk.inputs[0])
            meet = nullcontext() if at == len(chunks) - 1 else _no_sync(tower)
            with meet, _replayed(chunk):
                pairs = zip(_as_tuple(tower(*chunk.inputs)), leaves, strict=True)
                trained = [(out, leaf) for out, leaf in pairs if out.requires_grad]
                gradients = [_gradient(leaf)[first:last] for _, leaf in trained]
                if trained:
                    torch.autograd.backward([out for out, _ in trained], gradients)
            first = last


def _as_tuple(output: Output) -> tuple[Tensor, ...]:
    return (output,) if isinstance(output, Tensor) else output


def _joined(runs: list[Output]) -> Output:
    """The rows of all chunks, cut from the graph."""
    if isinstance(runs[0], Tensor):
        return _leaf(torch.cat([_as_tuple(run)[0] for run in runs]))
    return tuple(_leaf(torch.cat(parts)) for parts in zip(*runs, strict=True))


def _gradient(leaf: Tensor) -> Tensor:
    # What the loss does not look at has gradient 0, and its tower still runs: other processes may wait for it.
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def _leaf(rows: Tensor) -> Tensor:
    return rows.requires_grad_(rows.is_floating_point())


def _chunk(inputs: tuple[Tensor, ...]) -> _Chunk:
    devices = sorted({tensor.device for tensor in inputs if tensor.device.type == "cuda"}, key=str)
    return _Chunk(inputs, [], devices)


def _random_state(devices: list[torch.device]) -> list[Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]


@contextmanager
def _replayed(chunk: _Chunk) -> Iterator[None]:
    with torch.random.fork_rng(devices=chunk.devices):
        torch.set_rng_state(chunk.state[0])
        for device, state in zip(chunk.devices, chunk.state[1:], strict=True):
            torch.cuda.set_rng_state(state, device)
        yield


def _no_sync(tower: Tower) -> AbstractContextManager[None]:
    return tower.no_sync() if hasattr(tower, "no_sync") else nullcontext()
