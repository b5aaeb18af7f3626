"""Damage recogniser: which pixels of a print are damaged, and by what.

References: after Tencent Youtu's old-photo restoration, whose recogniser looks at a print in
several colour spaces: a brown stain is plain in Lab, a white crack in RGB, mould in saturation.
From coarse to fine with one set of weights after Tao et al., "Scale-recurrent Network for Deep
Image Deblurring" (2018): whether a dark patch is dirt or hair shows at a quarter of the size, where
its outline runs only at full size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.colour import colour_views
from resilver.nets.texture import texture_views
from resilver.nets.unet import UNet, UNetConfig, pad_to_multiple

MAPS = ("scratch", "missing", "stain", "dust", "any")  # order of the maps returned
# Order of the image-level figures returned: is the print faded, has it a cast, and is there any
# damage of a kind on it.
CONDITIONS = ("faded", "cast", *MAPS[:-1])
_VIEWS = 16  # RGB, HSV (4), Lab, texture (6)


@dataclass(frozen=True)
class DamageConfig:
    """The looks of the recogniser, and the U-Net that takes each of them.

    The U-Net's input channels: RGB, HSV (4), Lab, texture (6), and the maps that the look at half
    the size gave (5, before the sigmoid).
    """

    looks: int = 3  # at 1, 1/2, 1/4 of the size; the coarsest comes first
    unet: UNetConfig = field(
        default_factory=lambda: UNetConfig(
            in_channels=_VIEWS + len(MAPS),
            out_channels=len(MAPS) + 3,
            widths=(32, 96, 192, 320),
            blocks=(1, 1, 1),
            middle_blocks=1,
            out_colours=(),
            centre=(0.5, 0.5, 0.5, 0.0, 0.0, 0.2, 0.5, 0.5, 0.0, 0.0, 0.3, 0.3, *(0.0,) * 9),
            level_gain=(*(4.0,) * 8, 8.0, 8.0, 4.0, 4.0, 4.0, 6.0, 10.0, 10.0, *(0.25,) * 5),
            detail_gain=(*(16.0,) * 3, *(8.0,) * 3, *(16.0,) * 4, 8.0, *(16.0,) * 5, *(0.5,) * 5),
            out_gain=1.0,
        )
    )


class DamageNet(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] -> probabilities: maps (N, 5, H, W), conditions (N, 6).

    In training mode everything before the sigmoid: the looks, coarse to fine, each (N, 8, h, w) at
    the image's padded size over 4, 2, 1; then the conditions. The last three channels of a look are
    the change that the damage made to each colour, times 8, which is learned alongside and never
    exported.
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
        looks: list[Tensor] = []
        features = image
        for view in self.views(image):
            look, features = self.unet.forward_features(told(view, looks[-1] if looks else None))
            looks.append(look)
        maps = looks[-1][:, : len(MAPS)]
        conditions = self._judged(maps, features)
        if self.training:
            return *looks, conditions
        height, width = image.shape[-2], image.shape[-1]
        return torch.sigmoid(maps[..., :height, :width]), torch.sigmoid(conditions)

    def views(self, image: Tensor) -> list[Tensor]:
        """What each look is given, coarse to fine: (N, 16, h, w), the padded size over 4, 2, 1."""
        coarsest = self.config.looks - 1
        # Logarithms and small differences: bfloat16 would round them away.
        with torch.autocast(image.device.type, enabled=False):
            image = pad_to_multiple(image.float(), self.config.unet.multiple * 2**coarsest)
            sizes = [image]
            for _ in range(coarsest):
                sizes.append(F.avg_pool2d(sizes[-1], 2))
            return [_views(size) for size in reversed(sizes)]

    def _judged(self, maps: Tensor, features: Tensor) -> Tensor:
        """Conditions (N, 6) of the whole image from its maps and its coarsest features."""
        mean = features.mean(dim=(2, 3))
        spread = (features - mean[..., None, None]).abs().mean(dim=(2, 3))
        # How much of each kind is seen, and how much of it surely; the maps have losses of their
        # own and are not bent by this one.
        with torch.autocast(maps.device.type, enabled=False):
            seen = torch.sigmoid(maps.detach().float())
            much = torch.log(seen.mean(dim=(2, 3)) + 1e-5)
            sure = torch.log((seen**4).mean(dim=(2, 3)) + 1e-6)
        return self.judge(torch.cat((mean, spread, 0.2 * much, 0.2 * sure), dim=1))


def told(view: Tensor, before: Tensor | None) -> Tensor:
    """A view (N, 16, h, w) and what the look at half its size found: (N, 21, h, w)."""
    count, _, height, width = view.shape
    if before is None:
        maps = view.new_zeros((count, len(MAPS), height, width))
    else:
        maps = F.interpolate(
            before[:, : len(MAPS)].to(view.dtype),
            scale_factor=2.0,
            mode="bilinear",
            align_corners=False,
        )
    return torch.cat((view, maps), dim=1)


def _views(image: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 16, H, W): several colour spaces, and texture."""
    colours = colour_views(image)
    return torch.cat((colours, texture_views(image, colours[:, 7:10])), dim=1)
