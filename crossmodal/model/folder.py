"""A model folder: `config.json`, `model.safetensors`, `calibration.json`, `README.md`. No pickle."""

import json
import typing
from pathlib import Path

import safetensors.torch
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor

from crossmodal.errors import ModelError
from crossmodal.model.config import FORMAT, ModelConfig, explain

if typing.TYPE_CHECKING:
    from crossmodal.model.two_tower import TwoTowerModel

BUNDLED = Path(__file__).resolve().parents[1] / "weights"
CONFIG, WEIGHTS, CALIBRATION, CARD = "config.json", "model.safetensors", "calibration.json", "README.md"


def bundled_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob(f"*/{CONFIG}"))


def find_folder(name_or_folder: str | Path) -> Path:
    """The folder of a model, by path or by the name of a bundled one; a folder of that path goes first.

    Raises:
        ModelError: neither is there.
    """
    folder = Path(name_or_folder)
    if (folder / CONFIG).is_file():
        return folder
    if str(name_or_folder) in bundled_models():
        return BUNDLED / str(name_or_folder)
    known = ", ".join(bundled_models()) or "none"
    trouble = f"has no {CONFIG}" if folder.is_dir() else "is no folder"
    raise ModelError(
        f"{name_or_folder}: {trouble}, so it is no model. Name a model folder, or a bundled model: {known}."
    )


def read_folder(name_or_folder: str | Path) -> tuple[Path, ModelConfig, dict[str, Tensor]]:
    """Folder, config and weights of a model.

    Raises:
        ModelError: one line: what is missing, damaged or too new, and what to do.
    """
    folder = find_folder(name_or_folder)
    return folder, _read_config(folder / CONFIG), _read_weights(folder / WEIGHTS)


def write_folder(model: "TwoTowerModel", folder: Path, card: str | None) -> None:
    """Write a model's files into `folder`; each stands under its name only when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_encoders(model, folder)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    _write_whole(folder / WEIGHTS, safetensors.torch.save(weights, metadata={"format": "pt"}))
    _write_whole(folder / CONFIG, (model.config.model_dump_json(indent=2) + "\n").encode())
    if card is not None or not (folder / CARD).exists():
        text = (
            card
            if card is not None
            else f"# {model.config.name}\n\nA crossmodal two-tower model. No card was written for it.\n"
        )
        _write_whole(folder / CARD, text.encode())
    _carry_calibration(model, folder)


def _write_encoders(model: "TwoTowerModel", folder: Path) -> None:
    """Networks of the model's own, each in a folder named after its side, and their names into its config."""
    for side, encoder in model.own_encoders().items():
        encoder.save(folder / side)  # type: ignore[attr-defined]  # all of these have it
        named = {"encoder": side, "encoder_fingerprint": encoder.fingerprint}
        settings = getattr(model.config, side).model_copy(update=named)
        model.config = model.config.model_copy(update={side: settings})


def _carry_calibration(model: "TwoTowerModel", folder: Path) -> None:
    """Calibration belongs to weights and config: it goes along with them, and none stays beside others."""
    source = model.folder if model.is_as_loaded else None
    if source is not None and source.resolve() == folder.resolve():
        return
    (folder / CALIBRATION).unlink(missing_ok=True)
    if source is not None and (source / CALIBRATION).is_file():
        _write_whole(folder / CALIBRATION, (source / CALIBRATION).read_bytes())


def _read_config(path: Path) -> ModelConfig:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}). Copy the model folder again.") from error
    version = raw.get("format") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise ModelError(f"{path}: format {version} is newer than this version reads ({FORMAT}). Update crossmodal.")
    try:
        return ModelConfig.model_validate(raw)
    except ValidationError as error:
        raise ModelError(f"{path}: {explain(error, ModelConfig)}") from error


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        # Copied out of the mapped file: kernels take other paths for other alignments, and the last bits would differ.
        return {name: tensor.clone() for name, tensor in safetensors.torch.load_file(path).items()}
    except FileNotFoundError as error:
        raise ModelError(f"{path}: is missing. Copy the whole model folder again.") from error
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: is damaged ({error}). Copy the model folder again.") from error


def _write_whole(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)
