"""The sphere of likely codes: staying on it, and how far apart two of its points are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def onto_sphere(points: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Points scaled to the norm that a standard normal of their size has: sqrt(numbers in dims)."""
    radius = math.sqrt(math.prod(points.shape[dim] for dim in dims))
    norm = points.square().sum(dim=dims, keepdim=True).sqrt()
    return points * (radius / (norm + 1e-12))


def geodesic_cross(u: Tensor) -> Tensor:
    """How far the layers of each code (N, layers, k) are apart: (N,), mean squared angle of pairs.

    The cross loss of Menon et al. (2020), in radians; 0 where all layers have one code.
    """
    one, other = u[:, None], u[:, :, None]  # (N, 1, L, k), (N, L, 1, k)
    # The half angle from both diagonals of the rhombus: exact for near and for opposite points.
    # Norms are kept from 0, where they have no gradient.
    apart = ((one - other).square().sum(dim=-1) + 1e-9).sqrt()
    together = ((one + other).square().sum(dim=-1) + 1e-9).sqrt()
    angles = 2.0 * torch.atan2(apart, together)
    return angles.square().mean(dim=(1, 2))


class SphericalAdam:
    """Adam along spheres: steps are tangent, and after each one every point is back on its sphere.

    Args:
        points: pairs of a tensor that is optimised in place and its dimensions that make up one
            point; what is before them is a batch of points.
        rate: peak learning rate, per number of a standard normal.
    """

    def __init__(self, points: Sequence[tuple[Tensor, tuple[int, ...]]], rate: float) -> None:
        self._points = points
        self._rate = rate
        groups: list[dict[str, Any]] = [{"params": [tensor for tensor, _ in points], "lr": rate}]
        self._adam = torch.optim.Adam(groups, betas=(0.9, 0.99))

    def step(self, loss: Tensor, factor: float) -> None:
        """One step down `loss`, at `factor` times the rate."""
        self._adam.zero_grad(set_to_none=True)
        loss.backward()
        for group in self._adam.param_groups:
            group["lr"] = self._rate * factor
        with torch.no_grad():
            for tensor, dims in self._points:
                if tensor.grad is not None:
                    outward = (tensor.grad * tensor).sum(dim=dims, keepdim=True)
                    outward /= tensor.square().sum(dim=dims, keepdim=True)
                    tensor.grad -= outward * tensor
            self._adam.step()
            for tensor, dims in self._points:
                tensor.copy_(onto_sphere(tensor, dims))
