"""What an encoder with a network of its own is made of: the settings in its `encoder.json`."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from crossmodal.features import Side

Count = Annotated[int, Field(gt=0)]


class VideoSettings(BaseModel):
    """A video network over small pictures; defaults are small enough for two processor cores.

    Args:
        network: `r2plus1d_18` (Tran et al., CVPR 2018) or `swin3d_t` (Liu et al., CVPR 2022), as in torchvision.
        hop: seconds from row to row.
        frames: pictures a row.
        size: of the pictures, pixels, square: the whole picture is squeezed into it.
        depths: blocks of the four stages.
        width: channels of the first stage of `swin3d_t`, a multiple of 32; `r2plus1d_18` has 64.
        seed: of the first weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: Literal["r2plus1d_18", "swin3d_t"]
    hop: Annotated[float, Field(gt=0)] = 0.5
    frames: Literal[2, 4, 8] = 4
    size: Annotated[int, Field(ge=16)] = 56
    depths: tuple[Count, Count, Count, Count] = (2, 2, 2, 2)
    width: Annotated[int, Field(gt=0, multiple_of=32)] = 96
    seed: int = 0

    @property
    def side(self) -> Side:
        """What it looks at."""
        return "video"

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.frames / self.hop


class SoundSettings(BaseModel):
    """A convolutional net over log-mel spectra.

    Args:
        network: `log_mel`.
        hop: seconds from row to row.
        rate: samples a second.
        frames: spectra a row; they divide it into whole samples.
        window: samples of a spectrum.
        bands: of the mel scale, from 0 to half of `rate`.
        widths: channels of the blocks; each halves bands and frames.
        seed: of the first weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: Literal["log_mel"] = "log_mel"
    hop: Annotated[float, Field(gt=0)] = 0.5
    rate: Annotated[int, Field(ge=8000)] = 24_000
    frames: Count = 32
    window: Count = 1024
    bands: Count = 64
    widths: Annotated[tuple[Count, ...], Field(min_length=1)] = (32, 64, 128, 256)
    seed: int = 0

    @model_validator(mode="after")
    def _whole_steps(self) -> Self:
        samples = self.hop * self.rate / self.frames
        if abs(samples - round(samples)) > 1e-9 or round(samples) > self.window:
            raise ValueError(
                f"{self.frames} frames a row are {samples:g} samples each; that must be whole, at most window"
            )
        shrink = 2 ** len(self.widths)
        if self.frames % shrink or self.bands % shrink:
            raise ValueError(f"frames and bands must be multiples of {shrink}, as {len(self.widths)} blocks halve them")
        return self

    @property
    def side(self) -> Side:
        """What it hears."""
        return "audio"

    @property
    def step(self) -> int:
        """Samples from spectrum to spectrum."""
        return round(self.hop * self.rate / self.frames)


Settings = VideoSettings | SoundSettings

DEFAULTS: dict[str, Settings] = {
    "r2plus1d_18": VideoSettings(network="r2plus1d_18"),
    "swin3d_t": VideoSettings(network="swin3d_t", depths=(2, 2, 6, 2)),
    "log_mel": SoundSettings(),
}
