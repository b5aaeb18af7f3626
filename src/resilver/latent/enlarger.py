"""What makes a face larger than the prior draws it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import ModelError
from resilver.imaging.enlarging import enlarge_tiles
from resilver.imaging.tiles import to_float, to_u16
from resilver.latent.scale import shrunk
from resilver.models.session import Network
from resilver.models.store import PLAIN, model_named
from resilver.stages.upscale import enlarged

Picture = NDArray[np.float32]  # (H, W, C) in [0, 1]

_TILE_PX = 256  # a face of 1024 px at once would take gigabytes


@dataclass(frozen=True, eq=False)
class Enlarger:
    """Plain Lanczos, or an upscaling network where one is given."""

    network: Network | None = None
    scale: int = 1  # of the network
    words: str = "enlarged by plain interpolation (Lanczos), which adds no detail"

    @classmethod
    def named(cls, name: str, threads: int | None = None) -> Enlarger:
        """An imported or bundled upscaler, or `PLAIN`.

        Raises:
            ModelError: there is none of this name, it is a network for something else, or one that
                leaves the size as it is.
        """
        if name == PLAIN:
            return cls()
        model = model_named(name, "upscale")
        if model.card.scale < 2:
            raise ModelError(f"{name!r} does not enlarge: it leaves pictures their size")
        return cls(model.open(threads), model.card.scale, f"enlarged by the network {name!r}")

    def enlarge(self, face: Picture, side_px: int) -> Picture:
        """A square picture (S, S, C) at a larger side."""
        if self.network is None:
            size = (side_px, side_px)
            large = np.asarray(cv2.resize(face, size, interpolation=cv2.INTER_LANCZOS4), np.float32)
            return np.clip(large.reshape(*size, -1), 0.0, 1.0)
        channels = face.shape[2]
        large = np.repeat(face, 3, axis=2) if channels == 1 else face
        while large.shape[0] < side_px:
            large = self._by_network(large, self.network)
        large = shrunk(large, side_px) if large.shape[0] > side_px else large
        return large.mean(axis=2, keepdims=True) if channels == 1 else large

    def _by_network(self, picture: Picture, network: Network) -> Picture:
        """(S, S, 3) -> (scale * S, scale * S, 3)."""
        large = enlarge_tiles(
            to_u16(picture),
            lambda tile, _area: enlarged(network, tile, self.scale),
            self.scale,
            _TILE_PX,
            lambda _share: None,
        )
        return to_float(large)
