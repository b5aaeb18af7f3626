"""StyleGAN2's discriminator: how real a face looks.

Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020): a residual
network, with the standard deviation over the minibatch as a last feature (Karras et al., 2018).
Parameters are named and shaped as in rosinality/stylegan2-pytorch.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.stylegan2 import BiasedLeakyReLU, Blur, EqualLinear, StyleGAN2Config


class EqualConv(nn.Module):
    """Convolution of equalised rate, without a bias."""

    def __init__(self, inputs: int, outputs: int, kernel_px: int, *, halve: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel_px, kernel_px))
        self._scale = (inputs * kernel_px**2) ** -0.5
        # The filter in front of a halving has widened the image already.
        self._stride, self._pad = (2, 0) if halve else (1, kernel_px // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self._scale, stride=self._stride, padding=self._pad)


class _ResBlock(nn.Module):
    """(N, in, H, W) -> (N, out, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(EqualConv(inputs, inputs, 3), BiasedLeakyReLU(inputs))
        self.conv2 = nn.Sequential(
            Blur(inputs, pad=2), EqualConv(inputs, outputs, 3, halve=True), BiasedLeakyReLU(outputs)
        )
        self.skip = nn.Sequential(Blur(inputs, pad=1), EqualConv(inputs, outputs, 1, halve=True))

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.skip(x)) / math.sqrt(2.0)


class Discriminator(nn.Module):
    """Faces (N, 3, size, size) in [-1, 1] -> how real they look (N, 1), a logit."""

    def __init__(self, config: StyleGAN2Config | None = None, *, group: int = 4) -> None:
        super().__init__()
        self.config = config or StyleGAN2Config()
        channels = self.config.channels[::-1]
        self._group = group  # images whose spread is judged together
        self.convs = nn.Sequential(
            nn.Sequential(EqualConv(3, channels[0], 1), BiasedLeakyReLU(channels[0])),
            *(_ResBlock(fine, coarse) for fine, coarse in pairwise(channels)),
        )  # fmt: skip
        last = channels[-1]
        self.final_conv = nn.Sequential(EqualConv(last + 1, last, 3), BiasedLeakyReLU(last))
        self.final_linear = nn.Sequential(
            EqualLinear(last * 16, last, leaky=True), EqualLinear(last, 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        x = self.convs(image)  # (N, C, 4, 4)
        x = self.final_conv(torch.cat((x, self._spread(x)), dim=1))
        return self.final_linear(x.flatten(1))

    def _spread(self, x: Tensor) -> Tensor:
        """Minibatch standard deviation (N, 1, 4, 4): a generator of one face is seen through."""
        count, channels, height, width = x.shape
        group = math.gcd(count, self._group)
        groups = x.reshape(group, count // group, channels, height, width)
        deviation = (groups.var(dim=0, unbiased=False) + 1e-8).sqrt()  # (N/group, C, 4, 4)
        mean = deviation.mean(dim=(1, 2, 3))  # (N/group,)
        return mean.repeat(group)[:, None, None, None].expand(-1, 1, height, width)
