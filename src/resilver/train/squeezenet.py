"""SqueezeNet v1.0's features as a teacher: for losses and for content features, never shipped.

Reference: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters" (2016).
The weights are the caller's: a safetensors file with keys `conv1.weight`, `fire2.squeeze.weight`...
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from resilver.errors import RecipeError

_MEAN = (123.0, 117.0, 104.0)  # of red, green, blue, in grey levels
# number of the fire module -> channels (in, squeezed, of each expansion)
_FIRES = {
    2: (96, 16, 64), 3: (128, 16, 64), 4: (128, 32, 128), 5: (256, 32, 128),
    6: (256, 48, 192), 7: (384, 48, 192), 8: (384, 64, 256), 9: (512, 64, 256),
}  # fmt: skip
_POOL_BEFORE = (5, 9)  # and between conv1 and fire2


class _Fire(nn.Module):
    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat((F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))), dim=1)


class SqueezeNet(nn.Module):
    """RGB (N, 3, H, W) in [0, 1], at least 32 px -> the features of fire modules 4, 8 and 9.

    Their channels are `CHANNELS`. Features are not normalised: they reach several thousand. Padded
    by `aligned_input`, they have 1/4, 1/8 and 1/16 of the photo's size, cell on cell.
    """

    CHANNELS = (256, 512, 512)
    _SEEN = (4, 8, 9)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, stride=2)
        for number, widths in _FIRES.items():
            self.add_module(f"fire{number}", _Fire(*widths))

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

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        mean = torch.tensor(_MEAN, device=rgb.device)[:, None, None]
        x = F.relu(self.conv1((255.0 * rgb - mean).flip(1)))
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        seen: list[Tensor] = []
        for number in _FIRES:
            if number in _POOL_BEFORE:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = self.get_submodule(f"fire{number}")(x)
            if number in self._SEEN:
                seen.append(x)
        return tuple(seen)


def aligned_input(image: Tensor) -> Tensor:
    """Pads (N, C, H, W), H and W multiples of 16, so that cells lie where a U-Net's lie."""
    return F.pad(image, (3, 4, 3, 4), mode="reflect")
