"""Enlarger: a plain chain of convolutions at the small size adds detail to the photo resized x4.

Reference: Kim et al., "Accurate Image Super-Resolution Using Very Deep Convolutional Networks"
(2016): only the difference from the resized photo is learned; Shi et al., "Real-Time Single Image
and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network" (2016): all is
computed at the small size. The resized photo is the bicubic of Keys (1981), a = -1/2, which the
field means by "bicubic"; as convolutions it has its place among the others, one shuffle for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_REACH = 2  # pixels to each side that the bicubic sees
# With a slope of 0 and faint inputs the biases outran the weights: after 6,000 steps nothing passed
# through four blocks of six any more.
_SLOPE, _LOUD = 0.1, 4.0


@dataclass(frozen=True)
class EnlargerConfig:
    """Shape of an Enlarger."""

    scale: int = 4
    features: int = 48
    blocks: int = 12  # of two convolutions each


class Enlarger(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> (N, 3, scale H, scale W); not clipped.

    A fresh one gives the bicubic.
    """

    rows: Tensor  # (3 scale, 1, 5, 1), the bicubic's weights for each place between two pixels
    columns: Tensor  # (3 scale^2, 1, 1, 5)

    def __init__(self, config: EnlargerConfig | None = None) -> None:
        super().__init__()
        self.config = config or EnlargerConfig()
        features, scale = self.config.features, self.config.scale
        self.stem = nn.Conv2d(3, features, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(features) for _ in range(self.config.blocks))
        self.head = nn.Conv2d(features, 3 * scale**2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)
        # Multiples of 1/1024: exact in the fp16 of a weight file.
        taps = keys_taps(scale)
        self.register_buffer("rows", taps.repeat(3, 1)[:, None, :, None])
        self.register_buffer("columns", taps.repeat(3 * scale, 1)[:, None, None, :])

    def forward(self, image: Tensor) -> Tensor:
        x = _bent(self.stem(_LOUD * (image - 0.5)))  # zeros around it are grey, not black
        first = x
        for block in self.blocks:
            x = block(x)
        detail = self.head(x + first)
        return F.pixel_shuffle(detail + self._resized(image), self.config.scale)

    def _resized(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 3 scale^2, H, W), to be shuffled."""
        x = F.conv2d(_continued(image, -2), self.rows, groups=3)  # (N, 3 scale, H, W)
        x = _continued(x, -1)
        return F.conv2d(x, self.columns, groups=3 * self.config.scale)


class _Block(nn.Module):
    """Two convolutions, added to what they were given."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.second = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(_bent(self.first(x)))


def _bent(x: Tensor) -> Tensor:
    return F.leaky_relu(x, _SLOPE)


def _continued(x: Tensor, axis: int) -> Tensor:
    """Two pixels longer at both ends of an axis, by those at the ends.

    Not `F.pad`: with widths that are known beforehand its export warns.
    """
    length = x.shape[axis]
    first, last = x.narrow(axis, 0, 1), x.narrow(axis, length - 1, 1)
    return torch.cat((first,) * _REACH + (x,) + (last,) * _REACH, dim=axis)


def keys_taps(scale: int) -> Tensor:
    """Weights (scale, 5) of five neighbours for each of `scale` new pixels in the place of one."""
    places = (torch.arange(scale) + 0.5) / scale - 0.5  # of new pixels, from the old one's middle
    distance = (torch.arange(-_REACH, _REACH + 1)[None] - places[:, None]).abs()
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1.0
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4.0 * distance + 2.0
    return torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros(())))
