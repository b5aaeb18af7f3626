"""SRVGGNetCompact: enlarges photos by a plain chain of convolutions, fast.

Reference: the compact networks of Wang et al., "Real-ESRGAN" (2021), release v0.2.5: everything is
computed at the small size, and added to the photo enlarged by repeating its pixels. Parameters are
named and shaped as in the official checkpoints, which load as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class SRVGGConfig:
    """Shape of an SRVGGNetCompact."""

    scale: int = 4
    features: int = 64
    convolutions: int = 32  # between the first and the last


class SRVGGNet(nn.Module):
    """(N, 3, H, W) -> (N, 3, scale H, scale W), in [0, 1]."""

    def __init__(self, config: SRVGGConfig | None = None) -> None:
        super().__init__()
        self.config = config or SRVGGConfig()
        features, scale = self.config.features, self.config.scale
        layers: list[nn.Module] = [nn.Conv2d(3, features, 3, padding=1), nn.PReLU(features)]
        for _ in range(self.config.convolutions):
            layers += [nn.Conv2d(features, features, 3, padding=1), nn.PReLU(features)]
        layers.append(nn.Conv2d(features, 3 * scale**2, 3, padding=1))
        self.body = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> Tensor:
        scale = self.config.scale
        detail = F.pixel_shuffle(self.body(image), scale)  # (N, 3, scale H, scale W)
        return detail + F.interpolate(image, scale_factor=float(scale), mode="nearest")
