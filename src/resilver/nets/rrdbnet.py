"""RRDBNet: enlarges photos by a chain of densely connected residual blocks.

Reference: Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks" (2018);
with a pixel-unshuffled input for x2 and x1 as in Wang et al., "Real-ESRGAN" (2021). Parameters are
named and shaped as in the official checkpoints, which load as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.unet import pad_to_multiple

_SLOPE, _RESIDUAL = 0.2, 0.2


@dataclass(frozen=True)
class RRDBNetConfig:
    """Shape of an RRDBNet."""

    scale: int = 4  # 1, 2 or 4
    features: int = 64
    blocks: int = 23
    growth: int = 32  # channels that each convolution of a dense block adds

    def __post_init__(self) -> None:
        if self.scale not in (1, 2, 4):
            raise ValueError(f"an RRDBNet enlarges 1, 2 or 4 times, not {self.scale}")

    @property
    def fold(self) -> int:
        """Pixels of a side that are folded into channels first: the body then works at a quarter.

        The network itself always enlarges 4 times.
        """
        return 4 // self.scale


class _DenseBlock(nn.Module):
    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for index in range(5):
            outputs = growth if index < 4 else features
            layer = nn.Conv2d(features + index * growth, outputs, 3, padding=1)
            self.add_module(f"conv{index + 1}", layer)

    def forward(self, x: Tensor) -> Tensor:
        *inner, last = self.children()
        seen = [x]
        for layer in inner:
            seen.append(F.leaky_relu(layer(torch.cat(seen, dim=1)), _SLOPE))
        return x + _RESIDUAL * last(torch.cat(seen, dim=1))


class _Block(nn.Module):
    """Residual in residual: three dense blocks."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _DenseBlock(features, growth)
        self.rdb2 = _DenseBlock(features, growth)
        self.rdb3 = _DenseBlock(features, growth)

    def forward(self, x: Tensor) -> Tensor:
        return x + _RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """(N, 3, H, W) -> (N, 3, scale H, scale W), in [0, 1]."""

    def __init__(self, config: RRDBNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or RRDBNetConfig()
        features = self.config.features
        self.conv_first = nn.Conv2d(3 * self.config.fold**2, features, 3, padding=1)
        blocks = (_Block(features, self.config.growth) for _ in range(self.config.blocks))
        self.body = nn.Sequential(*blocks)
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up2 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        height, width = (side * self.config.scale for side in image.shape[-2:])
        x = image
        if self.config.fold > 1:
            # (N, 3, H, W) -> (N, 3 fold^2, H / fold, W / fold)
            x = F.pixel_unshuffle(pad_to_multiple(x, self.config.fold), self.config.fold)
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for layer in (self.conv_up1, self.conv_up2):
            x = F.leaky_relu(layer(F.interpolate(x, scale_factor=2.0, mode="nearest")), _SLOPE)
        x = self.conv_last(F.leaky_relu(self.conv_hr(x), _SLOPE))
        return x[..., :height, :width]
