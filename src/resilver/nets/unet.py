"""A plain-convolution residual U-Net that works on wavelet coefficients at half resolution.

References: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation"
(2015); residual blocks without normalisation and added skips after Zhang et al., "Plug-and-Play
Image Restoration with Deep Denoiser Prior" (DRUNet, 2021); the wavelet stem after Liu et al.,
"Multi-level Wavelet-CNN" (2018). Plain 3x3 convolutions only: those are what a CPU runs fastest.

The stem halves the image by a fixed orthogonal transform (opponent colours, Haar wavelet) and
brings each coefficient to about unit size. The four pixels of a cell and the three colours of a
pixel are almost the same number; a convolution that is given them raw spends its first thousand
steps on learning their differences (in trials of 120 to 240 steps it
reached the same denoising error in about half of them).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Rows: mean of the cell, then horizontal, vertical, diagonal detail; columns: its four pixels.
_HAAR = ((1, 1, 1, 1), (1, -1, 1, -1), (1, 1, -1, -1), (1, -1, -1, 1))
# Rows: brightness, red against blue, green against magenta; orthonormal after division.
_OPPONENT = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (-0.5, 1.0, -0.5))


@dataclass(frozen=True)
class UNetConfig:
    """Shape of a U-Net; frozen, so that it can stand in a checkpoint and on a card."""

    in_channels: int = 3  # channels of the image given
    out_channels: int = 3  # channels of the map returned, same size as the image
    in_colours: tuple[int, ...] = (0,)  # first channel of each RGB triplet of the input
    out_colours: tuple[int, ...] = (0,)  # the same of the output; empty for maps
    centre: tuple[float, ...] = (0.5, 0.5, 0.5)  # taken off each input channel
    level_gain: tuple[float, ...] = (4.0, 4.0, 4.0)  # brings a channel's cell means to unit size
    detail_gain: tuple[float, ...] = (16.0, 16.0, 16.0)  # ... and its details
    out_gain: float = 4.0  # outputs are divided by this; 4 for pixels, 1 for logits
    widths: tuple[int, ...] = (64, 96, 128, 192)  # channels at 1/2, 1/4, 1/8, ... of the image
    # residual blocks per scale but the coarsest, on the way down and again on the way up
    blocks: tuple[int, ...] = (2, 2, 2)
    middle_blocks: int = 2  # residual blocks at the coarsest scale

    def __post_init__(self) -> None:
        if len(self.blocks) != len(self.widths) - 1:
            raise ValueError("one number of blocks for every scale but the coarsest")
        for values in (self.centre, self.level_gain, self.detail_gain):
            if len(values) != self.in_channels:
                raise ValueError("one centre and one gain for every input channel")

    @property
    def multiple(self) -> int:
        """Both sides of the padded image are a multiple of this."""
        return 2 ** len(self.widths)


class ResidualBlock(nn.Module):
    """conv3x3 - ReLU - conv3x3, added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
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

    # Fixed, not learned: buffers, so that they travel with the weights.
    analysis: Tensor  # (4*in, in, 2, 2)
    offset: Tensor  # (4*in,)
    synthesis: Tensor  # (4*out, 4*out, 1, 1)

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        analysis, offset = _analysis(config)
        self.register_buffer("analysis", analysis)
        self.register_buffer("offset", offset)
        self.register_buffer("synthesis", _synthesis(config))
        self.stem = nn.Conv2d(4 * config.in_channels, widths[0], 3, padding=1)
        self.encode = nn.ModuleList()
        self.shrink = nn.ModuleList()
        self.grow = nn.ModuleList()
        self.decode = nn.ModuleList()
        scales = zip(widths[:-1], widths[1:], config.blocks, strict=True)
        for fine, coarse, blocks in scales:
            self.encode.append(_stack(fine, blocks))
            self.shrink.append(nn.Conv2d(fine, coarse, 2, stride=2))
            self.grow.append(nn.ConvTranspose2d(coarse, fine, 2, stride=2))
            self.decode.append(_stack(fine, blocks))
        self.middle = _stack(widths[-1], config.middle_blocks)
        self.head = nn.Conv2d(widths[0], 4 * config.out_channels, 3, padding=1)
        nn.init.normal_(self.head.weight, std=0.1 * (9 * widths[0]) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_features(x)[0]

    def forward_features(self, x: Tensor, channels: int | None = None) -> tuple[Tensor, Tensor]:
        """`channels`: only so many of the map's, the first ones; None = all."""
        height, width = x.shape[-2], x.shape[-1]
        *skips, features = self.encode_scales(x)
        x = features
        for grow, decode in zip(reversed(self.grow), reversed(self.decode), strict=True):
            # Skips are added, not concatenated: half the cost of the first block, the same quality.
            x = decode(grow(x) + skips.pop())
        x, synthesis = self.head(x), self.synthesis
        if channels is not None:
            # Four coefficients to a channel; channels do not mix unless they are a colour.
            x, synthesis = x[:, : 4 * channels], synthesis[: 4 * channels, : 4 * channels]
        x = F.conv2d(x, synthesis)
        x = F.pixel_shuffle(x, 2)  # (N, 4*out, H/2, W/2) -> (N, out, H, W)
        return x[..., :height, :width], features

    def encode_scales(self, x: Tensor) -> list[Tensor]:
        """The encoder alone: its features (N, widths[i], H/2^(i+1), W/2^(i+1)) at every scale."""
        x = pad_to_multiple(x, self.config.multiple)
        # In one step: a CPU takes as long to sort the pixels of cells as for a layer.
        x = F.conv2d(x, self.analysis, self.offset, stride=2)  # -> (N, 4*in, H/2, W/2)
        x = self.stem(x)
        scales: list[Tensor] = []
        for encode, shrink in zip(self.encode, self.shrink, strict=True):
            x = encode(x)
            scales.append(x)
            x = shrink(x)
        return [*scales, self.middle(x)]


def _colours(channels: int, triplets: tuple[int, ...]) -> Tensor:
    """(channels, channels): opponent colours for the RGB triplets, identity for the rest."""
    matrix = torch.eye(channels)
    opponent = torch.tensor(_OPPONENT)
    for first in triplets:
        matrix[first : first + 3, first : first + 3] = opponent / opponent.norm(dim=1, keepdim=True)
    return matrix


def _analysis(config: UNetConfig) -> tuple[Tensor, Tensor]:
    """Kernel (4*in, in, 2, 2) and offset (4*in,): centre, opponent colours, Haar, gains."""
    gains = torch.tensor([config.level_gain, *([config.detail_gain] * 3)]).T  # (in, 4)
    matrix = torch.kron(_colours(config.in_channels, config.in_colours), torch.tensor(_HAAR) / 2.0)
    matrix = matrix * gains.reshape(-1, 1)
    centre = torch.tensor(config.centre).repeat_interleave(4)
    kernel = matrix.reshape(-1, config.in_channels, 2, 2)  # the four pixels of a cell
    return kernel, -(matrix @ centre)


def _synthesis(config: UNetConfig) -> Tensor:
    """Kernel (4*out, 4*out, 1, 1): the inverse transform, divided by the output's gain."""
    colours = _colours(config.out_channels, config.out_colours)
    matrix = torch.kron(colours, torch.tensor(_HAAR) / 2.0).T / config.out_gain
    return matrix[..., None, None]


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeats the last row and column of (N, C, H, W) until both sides are a multiple."""
    height, width = x.shape[-2], x.shape[-1]
    return F.pad(x, (0, (-width) % multiple, 0, (-height) % multiple), mode="replicate")


def _stack(channels: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))


class Denoiser(nn.Module):
    """Blind denoiser: noisy RGB (N, 3, H, W) in [0, 1] -> clean RGB; the U-Net gives the noise."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config or UNetConfig()
        self.unet = UNet(self.config)

    def forward(self, image: Tensor) -> Tensor:
        return image - self.unet(image)


def parameter_count(network: torch.nn.Module) -> int:
    """Trainable numbers in a network."""
    return sum(weight.numel() for weight in network.parameters())
