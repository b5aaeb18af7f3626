"""The layers of SqueezeNet v1.0 up to its last features.

Reference: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters" (2016).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# number of the fire module -> channels (in, squeezed, of each expansion)
_FIRES = {
    2: (96, 16, 64), 3: (128, 16, 64), 4: (128, 32, 128), 5: (256, 32, 128),
    6: (256, 48, 192), 7: (384, 48, 192), 8: (384, 64, 256), 9: (512, 64, 256),
}  # fmt: skip
_POOL_BEFORE = (5, 9)  # and between conv1 and fire2
# Networks of ours that begin with these layers give them less than SqueezeNet was given, by this
# factor; its features are then usually about so large, finest first.
UNIT, SIZES = 32.0, (6.0, 1.2, 1.1)


class _Fire(nn.Module):
    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat((F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))), dim=1)


class SqueezeNetFeatures(nn.Module):
    """Image (N, C, H, W), at least 32 px -> the features of fire modules 4, 8 and 9.

    Their channels are `CHANNELS`. Padded by `aligned_input`, they have 1/4, 1/8 and 1/16 of the
    photo's size, cell on cell.
    """

    CHANNELS = (256, 512, 512)
    _SEEN = (4, 8, 9)

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 96, 7, stride=2)
        for number, widths in _FIRES.items():
            self.add_module(f"fire{number}", _Fire(*widths))

    def start_from_nothing(self) -> None:
        """Draws weights for training without SqueezeNet's."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = F.relu(self.conv1(image))
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
