"""W as a Gaussian: where the codes of a StyleGAN2 prior lie, and what is likely there.

Menon et al., "PULSE: Self-Supervised Photo Upsampling via Latent Space Exploration of Generative
Models" (2020): the mapping network ends in a leaky ReLU; before it, its codes are nearly normal.
They take the deviation of each number by itself, we the covariance (after Zhu et al., "Improved
StyleGAN Embedding: Where are the Good Latents?", 2020), since the numbers of W hang together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from resilver.nets.stylegan2 import Generator

_SLOPE = 0.2  # of the mapping network's leaky ReLU
_AT_ONCE = 2000
_LEAST_SHARE = 1e-4  # directions of less variance than this share of the largest are left out


@dataclass(frozen=True, eq=False)
class LatentGaussian:
    """A change of variables: u (..., k), standard normal, <-> w (..., style_dim).

    k is the number of directions in which codes differ at all. Of a k-dimensional standard normal
    nearly everything lies at the distance sqrt(k) from the origin: likely codes are a sphere.
    """

    mean: Tensor  # (style_dim,)
    root: Tensor  # (style_dim, k), its columns perpendicular

    @property
    def dimensions(self) -> int:
        return self.root.shape[1]

    @property
    def radius(self) -> float:
        return math.sqrt(self.dimensions)

    def to_w(self, u: Tensor) -> Tensor:
        """u (..., k) -> w (..., style_dim)."""
        return F.leaky_relu(self.mean + u @ self.root.T, _SLOPE)

    def to_u(self, w: Tensor) -> Tensor:
        """w (..., style_dim) -> u (..., k)."""
        before = F.leaky_relu(w, 1.0 / _SLOPE) - self.mean
        return before @ self.root / self.root.square().sum(dim=0)


@torch.no_grad()
def measured(generator: Generator, *, count: int = 20_000, seed: int = 0) -> LatentGaussian:
    """The Gaussian of a generator's W, from `count` mapped codes z; the same for the same seed."""
    weight = generator.input.input
    draw = torch.Generator().manual_seed(seed)
    parts: list[Tensor] = []
    for start in range(0, count, _AT_ONCE):
        size = min(_AT_ONCE, count - start)
        z = torch.randn(size, generator.config.style_dim, generator=draw).to(weight.device)
        parts.append(F.leaky_relu(generator.mapping(z), 1.0 / _SLOPE))
    values = torch.cat(parts)
    mean = values.mean(dim=0)
    variances, directions = torch.linalg.eigh(torch.cov(values.T.double()))
    kept = variances > _LEAST_SHARE * variances.max()
    root = directions[:, kept] * variances[kept].sqrt()
    return LatentGaussian(mean, root.to(weight.dtype))
