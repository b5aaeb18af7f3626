"""Losses of face restoration: each has its weight, and a weight of 0 switches it off.

Reference: Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior"
(2021): reconstruction, adversarial, facial components with feature-style matching, identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.imaging.alignment import FFHQ_FRAME, IDENTITY_FRAME, inverse, similarity
from resilver.nets.discriminator import EqualConv
from resilver.nets.stylegan2 import BiasedLeakyReLU
from resilver.train.losses import unmoved, without
from resilver.train.mobilefacenet import SIDE_PX, MobileFaceNet

# Where the parts of a face lie in the frame of FFHQ, as (left, top, right, bottom) of side 1: with
# room for faces that are not quite where they should be.
COMPONENTS = {
    "left_eye": (0.26, 0.36, 0.51, 0.58),
    "right_eye": (0.49, 0.36, 0.74, 0.58),
    "mouth": (0.33, 0.61, 0.67, 0.86),
}


@dataclass(frozen=True)
class LossWeights:
    """How much each loss counts; 0 = switched off, and not computed."""

    pixels: float = 1.0  # L1 to the good face
    pyramid: float = 0.3  # L1 of what the U-Net alone makes at 8, 16, ... px
    perceptual: float = 0.5  # features of SqueezeNet
    adversarial: float = 0.01  # a discriminator of whole faces
    components: float = 0.01  # discriminators of the eyes and the mouth
    style: float = 0.5  # Gram matrices of those discriminators' features
    identity: float = 1.2  # embeddings of MobileFaceNet

    def without(self, names: Sequence[str]) -> LossWeights:
        """These weights with some losses switched off.

        Raises:
            OptionError: no loss has one of the names.
        """
        return without(self, names)


class ComponentJudge(nn.Module):
    """How real a part of a face looks: (N, 3, h, w) in [-1, 1] -> logits (N, 1, h/8, w/8).

    Also the features on the way, (N, C, h/2, w/2) and (N, C, h/4, w/4), for style.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 64)) -> None:
        super().__init__()
        self.first = nn.Sequential(EqualConv(3, widths[0], 3), BiasedLeakyReLU(widths[0]))
        self.downs = nn.ModuleList(
            nn.Sequential(EqualConv(fine, coarse, 3), BiasedLeakyReLU(coarse), nn.AvgPool2d(2))
            for fine, coarse in pairwise(widths)
        )
        self.last = EqualConv(widths[-1], 1, 3)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = self.first(image)
        seen: list[Tensor] = []
        for down in self.downs:
            x = down(x)
            seen.append(x)
        return self.last(x), seen[:2]


def component(face: Tensor, name: str) -> Tensor:
    """Where this component lies in aligned faces (N, C, S, S); sides are multiples of 8."""
    side = face.shape[-1]
    left, top, right, bottom = (round(edge * side / 8) * 8 for edge in COMPONENTS[name])
    return face[..., top:bottom, left:right]


def judged_component(
    judge: ComponentJudge, real: Tensor, drawn: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """(the judge's loss, the drawer's loss, difference in style of the judge's features)."""
    seen, features = judge(real)
    judging = F.softplus(judge(drawn.detach())[0]).mean() + F.softplus(-seen).mean()
    fooled, drawn_features = unmoved(judge, drawn)
    style = sum(
        (
            F.l1_loss(gram(mine), gram(theirs.detach()))
            for mine, theirs in zip(drawn_features, features, strict=True)
        ),
        start=torch.zeros((), device=real.device),
    )
    return judging, F.softplus(-fooled).mean(), style


def gram(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, C), mean over positions (Gatys et al. 2016)."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[-1]


class Identity:
    """1 - cosine between the embeddings of two faces in the frame of FFHQ."""

    def __init__(self, weights: Path, device: torch.device) -> None:
        self._network = MobileFaceNet.read(weights).to(device)
        self._grid = _identity_grid().to(device)

    def __call__(self, drawn: Tensor, real: Tensor) -> Tensor:
        count = max(len(drawn) // 2, 1)  # half of them, to save time
        with torch.no_grad():
            wanted = self._network(self._cut(real[:count]))
        mine = self._network(self._cut(drawn[:count]))
        return 1.0 - F.cosine_similarity(mine.float(), wanted.float(), dim=1).mean()

    def _cut(self, face: Tensor) -> Tensor:
        grid = self._grid.expand(len(face), -1, -1, -1)
        return F.grid_sample(face, grid, align_corners=False)


def _identity_grid() -> Tensor:
    """Where each pixel of ArcFace's frame lies in FFHQ's, (1, 112, 112, 2) in [-1, 1]."""
    back = inverse(similarity(FFHQ_FRAME, IDENTITY_FRAME))  # sides of 1 to sides of 1
    middles = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    x, y = np.meshgrid(middles, middles)
    points = np.stack((x, y), axis=2) @ back[:, :2].T + back[:, 2]
    return torch.from_numpy((2.0 * points - 1.0).astype(np.float32))[None]
