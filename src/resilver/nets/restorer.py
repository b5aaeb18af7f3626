"""A face restorer as it is trained and shipped: GFP-GAN in colours from 0 to 1.

With a trained prior the decoder draws the whole face, as published (Wang et al. 2021). Without one
it has nothing to draw from yet, so it draws what the aged face lacks, and the face itself comes
straight through (residual learning: He et al., "Deep Residual Learning", 2016). Since GFP-GAN has
no way from pixel to pixel at full size, a few convolutions then look at both, the face and what was
drawn: grain cannot be taken off by a picture that does not know where it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.nets.gfpgan import GFPGAN, GFPGANConfig

_SLOPE = 0.2
_FOLD, _COLOURS, _FEATURES = 2, 12, 32  # the last look is taken at squares of 2 x 2 pixels


class FaceRestorer(nn.Module):
    """Aged faces (N, 3, size, size) RGB in [0, 1] -> restored ones, the same."""

    def __init__(self, config: GFPGANConfig | None = None, *, residual: bool = False) -> None:
        super().__init__()
        self.network = GFPGAN(config)
        decoder = self.network.stylegan_decoder
        decoder.style_mlp.requires_grad_(requires_grad=False)  # the prior's, of no use here
        self.last_look = _LastLook() if residual else None
        if residual:  # begins by changing next to nothing
            with torch.no_grad():
                for to_rgb in (decoder.to_rgb1, *decoder.to_rgbs):
                    to_rgb.get_parameter("modulated_conv.weight").mul_(0.1)

    def forward(self, face: Tensor) -> Tensor:
        return self._finished(self.network(2.0 * face - 1.0), face).clamp(0.0, 1.0)

    def forward_scales(self, face: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(restored (N, 3, size, size), the U-Net's own (N, 3, S, S), S from small to size)."""
        drawn, own = self.network.forward_scales(2.0 * face - 1.0)
        small_faces = [F.adaptive_avg_pool2d(face, small.shape[-1]) for small in own]
        return self._finished(drawn, face), [
            self._placed(small, small_face)
            for small, small_face in zip(own, small_faces, strict=True)
        ]

    def _finished(self, drawn: Tensor, face: Tensor) -> Tensor:
        placed = self._placed(drawn, face)
        return placed if self.last_look is None else placed + self.last_look(face, drawn)

    def _placed(self, drawn: Tensor, face: Tensor) -> Tensor:
        """A picture about [-1, 1], or a difference half as large, in colours from 0 to 1."""
        return (drawn + 1.0) / 2.0 if self.last_look is None else face + drawn / 2.0


class _LastLook(nn.Module):
    """Faces and drawings (N, 3, S, S) -> what is still to be changed (N, 3, S, S)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2 * _COLOURS, _FEATURES, 3, padding=1)
        self.middle = nn.Conv2d(_FEATURES, _FEATURES, 3, padding=1)
        self.head = nn.Conv2d(_FEATURES, _COLOURS, 3, padding=1)
        with torch.no_grad():
            self.head.weight.mul_(0.1)

    def forward(self, face: Tensor, drawn: Tensor) -> Tensor:
        both = torch.cat((2.0 * face - 1.0, drawn), dim=1)
        x = F.pixel_unshuffle(both, _FOLD)  # (N, 24, S/2, S/2)
        x = F.leaky_relu(self.stem(x), _SLOPE)
        x = F.leaky_relu(self.middle(x), _SLOPE)
        return F.pixel_shuffle(self.head(x), _FOLD)
