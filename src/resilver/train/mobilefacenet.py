"""MobileFaceNet as a judge of identity in a loss: differentiable, frozen, never shipped.

Reference: Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on
Mobile Devices" (2018). The weights are the caller's: a safetensors file in which batch norms are
folded, with keys `stem.weight`, `res3.0.expand.weight`, `res3.0.expand.prelu`...
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from resilver.errors import RecipeError

SIDE_PX = 112


class _Layer(nn.Module):
    """Convolution with bias, then PReLU where `active`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel_px: int = 1,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs // groups, kernel_px, kernel_px))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.prelu = nn.Parameter(torch.zeros(outputs)) if active else None
        self._stride, self._padding, self._groups = stride, padding, groups

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.weight, self.bias, self._stride, self._padding, 1, self._groups)
        return x if self.prelu is None else F.prelu(x, self.prelu)


class _Block(nn.Module):
    """Inverted bottleneck; what it is given is added to what it makes where `skip`."""

    def __init__(
        self, inputs: int, middle: int, outputs: int, *, stride: int = 1, skip: bool = False
    ) -> None:
        super().__init__()
        self.expand = _Layer(inputs, middle)
        self.dw = _Layer(middle, middle, 3, stride=stride, padding=1, groups=middle)
        self.project = _Layer(middle, outputs, active=False)
        self._skip = skip

    def forward(self, x: Tensor) -> Tensor:
        made = self.project(self.dw(self.expand(x)))
        return x + made if self._skip else made


class _Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.expand = _Layer(128, 512)
        self.dw7 = _Layer(512, 512, 7, groups=512, active=False)
        self.fc = nn.Linear(512, 128)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.dw7(self.expand(x)).flatten(1))


class MobileFaceNet(nn.Module):
    """RGB faces (N, 3, 112, 112) in [0, 1], aligned to `IDENTITY_FRAME` -> embeddings (N, 128).

    They are not normalised: compare them by their cosine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Layer(3, 64, 3, stride=2, padding=1)
        self.stem_dw = _Layer(64, 64, 3, padding=1, groups=64)
        self.down3 = _Block(64, 128, 64, stride=2)
        self.res3 = nn.Sequential(*(_Block(64, 128, 64, skip=True) for _ in range(4)))
        self.down4 = _Block(64, 256, 128, stride=2)
        self.res4 = nn.Sequential(*(_Block(128, 256, 128, skip=True) for _ in range(6)))
        self.down5 = _Block(128, 512, 128, stride=2)
        self.res5 = nn.Sequential(*(_Block(128, 256, 128, skip=True) for _ in range(2)))
        self.head = _Head()

    @classmethod
    def read(cls, path: Path) -> MobileFaceNet:
        """The network with the weights of a file, frozen.

        Raises:
            RecipeError: not a safetensors file, or not of this network.
        """
        network = cls()
        try:
            network.load_state_dict(load_file(path))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise RecipeError(f"{path}: not the weights of MobileFaceNet") from error
        return network.eval().requires_grad_(requires_grad=False)

    def forward(self, face: Tensor) -> Tensor:
        x = (255.0 * face - 127.5) * 0.0078125
        x = self.stem_dw(self.stem(x))
        x = self.res3(self.down3(x))
        x = self.res4(self.down4(x))
        x = self.res5(self.down5(x))
        return self.head(x)
