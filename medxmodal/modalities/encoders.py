"""2D image encoders by name, behind one adapter that gives a feature map.

`small` is built from MONAI's residual units with group norm and an output stride of four, so that
small lesions survive and maps have cells to show. The others are MONAI's own networks; batch norm is
replaced by group norm where they learn, so that no study's output depends on others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from medxmodal.errors import RecipeError
from medxmodal.modalities.weights import EFFICIENTNET_LITE1, PackagedWeights, efficientnet_lite1

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

GROUPS: tuple[str, dict[str, int]] = ("group", {"num_groups": 4})


class Encoder(nn.Module):
    """A network that gives a feature map.

    Args:
        body: From normalised pixels (batch, channels, rows, columns) to (batch, features, r, c).
        channels: Image channels it takes.
        features: Channels it gives.
        mean: Subtracted from pixels in 0..1; None standardises every image by itself.
        spread: Divides after that.
    """

    def __init__(
        self, body: nn.Module, channels: int, features: int, mean: float | None = None, spread: float = 1.0
    ) -> None:
        super().__init__()
        self.body, self.channels, self.features, self.mean, self.spread = (
            body,
            channels,
            features,
            mean,
            spread,
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Feature map of pixels in 0..1."""
        if self.mean is None:
            centre = pixels.mean((1, 2, 3), keepdim=True)
            scale = pixels.std((1, 2, 3), keepdim=True).clamp_min(1e-3)
            scaled = (pixels - centre) / scale
        else:
            scaled = (pixels - self.mean) / self.spread
        found: Tensor = self.body(scaled)
        return found


@dataclass(frozen=True)
class EncoderChoice:
    """An encoder by name: how to make it, its default image side and packaged weights if any."""

    make: Callable[[int], Encoder]
    side: int
    channels: int
    packaged: PackagedWeights | None = None


class _Features(nn.Module):
    """A network's feature extractor as its forward pass."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network, self.method = network, method

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = getattr(self.network, self.method)(x)
        return found


def _small(channels: int) -> Encoder:
    from monai.networks.blocks import ResidualUnit

    widths, strides = (16, 24, 32, 32), (2, 2, 1, 1)
    units, inward = [], channels
    for width, stride in zip(widths, strides, strict=True):
        units.append(ResidualUnit(2, inward, width, strides=stride, subunits=2, act="RELU", norm=GROUPS))
        inward = width
    return Encoder(_out_of_place(nn.Sequential(*units)), channels, inward)


def _densenet121(channels: int) -> Encoder:
    from monai.networks.nets import DenseNet121

    network = DenseNet121(2, channels, 1, norm=GROUPS)
    width = network.class_layers.out.in_features  # type: ignore[union-attr]
    return Encoder(_out_of_place(network.features), channels, int(width))  # type: ignore[arg-type]


def _resnet18(channels: int) -> Encoder:
    from monai.networks.nets import resnet18

    network = resnet18(
        spatial_dims=2, n_input_channels=channels, num_classes=1, norm=GROUPS, conv1_t_stride=2
    )
    body = nn.Sequential(
        network.conv1, network.bn1, nn.ReLU(), network.maxpool,
        network.layer1, network.layer2, network.layer3, network.layer4,
    )  # fmt: skip
    return Encoder(_out_of_place(_group_norms(body)), channels, 512)


def _efficientnet_lite1(channels: int) -> Encoder:
    del channels
    return Encoder(
        _Features(_out_of_place(efficientnet_lite1()), "extract_features"), 3, 1280, 127 / 255, 128 / 255
    )


def _group_norms(module: nn.Module) -> nn.Module:
    """Every batch norm replaced in place: MONAI's ResNet keeps them in its blocks whatever it is told."""
    for name, part in module.named_children():
        if isinstance(part, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(GROUPS[1]["num_groups"], part.num_features))
        else:
            _group_norms(part)
    return module


def _out_of_place(module: nn.Module) -> nn.Module:
    for part in module.modules():
        if hasattr(part, "inplace"):
            part.inplace = False  # type: ignore[assignment]
    return module


ENCODERS: dict[str, EncoderChoice] = {
    "small": EncoderChoice(_small, 64, 1),
    "densenet121": EncoderChoice(_densenet121, 224, 1),
    "resnet18": EncoderChoice(_resnet18, 224, 1),
    "efficientnet_lite1": EncoderChoice(_efficientnet_lite1, 240, 3, EFFICIENTNET_LITE1),
}


def choose(name: str) -> EncoderChoice:
    """The encoder of this name.

    Raises:
        RecipeError: There is none; the message lists those there are.
    """
    if name not in ENCODERS:
        raise RecipeError(f"unknown image encoder '{name}'", hint=f"Use one of: {', '.join(ENCODERS)}.")
    return ENCODERS[name]


def pooled_tokens(feature_map: Tensor, grid: int) -> Tensor:
    """The mean over the map and the means of a grid of regions, (batch, 1 + grid * grid, features)."""
    mean = feature_map.mean((2, 3))[:, None]
    regions = torch.nn.functional.adaptive_avg_pool2d(feature_map, grid).flatten(2).transpose(1, 2)
    return torch.cat([mean, regions], dim=1)


def peak_tokens(feature_map: Tensor, grid: int) -> Tensor:
    """The maximum over the map and the maxima of a grid of regions, the same shape."""
    regions = torch.nn.functional.adaptive_max_pool2d(feature_map, grid).flatten(2).transpose(1, 2)
    return torch.cat([feature_map.amax((2, 3))[:, None], regions], dim=1)
