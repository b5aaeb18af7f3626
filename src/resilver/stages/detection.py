"""Faces of a whole photo: looked for at its own size and, halved again and again, whole."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.imaging.faces import Faces, decode, joined, without_doubles
from resilver.imaging.tiles import Pixels, tile_areas, to_float
from resilver.models.session import Network

# Of finds below this, more are something else than a face.
LEAST_SCORE = 0.7
_STRIDES_PX = (8, 16, 32)  # of the network's answers, in their order
_TILE_PX = 1024
_SMALLEST_PX = 96  # a photo is looked at again at half its size while its longer side is above this


def find_faces(network: Network, pixels: Pixels, least_score: float = LEAST_SCORE) -> Faces:
    """The faces of a photo (H, W, 3), the surest first.

    Each size shows the network faces that the one before had too large to be seen whole.
    """
    groups: list[Faces] = []
    scale = 1.0
    while True:
        back = np.array([[1 / scale, 0.0, 0.0], [0.0, 1 / scale, 0.0]])
        for area in tile_areas((pixels.shape[0], pixels.shape[1]), _TILE_PX):
            image = np.moveaxis(to_float(pixels[area.slices]), -1, 0)[None]
            answers = network.run(image)
            corner = back.copy()
            corner[:, 2] = (area.left / scale, area.top / scale)
            groups += [
                decode(maps[0], stride, least_score).moved(corner)
                for maps, stride in zip(answers, _STRIDES_PX, strict=True)
            ]
        if max(pixels.shape[:2]) <= _SMALLEST_PX:
            return without_doubles(joined(groups))
        half = (max(pixels.shape[1] // 2, 1), max(pixels.shape[0] // 2, 1))
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), pixels.dtype)
        scale /= 2.0
