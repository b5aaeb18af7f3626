"""Face detector: where faces are, and their eyes, nose and mouth.

After Wu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023): no anchors, one answer for
each cell at three strides, and few parameters; top-down features after Lin et al., "Feature Pyramid
Networks for Object Detection" (2017). Plain 3x3 convolutions, since those run fastest on a CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.unet import ResidualBlock, pad_to_multiple

STRIDES_PX = (8, 16, 32)
ANSWERS = 15  # of a cell: a logit, the box (4), five points (10); see `resilver.imaging.faces`
_RARE = -4.6  # logit of the share of cells that hold a face: a fresh network says "none"


@dataclass(frozen=True)
class DetectorConfig:
    """Shape of a detector."""

    stem: tuple[int, int] = (16, 32)  # channels at strides 2 and 4
    widths: tuple[int, ...] = (48, 64, 64)  # at strides 8, 16, 32
    blocks: tuple[int, ...] = (2, 2, 1)  # residual blocks there
    head: int = 48


class FaceDetector(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> answers (N, 15, ceil(H/32)*32/s, ...) at strides 8, 16, 32."""

    def __init__(self, config: DetectorConfig | None = None) -> None:
        super().__init__()
        self.config = config or DetectorConfig()
        first, second = self.config.stem
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            ResidualBlock(second),
        )
        self.down, self.across, self.after = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs = second
        for width, blocks in zip(self.config.widths, self.config.blocks, strict=True):
            self.down.append(
                nn.Sequential(
                    nn.Conv2d(inputs, width, 3, stride=2, padding=1),
                    nn.ReLU(),
                    *(ResidualBlock(width) for _ in range(blocks)),
                )
            )
            self.across.append(nn.Conv2d(width, self.config.head, 1))
            self.after.append(
                nn.Sequential(
                    nn.Conv2d(self.config.head, self.config.head, 3, padding=1), nn.ReLU()
                )
            )
            inputs = width
        self.head = nn.Conv2d(self.config.head, ANSWERS, 1)
        assert self.head.bias is not None
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.head.bias.zero_()
            self.head.bias[0] = _RARE

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(4.0 * (pad_to_multiple(image, STRIDES_PX[-1]) - 0.5))
        scales: list[Tensor] = []
        for down in self.down:
            x = down(x)
            scales.append(x)
        answers: list[Tensor] = []
        coarser: Tensor | None = None
        for index in reversed(range(len(scales))):
            x = self.across[index](scales[index])
            if coarser is not None:
                x = x + F.interpolate(coarser, scale_factor=2.0, mode="nearest")
            coarser = x
            answers.append(self.head(self.after[index](x)))
        return tuple(reversed(answers))
