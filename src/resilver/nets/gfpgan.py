"""GFP-GAN: a U-Net takes the damage off a face, a StyleGAN2 prior puts the detail back.

Reference: Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior"
(2021). The U-Net's bottleneck chooses the latent codes, its features steer the prior: at every
scale half of the prior's channels are kept as they are, the other half scaled and shifted (channel-
split spatial feature transform). Parameters are named and shaped as in the official "clean" network
(v1.3, v1.4), so that its checkpoints load as they are.

The decoder is StyleGAN2 without the equalised rates and with bilinear resampling. Away from the
borders that is the same function (doubling by zeros and the taps 1 3 3 1 *are* bilinear), so
`from_prior` takes the weights of `resilver.nets.stylegan2`; at 4 and 8 px all is border, and the
face comes out a little different.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.stylegan2 import (
    EqualLinear,
    Generator,
    ModulatedConv,
    PixelNorm,
    StyledConv,
    StyleGAN2Config,
    ToRGB,
)

_SLOPE, _GAIN = 0.2, 2.0**0.5


@dataclass(frozen=True)
class GFPGANConfig:
    """Shape of a restorer; frozen, so that it can stand in a checkpoint."""

    prior: StyleGAN2Config = field(default_factory=StyleGAN2Config)  # of the decoder
    unet_channels: tuple[int, ...] = (32, 64, 96, 128, 128, 128)  # at size, size / 2, ... 4 px
    # Squares of so many pixels a side are one place with all their colours: a network for faces
    # twice as large at the cost of the small one. Official checkpoints and priors have 1.
    fold: int = 1

    @property
    def size(self) -> int:
        """Side of the faces, px."""
        return self.prior.size * self.fold


class _ResBlock(nn.Module):
    """(N, in, H, W) -> (N, out, H * scale, W * scale), scale 0.5 or 2."""

    def __init__(self, inputs: int, outputs: int, scale: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)
        self._scale = scale

    def forward(self, x: Tensor) -> Tensor:
        branch = _resampled(F.leaky_relu(self.conv1(x), _SLOPE), self._scale)
        branch = F.leaky_relu(self.conv2(branch), _SLOPE)
        return branch + self.skip(_resampled(x, self._scale))


def _resampled(x: Tensor, scale: float) -> Tensor:
    return F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


class _ModulatedConv(nn.Module):
    """As in `resilver.nets.stylegan2`, with plain weights; doubles by interpolation beforehand.

    Where it demodulates, the activation's gain comes with it: a pass over the picture less.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel_px: int, style_dim: int, *, demodulate: bool = True
    ) -> None:
        super().__init__()
        shape = (1, outputs, inputs, kernel_px, kernel_px)
        self.weight = nn.Parameter(torch.randn(shape) / math.sqrt(inputs * kernel_px**2))
        self.modulation = nn.Linear(style_dim, inputs)
        nn.init.ones_(self.modulation.bias)
        self._demodulate = demodulate

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales, weight = self.modulation(style), self.weight[0]
        x = F.conv2d(x * scales[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        if self._demodulate:
            power = scales.square() @ weight.square().sum(dim=(2, 3)).T  # (N, out)
            x = x * (_GAIN * torch.rsqrt(power + 1e-8))[:, :, None, None]
        return x


class _StyleConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, style_dim: int, *, double: bool = False) -> None:
        super().__init__()
        self.modulated_conv = _ModulatedConv(inputs, outputs, 3, style_dim)
        self.weight = nn.Parameter(torch.zeros(1))  # strength of the noise
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1))
        self._double = double

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        if self._double:
            x = _resampled(x, 2.0)
        x = self.modulated_conv(x, style)
        return F.leaky_relu(x + self.weight * noise + self.bias, _SLOPE)


class _ToRGB(nn.Module):
    def __init__(self, inputs: int, style_dim: int, colours: int) -> None:
        super().__init__()
        self.modulated_conv = _ModulatedConv(inputs, colours, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, colours, 1, 1))

    def forward(self, x: Tensor, style: Tensor, before: Tensor | None) -> Tensor:
        colours = self.modulated_conv(x, style) + self.bias
        return colours if before is None else colours + _resampled(before, 2.0)


class _Constant(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, channels, 4, 4))


class _Noises(nn.Module):
    def __init__(self, scales: int) -> None:
        super().__init__()
        for layer in range(2 * scales - 1):
            side = 4 * 2 ** ((layer + 1) // 2)
            self.register_buffer(f"noise{layer}", torch.randn(1, 1, side, side))


class Decoder(nn.Module):
    """The prior, steered: styles (N, layers, style_dim) and conditions -> (N, C, size, size)."""

    def __init__(self, config: StyleGAN2Config, colours: int = 3) -> None:
        super().__init__()
        channels, dim = config.channels, config.style_dim
        mapping: list[nn.Module] = [PixelNorm()]
        for _ in range(config.mapping_layers):
            mapping += [nn.Linear(dim, dim), nn.LeakyReLU(_SLOPE)]
        self.style_mlp = nn.Sequential(*mapping)  # unused here: the codes come as w
        self.constant_input = _Constant(channels[0])
        self.style_conv1 = _StyleConv(channels[0], channels[0], dim)
        self.to_rgb1 = _ToRGB(channels[0], dim, colours)
        self.style_convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for coarse, fine in pairwise(channels):
            self.style_convs.append(_StyleConv(coarse, fine, dim, double=True))
            self.style_convs.append(_StyleConv(fine, fine, dim))
            self.to_rgbs.append(_ToRGB(fine, dim, colours))
        self.noises = _Noises(len(channels))

    def forward(self, styles: Tensor, scales: Sequence[Tensor], shifts: Sequence[Tensor]) -> Tensor:
        """`scales`, `shifts`: (N, channels / 2, H, W) for 8, 16, ... px."""
        noise: list[Tensor] = [
            getattr(self.noises, f"noise{layer}") for layer in range(styles.shape[1] - 1)
        ]
        x = self.constant_input.weight.expand(styles.shape[0], -1, -1, -1)
        x = self.style_conv1(x, styles[:, 0], noise[0])
        colours = self.to_rgb1(x, styles[:, 1], None)
        for step, to_rgb in enumerate(self.to_rgbs):
            layer = 2 * step + 1
            x = self.style_convs[2 * step](x, styles[:, layer], noise[layer])
            kept, steered = x.chunk(2, dim=1)
            x = torch.cat((kept, steered * scales[step] + shifts[step]), dim=1)
            x = self.style_convs[2 * step + 1](x, styles[:, layer + 1], noise[layer + 1])
            colours = to_rgb(x, styles[:, layer + 2], colours)
        return colours


class GFPGAN(nn.Module):
    """Damaged faces (N, 3, size, size) in [-1, 1] -> restored ones, about [-1, 1].

    `forward_scales` also gives what the U-Net alone makes of the face at 8, 16, ... px (times the
    fold), by which its own supervision goes.
    """

    def __init__(self, config: GFPGANConfig | None = None) -> None:
        super().__init__()
        self.config = config or GFPGANConfig()
        prior, widths = self.config.prior, self.config.unet_channels
        if len(widths) != len(prior.channels):
            raise ValueError("one width of the U-Net for every scale of the prior")
        colours = 3 * self.config.fold**2
        self.conv_body_first = nn.Conv2d(colours, widths[0], 1)
        self.conv_body_down = nn.ModuleList(
            _ResBlock(fine, coarse, 0.5) for fine, coarse in pairwise(widths)
        )
        self.final_conv = nn.Conv2d(widths[-1], widths[-1], 3, padding=1)
        upwards = widths[::-1]
        self.conv_body_up = nn.ModuleList(
            _ResBlock(coarse, fine, 2.0) for coarse, fine in pairwise(upwards)
        )
        self.toRGB = nn.ModuleList(nn.Conv2d(width, colours, 1) for width in upwards[1:])
        self.final_linear = nn.Linear(widths[-1] * 16, prior.layers * prior.style_dim)
        self.stylegan_decoder = Decoder(prior, colours)
        halves = [channels // 2 for channels in prior.channels[1:]]
        pairs = list(zip(upwards[1:], halves, strict=True))
        self.condition_scale = nn.ModuleList(_steering(width, half, 1.0) for width, half in pairs)
        self.condition_shift = nn.ModuleList(_steering(width, half, 0.0) for width, half in pairs)

    def forward(self, face: Tensor) -> Tensor:
        return self.forward_scales(face)[0]

    def forward_scales(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(restored (N, 3, size, size), the U-Net's own (N, 3, S, S), S from small to size)."""
        fold = self.config.fold
        places = face if fold == 1 else F.pixel_unshuffle(face, fold)  # (N, 3 fold^2, H, W)
        x = F.leaky_relu(self.conv_body_first(places), _SLOPE)
        skips: list[Tensor] = []
        for down in self.conv_body_down:
            x = down(x)
            skips.append(x)
        x = F.leaky_relu(self.final_conv(x), _SLOPE)  # (N, C, 4, 4)
        codes = self.final_linear(x.flatten(1))
        styles = codes.unflatten(1, (self.config.prior.layers, self.config.prior.style_dim))
        scales: list[Tensor] = []
        shifts: list[Tensor] = []
        own: list[Tensor] = []
        for step, up in enumerate(self.conv_body_up):
            x = up(x + skips.pop())
            scales.append(self.condition_scale[step](x))
            shifts.append(self.condition_shift[step](x))
            own.append(self.toRGB[step](x))
        drawn = self.stylegan_decoder(styles, scales, shifts)
        if fold > 1:
            drawn = F.pixel_shuffle(drawn, fold)
            own = [F.pixel_shuffle(colours, fold) for colours in own]
        return drawn, own

    @torch.no_grad()
    def from_prior(self, prior: Generator) -> None:
        """Takes the decoder's weights from a trained prior of the same shape.

        Raises:
            ValueError: the prior has another shape.
        """
        if prior.config != self.config.prior or self.config.fold != 1:
            raise ValueError(f"the prior is {prior.config}, not of a {self.config}")
        decoder = self.stylegan_decoder
        layers = (layer for layer in decoder.style_mlp if isinstance(layer, nn.Linear))
        for mine, theirs in zip(layers, list(prior.style)[1:], strict=True):
            assert isinstance(theirs, EqualLinear)
            # Leaky ReLU lets a positive factor through: its gain goes into the weights before it.
            _copy_linear(mine, theirs, _GAIN)
        decoder.constant_input.weight.copy_(prior.input.input)
        own = [decoder.style_conv1, *decoder.style_convs]
        for mine, theirs in zip(own, [prior.conv1, *prior.convs], strict=True):
            assert isinstance(mine, _StyleConv)
            assert isinstance(theirs, StyledConv)
            _copy_modulated(mine.modulated_conv, theirs.conv)
            mine.weight.copy_(theirs.noise.weight * _GAIN)
            mine.bias.copy_(theirs.activate.bias[None, :, None, None] * _GAIN)
        own = [decoder.to_rgb1, *decoder.to_rgbs]
        for mine, theirs in zip(own, [prior.to_rgb1, *prior.to_rgbs], strict=True):
            assert isinstance(mine, _ToRGB)
            assert isinstance(theirs, ToRGB)
            _copy_modulated(mine.modulated_conv, theirs.conv)
            mine.bias.copy_(theirs.bias)
        for layer, stored in enumerate(prior.stored_noise()):
            getattr(decoder.noises, f"noise{layer}").copy_(stored)


def _copy_modulated(mine: _ModulatedConv, theirs: ModulatedConv) -> None:
    weight = theirs.weight * theirs.scale
    # A transposed convolution turns its kernel round.
    mine.weight.copy_(weight.flip(3, 4) if theirs.doubles else weight)
    _copy_linear(mine.modulation, theirs.modulation)


def _copy_linear(mine: nn.Linear, theirs: EqualLinear, gain: float = 1.0) -> None:
    mine.weight.copy_(theirs.effective_weight() * gain)
    mine.bias.copy_(theirs.effective_bias() * gain)


def _steering(width: int, half: int, bias: float) -> nn.Sequential:
    """Features -> scale or shift of half of the prior's channels; starts at a constant."""
    last = nn.Conv2d(width, half, 3, padding=1)
    assert last.bias is not None
    nn.init.constant_(last.bias, bias)
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(_SLOPE), last)
