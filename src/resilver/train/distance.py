"""How far a set of generated images is from real ones: a Fréchet distance of SqueezeNet features.

After Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017), who take Inception's
features: figures are comparable with each other, not with a published "FID".
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from resilver.train.squeezenet import SqueezeNet

_LEAST_PX = 64  # smaller faces are enlarged to it: SqueezeNet sees in cells of 16 px

Statistics = tuple[NDArray[np.float64], NDArray[np.float64]]  # mean (d,), covariance (d, d)


def in_view(faces: Tensor) -> Tensor:
    """Faces (N, 3, S, S) in [-1, 1] as SqueezeNet is shown them: [0, 1], at least 64 px."""
    faces = (faces.clamp(-1.0, 1.0) + 1.0) / 2.0
    if faces.shape[-1] >= _LEAST_PX:
        return faces
    return F.interpolate(faces, (_LEAST_PX, _LEAST_PX), mode="bilinear", align_corners=False)


@torch.no_grad()
def statistics(network: SqueezeNet, batches: Iterable[Tensor]) -> Statistics:
    """Mean and covariance of the last features of RGB batches (N, 3, H, W) in [0, 1]."""
    features = [network(batch)[-1].mean(dim=(2, 3)).double().cpu().numpy() for batch in batches]
    together = np.concatenate(features)
    return together.mean(axis=0), np.cov(together, rowvar=False)


def frechet(one: Statistics, other: Statistics) -> float:
    """|m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^1/2), per dimension and relative to C1's variance."""
    (mean_1, cov_1), (mean_2, cov_2) = one, other
    root_1 = _root(cov_1)
    cross = np.linalg.eigvalsh(root_1 @ cov_2 @ root_1)
    trace = np.trace(cov_1) + np.trace(cov_2) - 2.0 * np.sqrt(np.maximum(cross, 0.0)).sum()
    # SqueezeNet's features reach thousands: in units of the real images' own variance.
    return float((np.square(mean_1 - mean_2).sum() + trace) / np.trace(cov_1))


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
