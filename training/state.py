"""States to resume from: written beside and moved, so that half a state never stands under the real name."""

import os
from pathlib import Path
from typing import Any

import torch

from crossmodal.errors import ConfigError, CrossmodalError

STATE, FAILED = "state.pt", "failed.pt"


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state.

    Raises:
        CrossmodalError: there is no room; what stood there before is whole.
    """
    beside = path.with_name(path.name + ".part")
    try:
        torch.save(state, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, RuntimeError) as error:  # torch's writer gives a RuntimeError where a disk is full
        beside.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or "the disk may be full"
        raise CrossmodalError(
            f"{path}: cannot be written ({reason}). The state before it is whole: make room and go on with --resume."
        ) from error


def load_state(path: Path, config: str) -> dict[str, Any] | None:
    """The state that stands there, or None.

    Args:
        path: of the state.
        config: the settings it must be of, as text.

    Raises:
        ConfigError: it is of other settings.
        CrossmodalError: it cannot be read.
    """
    if not path.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # whatever torch makes of a file that is none of its own
        raise CrossmodalError(f"{path}: cannot be read. Delete it to begin anew, or put back a copy.") from error
    if state.get("config") != config:
        raise ConfigError(
            f"{path}: belongs to other settings. Train into a new folder, or repeat the settings of that run."
        )
    return state
