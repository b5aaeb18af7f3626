"""Codes of faces by principal components: what a generator may learn from before any judge.

Reference: Bojanowski et al., "Optimizing the Latent Space of Generative Networks" (2018): codes
that start as principal components, and a generator that draws each face from its code. Turk and
Pentland, "Eigenfaces for Recognition" (1991). Whitened components are, over many faces, nearly the
standard normal codes that a generator draws from afterwards.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE_PX = 32  # what is finer than this has no say in a code
_LEAST_DEVIATION = 1e-3  # of the largest


class FaceCodes(nn.Module):
    """Faces (N, 3, S, S) in [-1, 1] -> codes (N, dim), each number about standard normal.

    Until it is `fit` it knows no faces, and `known` is false.
    """

    mean: Tensor  # (3072,)
    axes: Tensor  # (3072, dim): principal directions, each over its deviation
    deviations: Tensor  # (dim,), largest first

    def __init__(self, dim: int) -> None:
        super().__init__()
        values = 3 * SIDE_PX**2
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("axes", torch.zeros(values, dim))
        self.register_buffer("deviations", torch.zeros(dim))

    @property
    def known(self) -> bool:
        """Whether it has been fit."""
        return bool(self.deviations[0] > 0)

    def forward(self, faces: Tensor) -> Tensor:
        return (_small(faces) - self.mean) @ self.axes

    @torch.no_grad()
    def fit(self, faces: Tensor) -> None:
        """Finds the components of these faces, mirrored ones with them."""
        dim = len(self.deviations)
        small = torch.cat((_small(faces), _small(faces.flip(3))))
        mean = small.mean(dim=0)
        covariance = (small - mean).T @ (small - mean) / len(small)
        powers, axes = torch.linalg.eigh(covariance)
        deviations = powers[-dim:].flip(0).clamp_min(0.0).sqrt()
        # Few faces have fewer components than a code has numbers: the rest are to be about 0.
        deviations = deviations.clamp_min(_LEAST_DEVIATION * float(deviations[0]))
        self.mean.copy_(mean)
        self.axes.copy_(axes[:, -dim:].flip(1) / deviations)
        self.deviations.copy_(deviations)


def _small(faces: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(faces.float(), SIDE_PX).flatten(1)
