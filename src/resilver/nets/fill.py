"""Learned fill: what was most likely under the damage.

References: Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions" (2018) for
the task; Telea, "An Image Inpainting Technique Based on the Fast Marching Method" (2004) for the
first guess, which the network is given and corrects; Gortler et al., "The Lumigraph" (1996) for
pull-push, a second guess that is smooth over the whole hole. Five scales and four convolutions at
the coarsest make each pixel see more than 256 px around it.

Damage comes in two sorts. A *hole* hides everything, a *veil* (a stain) lets the photo shine
through. The caller has put a first guess in the place of both before the network sees them
(`resilver.imaging.veils.first_guess`): diffusion from outside, and the veil cleared by the local
line that fits along its border. A veil of colour C and opacity a over a photo J shows
I = (1 - a) J + a C, so J = I + a / (1 - a) (I - C): what corrects the guess is a gain as much as a
change, and the network gives both.

What a network invents in a hole is smooth. It is therefore also shown the hole filled with texture
copied from elsewhere in the picture (`resilver.imaging.patchmatch`; Barnes et al., 2009), and says
for every pixel how much of that to take: the two err differently, so the blend errs less.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.unet import UNet, UNetConfig, pad_to_multiple


@dataclass(frozen=True)
class FillConfig:
    """The U-Net under the fill; it is given image (3), smooth guess (3), hole, veil, copied (3)."""

    unet: UNetConfig = field(
        default_factory=lambda: UNetConfig(
            in_channels=11,
            out_channels=7,  # change (3), gain (3), share of what is copied
            widths=(48, 96, 128, 160, 160),
            blocks=(1, 2, 2, 1),
            in_colours=(0, 3, 8),
            centre=(0.5,) * 6 + (0.0, 0.0) + (0.5,) * 3,
            level_gain=(4.0,) * 6 + (1.0, 1.0) + (4.0,) * 3,
            detail_gain=(16.0,) * 6 + (1.0, 1.0) + (16.0,) * 3,
            out_colours=(0, 3),
        )
    )
    guess_levels: int = 6  # pull-push reaches 2^levels pixels into a hole


class FillNet(nn.Module):
    """(image, copied (N, 3, H, W), marks (N, 2, H, W)) -> RGB (N, 3, H, W), all in [0, 1].

    marks[:, 0] is the hole, marks[:, 1] the veil, 1 = damaged; under both the image holds a first
    guess. `copied` is the image with texture in the holes. Outside of both the output is the image.
    """

    def __init__(self, config: FillConfig | None = None) -> None:
        super().__init__()
        self.config = config or FillConfig()
        self.unet = UNet(self.config.unet)

    def forward(self, image: Tensor, copied: Tensor, marks: Tensor) -> Tensor:
        height, width = image.shape[-2], image.shape[-1]
        multiple = max(self.config.unet.multiple, 2**self.config.guess_levels)
        image, copied, marks = (pad_to_multiple(x, multiple) for x in (image, copied, marks))
        hole, veil = marks[:, 0:1], marks[:, 1:2]
        damaged = torch.maximum(hole, veil)
        smooth = pull_push(image, 1.0 - damaged, self.config.guess_levels)
        answer = self.unet(torch.cat((image, smooth, hole, veil, copied), dim=1))
        change, gain, share = answer.split((3, 3, 1), dim=1)
        restored = image + (change + gain * (image - 0.5)) * damaged
        restored = restored + torch.sigmoid(share) * hole * (copied - restored)
        return restored[..., :height, :width]


def pull_push(image: Tensor, known: Tensor, levels: int) -> Tensor:
    """Fills unknown pixels smoothly from known ones.

    Args:
        image: (N, 3, H, W); H and W multiples of 2^levels.
        known: (N, 1, H, W) in [0, 1]; 0 = unknown.
        levels: how many halvings.

    Returns:
        (N, 3, H, W): the image where known, a smooth interpolation elsewhere.
    """
    colour, weight = image * known, known
    pyramid = [(colour, weight)]
    for _ in range(levels):
        colour, weight = F.avg_pool2d(colour, 2), F.avg_pool2d(weight, 2)
        pyramid.append((colour, weight))
    colour, weight = pyramid.pop()
    # Where even the coarsest cell saw nothing, mid-grey is the least wrong guess.
    filled = (colour + 0.5e-4) / (weight + 1e-4)
    for colour, weight in reversed(pyramid):
        up = F.interpolate(filled, scale_factor=2.0, mode="bilinear", align_corners=False)
        # A cell that is a quarter known is trusted fully; below that the coarser one shows through.
        trust = (4.0 * weight).clamp(max=1.0)
        filled = trust * (colour / weight.clamp_min(1e-4)) + (1.0 - trust) * up
    return filled
