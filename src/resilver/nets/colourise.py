"""Colouring: a grey photo and hints in, the odds of each colour out, at a quarter of the size.

References: Zhang, Isola and Efros, "Colorful Image Colorization" (2016): odds over bins of a*b*,
since a single guess between red and green is grey; Zhang et al., "Real-Time User-Guided Image
Colorization with Learned Deep Priors" (2017): hints as further inputs of the same network. The
encoder has the layers of SqueezeNet v1.0 (Iandola et al., 2016), so that it may start from what
those learned of photos; the decoder is the U-Net's of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.squeezenet import SIZES, UNIT, SqueezeNetFeatures
from resilver.nets.unet import ResidualBlock

STRIDE = 4  # of the odds
GREY_MEAN, GREY_UNIT = 117.0, UNIT  # in grey levels
_MULTIPLE = 16


@dataclass(frozen=True)
class ColouriseConfig:
    """Shape of the network."""

    bins: int = 186  # colours to choose from, see `imaging.chroma`
    widths: tuple[int, int, int] = (64, 128, 192)  # channels of the decoder at 1/4, 1/8, 1/16
    blocks: tuple[int, int, int] = (1, 2, 3)


class ColouriseNet(nn.Module):
    """Grey (N, 1, H, W) and hints (N, 3, H, W) -> odds (N, bins, H', W'), H' = ceil(H / 16) * 4.

    Grey is in [0, 1]. Hints are a*, b* / 100 and a mask of 1 where they stand; 0 elsewhere. The
    odds of a pixel add up to 1; in training mode their logarithms are given.
    """

    def __init__(self, config: ColouriseConfig | None = None) -> None:
        super().__init__()
        self.config = config or ColouriseConfig()
        widths = self.config.widths
        self.encoder = SqueezeNetFeatures(in_channels=1)
        self.entries = nn.ModuleList(
            nn.Conv2d(channels, width, 1)
            for channels, width in zip(SqueezeNetFeatures.CHANNELS, widths, strict=True)
        )
        self.hints = nn.ModuleList(nn.Conv2d(3, width, 3, padding=1) for width in widths)
        self.whole = nn.Linear(SqueezeNetFeatures.CHANNELS[-1] + 3, widths[-1])
        self.stacks = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
            for width, blocks in zip(widths, self.config.blocks, strict=True)
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(widths)
        )
        self.head = nn.Conv2d(widths[0], self.config.bins, 1)
        self.encoder.start_from_nothing()
        for layer in (*self.entries, *self.grow):
            assert isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
            nn.init.normal_(layer.weight, std=layer.weight.shape[1] ** -0.5)
        nn.init.normal_(self.head.weight, std=0.1 * widths[0] ** -0.5)

    def forward(self, grey: Tensor, hints: Tensor) -> Tensor:
        below, right = (-grey.shape[-2]) % _MULTIPLE, (-grey.shape[-1]) % _MULTIPLE
        # To a multiple of the coarsest cell, and so that cells lie where the decoder's do.
        padded = F.pad(
            (255.0 * grey - GREY_MEAN) / GREY_UNIT, (3, 4 + right, 3, 4 + below), "reflect"
        )
        features = self.encoder(padded)
        hints = F.pad(hints, (0, right, 0, below))
        features = [x / size for x, size in zip(features, SIZES, strict=True)]
        # The mean colour of the hints in a cell, and whether there is one.
        cells = [F.avg_pool2d(hints, STRIDE)]
        for _ in self.grow:
            cells.append(F.avg_pool2d(cells[-1], 2))
        cells.append(cells[-1].mean(dim=(2, 3), keepdim=True))
        told = [torch.cat((x[:, :2] / (x[:, 2:] + 1e-4), (x[:, 2:] > 0).float()), 1) for x in cells]
        seen = torch.cat((features[-1].mean(dim=(2, 3)), told.pop().flatten(1)), dim=1)
        x = self.entries[-1](features[-1]) + self.whole(seen)[..., None, None]
        x = self.stacks[-1](x + self.hints[-1](told[-1]))
        for fine in (1, 0):
            x = self.grow[fine](x) + self.entries[fine](features[fine])
            x = self.stacks[fine](x + self.hints[fine](told[fine]))
        odds = self.head(F.relu(x)).float()
        return F.log_softmax(odds, dim=1) if self.training else F.softmax(odds, dim=1)
