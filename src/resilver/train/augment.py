"""Augmentation that gradients pass through, as strong as the discriminator needs.

Reference: Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020): real
and generated images are changed alike before they are judged, each change with probability p; p
rises where the discriminator knows the real ones by heart, and falls where it does not.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

TARGET = 0.6  # wanted mean sign of the logits of real images
IMAGES_TO_FULL = 250_000  # p goes from 0 to 1 within so many images at most
MOST = 0.8  # at 1 changes would show in what is generated

_SHIFT, _ZOOM, _TURN_DEG = 0.12, 0.2, 20.0
_BRIGHTNESS, _CONTRAST, _SATURATION = 0.2, 0.4, 0.8


def augment(images: Tensor, p: float) -> Tensor:
    """(N, 3, H, W) in about [-1, 1] -> the same, each kind of change made to a share p of them."""
    if p <= 0.0:
        return images
    return _recoloured(_moved(images, p), p)


def adapted(p: float, real_signs: float, images: int) -> float:
    """The probability for the next step, after `images` with this mean sign of real logits."""
    step = images / IMAGES_TO_FULL
    return min(max(p + (step if real_signs > TARGET else -step), 0.0), MOST)


def _chosen(count: int, p: float, images: Tensor) -> Tensor:
    """(count,) of 1 with probability p, else 0."""
    return (torch.rand(count, device=images.device) < p).float()


def _drawn(count: int, images: Tensor) -> Tensor:
    """(count,) uniform in [-1, 1]."""
    return 2.0 * torch.rand(count, device=images.device) - 1.0


def _moved(images: Tensor, p: float) -> Tensor:
    """Mirrored, shifted, zoomed and turned, by one resampling."""
    count = len(images)
    mirror = 1.0 - 2.0 * _chosen(count, p / 2, images)
    turn = math.radians(_TURN_DEG) * _drawn(count, images) * _chosen(count, p, images)
    zoom = torch.exp(_ZOOM * _drawn(count, images) * _chosen(count, p, images))
    shift = [2 * _SHIFT * _drawn(count, images) * _chosen(count, p, images) for _ in range(2)]
    cosine, sine = torch.cos(turn) / zoom, torch.sin(turn) / zoom
    rows = (
        torch.stack((cosine * mirror, -sine, shift[0]), dim=1),
        torch.stack((sine * mirror, cosine, shift[1]), dim=1),
    )
    grid = F.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _recoloured(images: Tensor, p: float) -> Tensor:
    """Brighter or darker, with more or less contrast and colour."""
    count = len(images)
    shape = (count, 1, 1, 1)
    brightness = _BRIGHTNESS * _drawn(count, images) * _chosen(count, p, images)
    contrast = torch.exp(_CONTRAST * _drawn(count, images) * _chosen(count, p, images))
    saturation = torch.exp(_SATURATION * _drawn(count, images) * _chosen(count, p, images))
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * saturation.reshape(shape)
    return images * contrast.reshape(shape) + brightness.reshape(shape)
