"""A pretrained tower as a network over rows: (N, T, ...) of what its reader gives -> (N, T, C), with gradients."""

from typing import Any

import torch
from torch import Tensor, nn

from crossmodal.encoders.checkpoints import Checkpoint


class PretrainedNetwork(nn.Module):
    """The tower, and what its processor does to pictures behind cutting them to shape.

    Attributes:
        tower: the network of transformers.
        was_trained: whether a forward pass has been made with weights that learn.

    Args:
        loaded: checkpoint.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, loaded: Checkpoint) -> None:
        super().__init__()
        self.tower: Any = loaded.network
        self.family = loaded.family
        self.was_trained = False
        self._is_clap = loaded.processor.model_input_names[0] == "input_features" and loaded.family.side == "audio"
        if loaded.family.side == "video":
            scale = loaded.processor.rescale_factor
            for name, values in (("mean", loaded.processor.image_mean), ("deviation", loaded.processor.image_std)):
                self.register_buffer(name, torch.tensor(values)[:, None, None] / scale, persistent=False)

    def forward(self, raw: Tensor) -> Tensor:
        """(N, T, 3, H, W) pictures, 0 to 255, or (N, T, ...) processed windows of sound -> (N, T, C)."""
        self.was_trained |= self.training and any(p.requires_grad for p in self.parameters())
        return self.embed(self._inputs(raw.flatten(0, 1))).unflatten(0, raw.shape[:2])

    def embed(self, inputs: dict[str, Tensor]) -> Tensor:
        """(N, C) of what the processor makes."""
        rows: Tensor = getattr(self.tower(**inputs), self.family.output)
        return rows

    def blocks(self) -> list[nn.Module]:
        """What stands before the layers, each layer, and what stands behind them; empty ones are left out."""
        before, layers, behind = _split(self.tower)
        ends = [nn.ModuleList(before), nn.ModuleList(behind)]
        return [part for part in (ends[0], *layers, ends[1]) if any(True for _ in part.parameters())]

    def _inputs(self, rows: Tensor) -> dict[str, Tensor]:
        rows = rows.to(next(self.parameters()).dtype)
        if self.family.side == "video":
            return {"pixel_values": (rows - self.mean) / self.deviation}
        if self._is_clap:
            return {"input_features": rows, "is_longer": rows.new_zeros((len(rows), 1), dtype=torch.bool)}
        return {"input_values": rows}


def _split(module: nn.Module) -> tuple[list[nn.Module], list[nn.Module], list[nn.Module]]:
    """Modules before the first list of layers inside `module`, the layers, and the modules behind it."""
    if isinstance(module, nn.ModuleList):
        return [], list(module), []
    children = list(module.children())
    for at, child in enumerate(children):
        if any(isinstance(inner, nn.ModuleList) for inner in child.modules()):
            before, layers, behind = _split(child)
            return children[:at] + before, layers, behind + children[at + 1 :]
    return [module], [], []
