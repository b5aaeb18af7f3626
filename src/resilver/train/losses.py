"""Losses shared by recipes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """1 - soft Dice, over the batch and the image, mean over channels.

    Reference: Milletari et al., "V-Net" (2016). (N, C, H, W) logits and truth in {0, 1}.
    """
    probability = torch.sigmoid(logits)
    overlap = (probability * truth).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    # The constant keeps a channel that is absent from the batch from swinging the gradient.
    return (1.0 - (2.0 * overlap + 50.0) / (total + 50.0)).mean()


def balanced_cross_entropy(logits: Tensor, truth: Tensor, most: float = 4.0) -> Tensor:
    """Pixel-wise cross-entropy in which damaged and sound pixels weigh the same, per channel.

    Where both weigh the same, a constant output has no gradient: what is learned first is where
    damage is, not how much of it there is. `most` bounds the weight of a damaged pixel.

    Reference: Xie and Tu, "Holistically-Nested Edge Detection" (2015). (N, C, H, W) both.
    """
    share = truth.mean(dim=(0, 2, 3), keepdim=True)
    weight = ((1.0 - share) / share.clamp_min(1e-4)).clamp(1.0, most)
    return F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight)
