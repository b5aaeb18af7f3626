"""A plain-convolution residual U-Net at half resolution.

Reference: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation"
(2015), with the bias-free residual blocks of Zhang et al., "Plug-and-Play Image Restoration with
Deep Denoiser Prior" (DRUNet, 2021) and the half-resolution stem of FFDNet (Zhang et al., 2018):
pixel-unshuffle gives the first convolution a 2x2 neighbourhood for free, at a quarter of the cost.
Plain 3x3 convolutions only, since those are what a CPU runs fastest.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a U-Net; frozen, so that it can stand in a checkpoint and on a card."""

    in_channels: int = 3  # channels of the image given
    out_channels: int = 3  # channels of the map returned, same size as the image
    widths: tuple[int, ...] = (64, 96, 128, 192)  # channels at 1/2, 1/4, 1/8, ... of the image
    # residual blocks per scale but the coarsest, on the way down and again on the way up
    blocks: tuple[int, ...] = (2, 2, 2)
    middle_blocks: int = 2  # residual blocks at the coarsest scale
    bias: bool = False  # without bias, scaling the input scales the output (helps blind denoising)

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.widths) - 1:
            raise ValueError("one number of blocks for every scale but the coarsest")

    @property
    def multiple(self) -> int:
        """Both sides of the padded image are a multiple of this."""
        return 2 ** len(self.widths)


class ResidualBlock(nn.Module):
    """conv3x3 - ReLU - conv3x3, added to its input."""

    def __init__(self, channels: int, *, bias: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=bias)
        # A small second convolution starts each block near the identity: deep stacks without
        # normalisation then train at a high rate from the first step.
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.normal_(self.second.weight, std=0.1 * (9 * channels) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))


class UNet(nn.Module):
    """Image (N, in, H, W) -> map (N, out, H, W), any H and W; also returns the coarsest features.

    `forward` gives the map alone; `forward_features` the map and the features (N, widths[-1],
    H/2^scales, W/2^scales) for heads that judge the whole image.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, bias = config.widths, config.bias
        self.stem = nn.Conv2d(4 * config.in_channels, widths[0], 3, padding=1, bias=bias)
        self.encode = nn.ModuleList()
        self.shrink = nn.ModuleList()
        self.grow = nn.ModuleList()
        self.decode = nn.ModuleList()
        scales = zip(widths[:-1], widths[1:], config.blocks, strict=True)
        for fine, coarse, blocks in scales:
            self.encode.append(_stack(fine, blocks, bias=bias))
            self.shrink.append(nn.Conv2d(fine, coarse, 2, stride=2, bias=bias))
            self.grow.append(nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=bias))
            self.decode.append(_stack(fine, blocks, bias=bias))
        self.middle = _stack(widths[-1], config.middle_blocks, bias=bias)
        self.head = nn.Conv2d(widths[0], 4 * config.out_channels, 3, padding=1, bias=bias)
        nn.init.normal_(self.head.weight, std=0.1 * (9 * widths[0]) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_features(x)[0]

    def forward_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        height, width = x.shape[-2], x.shape[-1]
        x = pad_to_multiple(x, self.config.multiple)
        x = self.stem(F.pixel_unshuffle(x, 2))  # (N, 4*in, H/2, W/2) -> (N, widths[0], H/2, W/2)
        skips: list[Tensor] = []
        for encode, shrink in zip(self.encode, self.shrink, strict=True):
            x = encode(x)
            skips.append(x)
            x = shrink(x)
        features = self.middle(x)
        x = features
        for grow, decode in zip(reversed(self.grow), reversed(self.decode), strict=True):
            # Skips are added, not concatenated: half the cost of the first block, the same quality.
            x = decode(grow(x) + skips.pop())
        x = F.pixel_shuffle(self.head(x), 2)  # (N, 4*out, H/2, W/2) -> (N, out, H, W)
        return x[..., :height, :width], features


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeats the last row and column of (N, C, H, W) until both sides are a multiple."""
    height, width = x.shape[-2], x.shape[-1]
    return F.pad(x, (0, (-width) % multiple, 0, (-height) % multiple), mode="replicate")


def _stack(channels: int, blocks: int, *, bias: bool) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels, bias=bias) for _ in range(blocks)))


class Denoiser(nn.Module):
    """Blind denoiser: noisy RGB (N, 3, H, W) in [0, 1] -> clean RGB; the U-Net predicts the noise."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or UNetConfig()
        self.unet = UNet(self.config)

    def forward(self, image: Tensor) -> Tensor:
        return image - self.unet(image)


def parameter_count(network: torch.nn.Module) -> int:
    """Trainable numbers in a network."""
    return sum(weight.numel() for weight in network.parameters())
