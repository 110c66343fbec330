"""TwoTowerModel: a video tower and an audio tower that end in one space."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import nn

from crossmodal.embedding import Embedding
from crossmodal.encoders import NETWORKS, make_encoder
from crossmodal.errors import ModelError, one_line
from crossmodal.features import Encoder, Features, Side, Source, at_hop
from crossmodal.model.config import ModelConfig, SideConfig
from crossmodal.model.embedding import embed_features
from crossmodal.model.folder import CONFIG, WEIGHTS, read_folder, write_folder
from crossmodal.model.towers import TOWERS

SIDES: tuple[Side, Side] = ("video", "audio")


class TwoTowerModel(nn.Module):
    """Embeds clips and tracks into one space; see DESIGN §3.2.

    `model.video(values (N, T, C), mask (N, T))` and `model.audio(...)` are the towers on tensors, for training;
    `embed`, `embed_video` and `embed_audio` give NumPy.

    Args:
        config: what it is made of.

    Example:
        >>> model = TwoTowerModel(ModelConfig())
        >>> vector, sequence = model.video(torch.zeros(2, 90, 37), torch.ones(2, 90, dtype=torch.bool))
        >>> vector.shape, sequence.shape
        (torch.Size([2, 128]), torch.Size([2, 90, 8, 2]))
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.folder: Path | None = None
        self.video = TOWERS[config.tower](config, config.video)
        self.audio = TOWERS[config.tower](config, config.audio)
        self._loaded = ""
        self._encoders: dict[Side, Encoder] | None = None

    @property
    def encoders(self) -> dict[Side, Encoder]:
        """What makes Features for each tower; made when first asked for.

        Raises:
            ModelError: the installed encoder is not the one that the model was trained on.
        """
        if self._encoders is None:
            self._encoders = {side: self._encoder(side, getattr(self.config, side)) for side in SIDES}
        return self._encoders

    def own_encoders(self) -> dict[Side, Encoder]:
        """Encoders that belong into the model's folder: networks of its own, and checkpoints that were trained on."""
        settings: dict[Side, SideConfig] = {side: getattr(self.config, side) for side in SIDES}
        own = {side for side in SIDES if settings[side].encoder in (*NETWORKS, side)}
        if self._encoders is not None:
            known = self._encoders
            own |= {side for side in SIDES if known[side].fingerprint != settings[side].encoder_fingerprint}
        return {side: self.encoders[side] for side in SIDES if side in own and hasattr(self.encoders[side], "save")}

    @property
    def fingerprint(self) -> str:
        """Hash of weights and config, hex: part of every embedding's key."""
        digest = hashlib.sha256(self.config.identity().encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().numpy().astype("<f4").tobytes())
        return digest.hexdigest()[:32]

    @property
    def is_as_loaded(self) -> bool:
        """Whether weights and config are those of `folder`."""
        return self.folder is not None and self.fingerprint == self._loaded

    def embed(self, features: Features, side: Side, *, start: float = 0.0, end: float | None = None) -> Embedding:
        """The embedding of one medium, or of a span of it; the same bits whatever else is embedded.

        Args:
            features: made by the encoder of that side; if its hop is not the model's, they are brought to that.
            side: `video` or `audio`.
            start, end: seconds, rounded to a hop; end None is the end. Level, mean and deviation are taken over the
                span, and the times of its segments count from its start.

        Raises:
            ModelError: features of another encoder, or a span that holds no row.
        """
        settings: SideConfig = getattr(self.config, side)
        features = self._at_own_hop(features, settings, side)
        if features.values.shape[1] != settings.channels or not np.isclose(features.hop, self.config.hop):
            raise ModelError(
                f"model {self.config.name!r} takes {side} features of {settings.channels} channels every "
                f"{self.config.hop} s, got {features.values.shape[1]} every {features.hop} s. "
                f"Make them with the model's own encoder, {settings.encoder!r}."
            )
        return embed_features(getattr(self, side), features, self.config, start, end)

    def embed_video(self, source: Source, *, start: float = 0.0, end: float | None = None) -> Embedding:
        """The embedding of a film's pictures. Raises MediaError as the encoder does."""
        return self.embed(self.encoders["video"].features(source), "video", start=start, end=end)

    def embed_audio(self, source: Source, *, start: float = 0.0, end: float | None = None) -> Embedding:
        """The embedding of a sound file, or of a film's sound. Raises MediaError as the encoder does."""
        return self.embed(self.encoders["audio"].features(source), "audio", start=start, end=end)

    def save_pretrained(self, folder: str | Path, *, card: str | None = None) -> None:
        """Write `config.json`, `model.safetensors` and `README.md` into `folder`, trained encoders into `folder/SIDE`.

        The config then names those encoders by side and by their present weights.

        The calibration of the folder that the model came from goes along while weights and config are the same; one
        that stands in `folder` for another model is removed.

        Args:
            folder: made if it is not there.
            card: text of the model card; None keeps the one in `folder`, or writes a plain one.
        """
        write_folder(self, Path(folder), card)

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path) -> "TwoTowerModel":
        """Read a model folder, or a bundled model by its name (`compact`); in eval mode.

        Raises:
            ModelError: nothing there, or not a model that this version reads; one line says what to do.
        """
        folder, config, weights = read_folder(name_or_folder)
        with torch.device("meta"):  # no first weights: they would cost time and move the global generator
            model = cls(config)
        try:
            model.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            raise ModelError(
                f"{folder / WEIGHTS}: the weights are not those that {CONFIG} describes "
                f"({one_line(str(error), 160)}). Copy the whole model folder again."
            ) from error
        model.folder, model._loaded = folder, model.fingerprint
        return model.eval()

    def _at_own_hop(self, features: Features, settings: SideConfig, side: Side) -> Features:
        """Features in the model's hop, if they are those of its own encoder, whose pace is another."""
        if np.isclose(features.hop, self.config.hop) or features.values.shape[1] != settings.channels:
            return features
        is_own = np.isclose(features.hop, self.encoders[side].hop)
        return at_hop(features, self.config.hop) if is_own else features

    def _encoder(self, side: Side, settings: SideConfig) -> Encoder:
        inside = self.folder / settings.encoder if self.folder is not None else None
        encoder = make_encoder(str(inside) if inside is not None and inside.is_dir() else settings.encoder, side)
        if settings.encoder_fingerprint not in ("", encoder.fingerprint):
            raise ModelError(
                f"the model was trained on {side} features of {settings.encoder_fingerprint!r}, and this version makes "
                f"{encoder.fingerprint!r}. Train it again, or install the version of crossmodal that it was made with."
            )
        return encoder
