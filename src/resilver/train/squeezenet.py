"""SqueezeNet v1.0's features as a teacher: for losses and for content features.

The weights are the caller's: a safetensors file with keys `conv1.weight`, `fire2.squeeze.weight`...
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from resilver.errors import RecipeError
from resilver.nets.squeezenet import UNIT, SqueezeNetFeatures, aligned_input

__all__ = ["SqueezeNet", "aligned_input"]

_MEAN = (123.0, 117.0, 104.0)  # of red, green, blue, in grey levels


class SqueezeNet(SqueezeNetFeatures):
    """RGB (N, 3, H, W) in [0, 1], at least 32 px -> the features of fire modules 4, 8 and 9.

    Features are not normalised: they reach several thousand.
    """

    @classmethod
    def read(cls, path: Path) -> SqueezeNet:
        """The network with the weights of a file, frozen.

        Raises:
            RecipeError: not a safetensors file, or not of SqueezeNet v1.0.
        """
        network = cls()
        try:
            stored = load_file(path)
            # The classifier on top is of no use here.
            network.load_state_dict({k: v for k, v in stored.items() if "conv10" not in k})
        except (OSError, SafetensorError, RuntimeError) as error:
            raise RecipeError(f"{path}: not the weights of SqueezeNet v1.0") from error
        return network.eval().requires_grad_(requires_grad=False)

    def in_units(self) -> dict[str, Tensor]:
        """The weights for layers that are given less, by the factor `UNIT`."""
        return {
            name: weight / UNIT if name.endswith(".bias") else weight
            for name, weight in self.state_dict().items()
        }

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        mean = torch.tensor(_MEAN, device=image.device)[:, None, None]
        return super().forward((255.0 * image - mean).flip(1))
