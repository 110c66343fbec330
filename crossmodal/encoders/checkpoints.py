"""Checkpoints of pretrained networks: read from this computer only, never fetched; safetensors only, no pickle."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from crossmodal.errors import ModelError, one_line
from crossmodal.features import Side

ROWS = "rows.json"  # beside a checkpoint that was trained here: its hop


@dataclass(frozen=True, slots=True)
class Family:
    """How the networks of one kind are loaded and read.

    Args:
        side: what they look at.
        network: class in transformers: the tower of that side, with the head that its training used.
        output: field of what it gives: (N, C).
        processor: class in transformers that finds the checkpoint's own.
        hop: seconds from row to row.
        batch: pictures or windows at once: fixed, as batches of other sizes round otherwise; small where each is large.
        seconds: of a window of sound, by the processor; pictures have none.
    """

    side: Side
    network: str
    output: str
    processor: str
    hop: float
    batch: int
    seconds: Callable[[Any], float] = lambda processor: 0.0


def _frames_of_10_ms(processor: Any) -> float:
    return processor.max_length / 100


def _longest(processor: Any) -> float:
    return processor.nb_max_samples / processor.sampling_rate


# One picture a second, and windows of ten seconds every 2.5 s, as MGSV reads CLIP and AST (Xin et al., ICCV 2025).
_CLIP = Family("video", "CLIPVisionModelWithProjection", "image_embeds", "AutoImageProcessor", 1.0, 16)
_SIGLIP = Family("video", "SiglipVisionModel", "pooler_output", "AutoImageProcessor", 1.0, 16)
_CLAP = Family("audio", "ClapAudioModelWithProjection", "audio_embeds", "AutoFeatureExtractor", 2.5, 4, _longest)
_AST = Family("audio", "ASTModel", "pooler_output", "AutoFeatureExtractor", 2.5, 4, _frames_of_10_ms)

# By `model_type` of a checkpoint's config: of the two towers together, or of ours alone.
FAMILIES: dict[str, Family] = {
    "clip": _CLIP,
    "clip_vision_model": _CLIP,
    "siglip": _SIGLIP,
    "siglip_vision_model": _SIGLIP,
    "clap": _CLAP,
    "clap_audio_model": _CLAP,
    "audio-spectrogram-transformer": _AST,
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was loaded: the network in eval mode with the weights' own dtype, what prepares its input, seconds a row."""

    family: Family
    network: torch.nn.Module
    processor: Any
    hop: float


def load_checkpoint(name: str, side: Side) -> Checkpoint:
    """A checkpoint by the folder that it stands in, or by its name in the local cache (`HF_HOME`).

    Raises:
        ModelError: it is not on this computer, is no network for this side, or is damaged; one line says what to do.
    """
    library = _library(name)
    _check_name(name)
    with quiet():
        config = _read(name, lambda: library.AutoConfig.from_pretrained(name, **_LOCAL))
        family = _family(name, config.model_type, side)
        finder = getattr(library, family.processor)
        processor = _read(name, lambda: finder.from_pretrained(name, **_LOCAL))
        tower = getattr(config, "vision_config", None) or getattr(config, "audio_config", None) or config
        if hasattr(config, "projection_dim"):
            tower.projection_dim = config.projection_dim  # a tower's own copy may be the default
        kind = getattr(library, family.network)
        network, report = _read(name, lambda: kind.from_pretrained(name, config=tower, **_LOCAL, **_WEIGHTS))
    missing = sorted(key for key in report["missing_keys"] if not key.endswith("position_ids"))
    if missing:
        raise ModelError(f"{name}: its weights lack {missing[0]!r} and {len(missing) - 1} more. Copy the folder again.")
    return Checkpoint(family, network.eval().requires_grad_(False), processor, _hop(name, family.hop))


def _hop(name: str, usual: float) -> float:
    """Of an encoder that was trained here, else the family's."""
    path = Path(name) / ROWS
    if not path.is_file():
        return usual
    try:
        hop = float(json.loads(path.read_text(encoding="utf-8"))["hop"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: is damaged. Copy the folder again.") from error
    if not 0 < hop <= 60:
        raise ModelError(f"{path}: a hop of {hop} s is none. Copy the folder again.")
    return hop


_LOCAL: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_WEIGHTS: Mapping[str, Any] = {"use_safetensors": True, "output_loading_info": True, "dtype": "auto"}


def _library(name: str) -> Any:
    try:
        import transformers  # seconds, and not needed for curves
    except ImportError as error:
        raise ModelError(
            f"{name}: pretrained encoders need transformers and torchvision: pip install 'crossmodal[pretrained]'."
        ) from error
    return transformers


def _check_name(name: str) -> None:
    if Path(name).is_dir():
        return
    owner, _, rest = name.partition("/")
    if not owner or not rest or "/" in rest or owner in (".", "..", "~"):
        raise ModelError(f"{name}: there is no such folder. Name a checkpoint's folder, or OWNER/NAME.")


def _family(name: str, model_type: str, side: Side) -> Family:
    family = FAMILIES.get(model_type)
    if family is None:
        known = "CLIP and SigLIP for video, CLAP and AST for audio"
        raise ModelError(f"{name}: a network of type {model_type!r} is no encoder here. There are {known}.")
    if family.side != side:
        raise ModelError(f"{name}: a network of type {model_type!r} is an encoder of {family.side}, not of {side}.")
    return family


def _read(name: str, load: Callable[[], Any]) -> Any:
    """What `load` gives; its many errors as one line."""
    try:
        return load()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        if Path(name).is_dir() or _is_cached(name):
            reason = one_line(str(error), 200).rstrip(".")
            raise ModelError(
                f"{name}: cannot be loaded ({reason}). It must hold config.json, preprocessor_config.json and weights "
                "as safetensors, not pickled (docs/encoders.md: how to convert them)."
            ) from error
        raise ModelError(
            f"{name}: is not on this computer, and nothing is fetched. Set HF_HOME to the cache that holds it, or name "
            f"its folder; where there is a network, `hf download {name}` gets it (gated weights after their licence "
            "was accepted there)."
        ) from error
    except ImportError as error:  # a processor without its backend
        raise ModelError(f"{name}: needs a further package ({one_line(str(error), 160)}).") from error


def _is_cached(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache  # comes with transformers

    return isinstance(try_to_load_from_cache(name, "config.json"), str)


@contextmanager
def quiet() -> Iterator[None]:
    """The library prints nothing: neither bars nor reports; what matters becomes an error here."""
    from transformers.utils import logging as log

    level, had_bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if had_bars:
            log.enable_progress_bar()
