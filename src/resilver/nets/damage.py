"""Damage recogniser: which pixels of a print are damaged, and by what.

Reference: after Tencent Youtu's old-photo restoration, whose recogniser looks at a print in several
colour spaces: a brown stain is plain in Lab, a white crack in RGB, mould in saturation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from resilver.nets.colour import colour_views
from resilver.nets.texture import texture_views
from resilver.nets.unet import UNet, UNetConfig, pad_to_multiple

MAPS = ("scratch", "missing", "stain", "dust", "any")  # order of the maps returned
CONDITIONS = ("faded", "cast")  # order of the image-level figures returned


@dataclass(frozen=True)
class DamageConfig:
    """The U-Net under the recogniser; sixteen input channels: RGB, HSV (4), Lab, texture (6)."""

    unet: UNetConfig = field(
        default_factory=lambda: UNetConfig(
            in_channels=16,
            out_channels=len(MAPS) + 3,
            widths=(32, 96, 192, 320),
            blocks=(1, 1, 1),
            middle_blocks=1,
            out_colours=(),
            centre=(0.5, 0.5, 0.5, 0.0, 0.0, 0.2, 0.5, 0.5, 0.0, 0.0, 0.3, 0.3, *(0.0,) * 4),
            level_gain=(*(4.0,) * 8, 8.0, 8.0, 4.0, 4.0, 4.0, 6.0, 10.0, 10.0),
            detail_gain=(*(16.0,) * 3, *(8.0,) * 3, *(16.0,) * 4, 8.0, *(16.0,) * 5),
            out_gain=1.0,
        )
    )


class DamageNet(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> probabilities: maps (N, 5, H, W), conditions (N, 2).

    In training mode the same before the sigmoid, and third the change that the damage made to each
    colour (N, 3, H, W), times 8, which is learned alongside and never exported.
    """

    def __init__(self, config: DamageConfig | None = None) -> None:
        super().__init__()
        self.config = config or DamageConfig()
        self.unet = UNet(self.config.unet)
        # Damage is rare: starting at its prior of a few percent saves the first hundred steps.
        # The mean coefficient of a cell is twice its value.
        head_bias = self.unet.head.bias
        assert head_bias is not None
        with torch.no_grad():
            head_bias[: 4 * len(MAPS) : 4] = -2.0 * 1.5
        self.judge = nn.Sequential(
            nn.Linear(2 * self.config.unet.widths[-1] + 2 * len(MAPS), 64),
            nn.ReLU(),
            nn.Linear(64, len(CONDITIONS)),
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        height, width = image.shape[-2], image.shape[-1]
        channels = None if self.training else len(MAPS)
        maps, features = self.unet.forward_features(self.views(image), channels)
        maps = maps[..., :height, :width]
        maps, change = maps[:, : len(MAPS)], maps[:, len(MAPS) :]
        # The maps have losses of their own and are not bent by the judge's. Shares of a few pixels
        # are small: bfloat16 would round them away.
        with torch.autocast(image.device.type, enabled=False):
            seen = torch.sigmoid(maps.detach().float())
            shares = torch.cat(
                (
                    torch.log(seen.mean(dim=(2, 3)) + 1e-5),
                    torch.log(seen.square().square().mean(dim=(2, 3)) + 1e-6),  # seen for sure
                ),
                dim=1,
            )
        conditions = self._judged(features, shares)
        if self.training:
            return maps, conditions, change
        return seen, torch.sigmoid(conditions)

    def _judged(self, features: Tensor, shares: Tensor) -> Tensor:
        """Conditions (N, 2) of the whole image from its coarsest features and the maps' shares."""
        mean = features.mean(dim=(2, 3))
        spread = (features - mean[..., None, None]).abs().mean(dim=(2, 3))
        return self.judge(torch.cat((mean, spread, 0.2 * shares), dim=1))

    def views(self, image: Tensor) -> Tensor:
        """What the U-Net is given: (N, 16, H, W), both sides padded to its multiple."""
        # Logarithms and small differences: bfloat16 would round them away.
        with torch.autocast(image.device.type, enabled=False):
            image = pad_to_multiple(image.float(), self.config.unet.multiple)
            colours = colour_views(image)
            return torch.cat((colours, texture_views(image, colours[:, 7:10])), dim=1)
