"""Networks that are trained from raw media: torchvision's video networks, and a convolutional net over log-mel spectra.

Each takes (N, T, ...) and gives (N, T, C), one row a hop, standardised over what it is trained on: the tower behind it
needs no statistics of its own.
"""

from typing import Any

import torch
from torch import Tensor, nn

from crossmodal.encoders.network_settings import Settings, SoundSettings, VideoSettings
from crossmodal.errors import ModelError

# Of the pictures that torchvision's weights were trained on, so that those fit where a file of them is at hand.
KINETICS = (0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989)
USUAL_DB, USUAL_DEVIATION = -45.0, 20.0  # of music, roughly; the norm by band learns the rest
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def make_network(settings: Settings) -> "RowNetwork":
    """A network with first weights of the settings' seed; the global generator stays where it was.

    Raises:
        ModelError: torchvision is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if isinstance(settings, SoundSettings):
            return LogMelNetwork(settings)
        return R2Plus1D(settings) if settings.network == "r2plus1d_18" else Swin3D(settings)


class RowNetwork(nn.Module):
    """What is common to them: rows (N, T, C) that a BatchNorm without weights standardises at the end."""

    channels: int

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.standardise = nn.BatchNorm1d(channels, affine=False)

    def rows(self, maps: Tensor, n_rows: int) -> Tensor:
        """(N, C, T') of T' = k T steps -> (N, T, C)."""
        steps = maps.unflatten(2, (n_rows, -1)).mean(3)  # (N, C, T)
        standard: Tensor = self.standardise(steps)
        return standard.transpose(1, 2)

    def blocks(self) -> list[nn.Module]:
        """Parts from input to output; each parameter belongs to one."""
        raise NotImplementedError


class _Pictures(nn.Module):
    """uint8 or float pictures 0 to 255 (N, T, F, 3, H, W) -> standardised (N, 3, T F, H, W)."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(mean)[:, None, None, None])
        self.register_buffer("deviation", 255 * torch.tensor(deviation)[:, None, None, None])

    def forward(self, raw: Tensor) -> Tensor:
        pictures = raw.flatten(1, 2).transpose(1, 2).to(self.mean.dtype)  # (N, 3, T F, H, W)
        return (pictures - self.mean) / self.deviation


class R2Plus1D(RowNetwork):
    """R(2+1)D: convolutions over space and over time in turn (Tran et al., CVPR 2018).

    The last stages keep their steps in time where the original halves them, so that one step is left a row.

    Args:
        settings: of it.
    """

    def __init__(self, settings: VideoSettings) -> None:
        super().__init__(512)
        video = _torchvision(settings.network)
        resnet = video.resnet
        net = resnet.VideoResNet(
            resnet.BasicBlock, [resnet.Conv2Plus1D] * 4, list(settings.depths), resnet.R2Plus1dStem, num_classes=1
        )
        self.pictures = _Pictures(*KINETICS)
        self.stem = net.stem
        self.stages = nn.ModuleList([net.layer1, net.layer2, net.layer3, net.layer4])
        for stage in list(self.stages)[settings.frames.bit_length() :]:
            _keep_time(stage)

    def forward(self, raw: Tensor) -> Tensor:
        """(N, T, F, 3, H, W) pictures, 0 to 255 -> (N, T, 512)."""
        maps = self.stem(self.pictures(raw))
        for stage in self.stages:
            maps = stage(maps)  # (N, C, T, H, W)
        return self.rows(maps.mean((3, 4)), raw.shape[1])

    def blocks(self) -> list[nn.Module]:
        """Stem and four stages."""
        return [self.stem, *self.stages[:-1], nn.ModuleList([self.stages[-1], self.standardise])]


class Swin3D(RowNetwork):
    """Video Swin Transformer: attention inside windows of space and time (Liu et al., CVPR 2022).

    Args:
        settings: of it.
    """

    def __init__(self, settings: VideoSettings) -> None:
        super().__init__(8 * settings.width)
        swin = _torchvision(settings.network).swin_transformer.SwinTransformer3d(
            patch_size=[2, 4, 4],
            embed_dim=settings.width,
            depths=list(settings.depths),
            num_heads=[settings.width * 2**stage // 32 for stage in range(4)],
            window_size=[8, 7, 7],
            num_classes=1,
        )
        self.pictures = _Pictures(*IMAGENET)
        self.enter, self.stages, self.norm = swin.patch_embed, swin.features, swin.norm

    def forward(self, raw: Tensor) -> Tensor:
        """(N, T, F, 3, H, W) pictures, 0 to 255 -> (N, T, 8 width)."""
        maps = self.norm(self.stages(self.enter(self.pictures(raw))))  # (N, T F / 2, h, w, C)
        return self.rows(maps.mean((2, 3)).transpose(1, 2), raw.shape[1])

    def blocks(self) -> list[nn.Module]:
        """Patches, then each stage with the merging before it."""
        stages = [nn.ModuleList(self.stages[max(0, at - 1) : at + 1]) for at in range(0, len(self.stages), 2)]
        stages[-1].extend([self.norm, self.standardise])
        return [self.enter, *stages]


class LogMelNetwork(RowNetwork):
    """Pairs of 3 x 3 convolutions, each pair halving bands and time, as Kong et al. (TASLP 2020) lay them.

    Args:
        settings: of it.
    """

    def __init__(self, settings: SoundSettings) -> None:
        super().__init__(settings.widths[-1])
        self.by_band = nn.BatchNorm1d(settings.bands)
        before = [1, *settings.widths[:-1]]
        self.layers = nn.ModuleList(_ConvBlock(*ends) for ends in zip(before, settings.widths, strict=True))

    def forward(self, raw: Tensor) -> Tensor:
        """(N, T, bands, F) log-mel in decibels -> (N, T, C)."""
        n_rows = raw.shape[1]
        spectra = raw.transpose(1, 2).flatten(2).to(self.by_band.weight.dtype)  # (N, bands, T F)
        spectra = (spectra - USUAL_DB) / USUAL_DEVIATION
        maps = self.by_band(spectra)[:, None]  # (N, 1, bands, T F)
        for layer in self.layers:
            maps = layer(maps)
        return self.rows(maps.mean(2), n_rows)

    def blocks(self) -> list[nn.Module]:
        """The pairs of convolutions; the norm by band belongs to the first."""
        blocks = [nn.ModuleList([layer]) for layer in self.layers]
        blocks[0].insert(0, self.by_band)
        blocks[-1].append(self.standardise)
        return list(blocks)


class _ConvBlock(nn.Sequential):
    def __init__(self, before: int, width: int) -> None:
        layers: list[nn.Module] = []
        for given in (before, width):
            layers += [nn.Conv2d(given, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        super().__init__(*layers, nn.AvgPool2d(2))


def _keep_time(stage: nn.Module) -> None:
    """A stage whose convolutions leave every step in time."""
    for module in stage.modules():
        if isinstance(module, nn.Conv3d):
            module.stride = (1, *module.stride[1:])


def _torchvision(name: str) -> Any:
    try:
        from torchvision.models import video  # seconds, and not needed for curves
    except ImportError as error:
        raise ModelError(f"{name}: needs torchvision: pip install 'crossmodal[pretrained]'.") from error
    return video
