"""StyleGAN2's generator: faces from a latent code, the prior of restoration and exploration.

Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020): mapping
network, weight modulation and demodulation, skip generator (the discriminator stands in
`resilver.nets.discriminator`). Parameters are named and shaped as in the widely used PyTorch
implementation (rosinality/stylegan2-pytorch), so that its checkpoints load as they are.

Weights of "equalised" layers are stored at unit variance and scaled when used (Karras et al.,
2018): all layers then learn at one rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BLUR = (1.0, 3.0, 3.0, 1.0)  # the taps of every resampling filter
_SLOPE, _GAIN = 0.2, 2.0**0.5  # leaky ReLU, and the gain that keeps its variance
_MAPPING_RATE = 0.01  # the mapping network learns a hundred times more slowly


@dataclass(frozen=True)
class StyleGAN2Config:
    """Shape of a generator and its discriminator; frozen, so that it can stand in a checkpoint."""

    style_dim: int = 256  # of the latents z and w
    mapping_layers: int = 6
    channels: tuple[int, ...] = (256, 256, 256, 192, 128, 64)  # at 4, 8, 16, ... px

    @property
    def size(self) -> int:
        """Side of the images, px."""
        return 4 * 2 ** (len(self.channels) - 1)

    @property
    def layers(self) -> int:
        """How many styles an image takes: one a convolution, and one for the last colours."""
        return 2 * len(self.channels)

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> StyleGAN2Config:
        """The shape of the generator that these weights are of, read off their own shapes.

        Raises:
            KeyError: a weight is missing.
        """
        channels = [weights["input.input"].shape[1]]
        while (name := f"convs.{2 * len(channels) - 2}.conv.weight") in weights:
            channels.append(weights[name].shape[1])
        depth = 0
        while f"style.{depth + 1}.weight" in weights:
            depth += 1
        return cls(weights["style.1.weight"].shape[0], depth, tuple(channels))


class EqualLinear(nn.Module):
    """Fully connected layer of equalised rate, (N, in) -> (N, out)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: float = 0.0,
        rate: float = 1.0,
        leaky: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self._scale, self._rate, self._leaky = rate * inputs**-0.5, rate, leaky

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.effective_weight(), self.effective_bias())
        return F.leaky_relu(x, _SLOPE) * _GAIN if self._leaky else x

    def effective_weight(self) -> Tensor:
        """The weight (out, in) as it is used."""
        return self.weight * self._scale

    def effective_bias(self) -> Tensor:
        """The bias (out,) as it is used."""
        return self.bias * self._rate


class PixelNorm(nn.Module):
    """Brings each latent (N, C) to unit mean square."""

    def forward(self, z: Tensor) -> Tensor:
        return z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)


class BiasedLeakyReLU(nn.Module):
    """Adds a bias to each channel of (N, C, H, W), then leaky ReLU with its gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.bias[:, None, None], _SLOPE) * _GAIN


class Blur(nn.Module):
    """The resampling filter on every channel: smooths, or doubles the size where told to."""

    kernel: Tensor  # (4, 4); its sum is the gain

    def __init__(
        self, channels: int, gain: float = 1.0, *, pad: int = 1, double: bool = False
    ) -> None:
        super().__init__()
        taps = torch.tensor(_BLUR)
        self.register_buffer("kernel", torch.outer(taps, taps) / taps.sum() ** 2 * gain)
        self._channels, self._pad, self._double = channels, pad, double

    def forward(self, x: Tensor) -> Tensor:
        channels = self._channels
        kernel = self.kernel.expand(channels, 1, 4, 4)
        if self._double:  # (N, C, H, W) -> (N, C, 2H, 2W): zeros between the pixels, then filtered
            return F.conv_transpose2d(x, kernel, stride=2, padding=self._pad, groups=channels)
        return F.conv2d(x, kernel, padding=self._pad, groups=channels)


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style.

    Demodulation makes every output channel of unit variance for unit input. Both are done on the
    activations, not on the weights: the same numbers, and one convolution for the whole batch.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_px: int,
        style_dim: int,
        *,
        demodulate: bool = True,
        double: bool = False,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, outputs, inputs, kernel_px, kernel_px))
        self.modulation = EqualLinear(style_dim, inputs, bias=1.0)
        self.scale = (inputs * kernel_px**2) ** -0.5  # of the weight when it is used
        self._demodulate, self.doubles = demodulate, double
        if double:
            self.blur = Blur(outputs, gain=4.0)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(N, in, H, W), (N, style_dim) -> (N, out, H, W), or (N, out, 2H, 2W)."""
        scales = self.modulation(style)  # (N, in)
        weight = self.weight[0] * self.scale  # (out, in, k, k)
        x = x * scales[:, :, None, None]
        if self.doubles:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        else:
            x = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if self._demodulate:
            power = scales.square() @ weight.square().sum(dim=(2, 3)).T  # (N, out)
            x = x * torch.rsqrt(power + 1e-8)[:, :, None, None]
        return x


class NoiseInjection(nn.Module):
    """Adds one noise map to all channels, by a learned strength."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return x + self.weight * noise


class StyledConv(nn.Module):
    """Modulated convolution, noise, activation."""

    def __init__(self, inputs: int, outputs: int, style_dim: int, *, double: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, style_dim, double=double)
        self.noise = NoiseInjection()
        self.activate = BiasedLeakyReLU(outputs)

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        return self.activate(self.noise(self.conv(x, style), noise))


class ToRGB(nn.Module):
    """Features -> colours (N, 3, H, W), added to the enlarged colours of the scale before."""

    def __init__(self, inputs: int, style_dim: int, *, first: bool = False) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, 3, 1, style_dim, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(1, 3, 1, 1))
        if not first:
            self.upsample = Blur(3, gain=4.0, double=True)

    def forward(self, x: Tensor, style: Tensor, before: Tensor | None) -> Tensor:
        colours = self.conv(x, style) + self.bias
        return colours if before is None else colours + self.upsample(before)


class _Constant(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = nn.Parameter(torch.randn(1, channels, 4, 4))


class _Noises(nn.Module):
    """A noise map (1, 1, H, W) for each convolution, added where none are given."""

    def __init__(self, scales: int) -> None:
        super().__init__()
        for layer in range(2 * scales - 1):
            side = 4 * 2 ** ((layer + 1) // 2)
            self.register_buffer(f"noise_{layer}", torch.randn(1, 1, side, side))


class Generator(nn.Module):
    """Latents -> faces (N, 3, size, size), about [-1, 1].

    `mapping` takes z (N, style_dim), standard normal, to w; `synthesis` takes one w for each layer.
    """

    def __init__(self, config: StyleGAN2Config | None = None) -> None:
        super().__init__()
        self.config = config or StyleGAN2Config()
        channels, dim = self.config.channels, self.config.style_dim
        mapping = [
            EqualLinear(dim, dim, rate=_MAPPING_RATE, leaky=True)
            for _ in range(self.config.mapping_layers)
        ]
        self.style = nn.Sequential(PixelNorm(), *mapping)
        self.input = _Constant(channels[0])
        self.conv1 = StyledConv(channels[0], channels[0], dim)
        self.to_rgb1 = ToRGB(channels[0], dim, first=True)
        self.convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for coarse, fine in pairwise(channels):
            self.convs.append(StyledConv(coarse, fine, dim, double=True))
            self.convs.append(StyledConv(fine, fine, dim))
            self.to_rgbs.append(ToRGB(fine, dim))
        self.noises = _Noises(len(channels))

    def forward(self, z: Tensor) -> Tensor:
        """z (N, style_dim) -> faces, with fresh noise."""
        return self.synthesis(self.broadcast(self.mapping(z)), self.fresh_noise(len(z)))

    def mapping(self, z: Tensor) -> Tensor:
        """z (N, style_dim) -> w (N, style_dim)."""
        return self.style(z)

    def broadcast(self, w: Tensor) -> Tensor:
        """w (N, style_dim) -> the same for every layer, (N, layers, style_dim)."""
        return w[:, None].expand(-1, self.config.layers, -1)

    def stored_noise(self) -> list[Tensor]:
        """The network's own noise maps, one (1, 1, H, W) for each convolution, coarse to fine."""
        return [getattr(self.noises, f"noise_{layer}") for layer in range(self.config.layers - 1)]

    def fresh_noise(self, count: int) -> list[Tensor]:
        """Noise maps (count, 1, H, W) for each convolution."""
        return [
            torch.randn_like(stored.expand(count, -1, -1, -1)) for stored in self.stored_noise()
        ]

    def synthesis(self, styles: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Styles (N, layers, style_dim) -> faces (N, 3, size, size).

        `noise`: a map for each convolution; None = the stored ones.
        """
        maps = self.stored_noise() if noise is None else noise
        x = self.input.input.expand(styles.shape[0], -1, -1, -1)
        x = self.conv1(x, styles[:, 0], maps[0])
        colours = self.to_rgb1(x, styles[:, 1], None)
        for scale, to_rgb in enumerate(self.to_rgbs):
            layer = 2 * scale + 1
            x = self.convs[2 * scale](x, styles[:, layer], maps[layer])
            x = self.convs[2 * scale + 1](x, styles[:, layer + 1], maps[layer + 1])
            colours = to_rgb(x, styles[:, layer + 2], colours)
        return colours
