"""Faces of a whole photo: looked for at its own size and, halved again and again, whole."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.alignment import FFHQ_FRAME, cut, frame_of
from resilver.imaging.faces import MIRRORED, Faces, decode, joined, without_doubles
from resilver.imaging.tiles import Pixels, tile_areas, to_float
from resilver.models.session import Network

# Of finds below this, more are something else than a face.
LEAST_SCORE = 0.7
_STRIDES_PX = (8, 16, 32)  # of the network's answers, in their order
_TILE_PX = 1024
# Sides at which a find is looked at once more, upright, and how far its points may be off then.
_AGAIN_PX = (96, 160, 224)
_AGAIN_OFF = 0.06  # mean over the points, in sides of the frame
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


def second_look(network: Network, pixels: Pixels, faces: Faces) -> NDArray[np.float32]:
    """(n,): how surely each face found in a photo (H, W, 3) is one, 0..1, looked at upright.

    The mean score over three sizes, each as it is and mirrored, where the points come out again. A
    wheel or a headlamp may look like a face once; so does a face in profile, hardly ever six times.
    """
    means = np.zeros(len(faces), np.float32)
    for index, points in enumerate(faces.points):
        for side in _AGAIN_PX:
            frame = cut(pixels, frame_of(points, FFHQ_FRAME, side), side)
            upright = FFHQ_FRAME * np.float32(side)
            mirrored = (upright * (-1, 1) + (side, 0))[list(MIRRORED)].astype(np.float32)
            for shown, wanted in ((frame, upright), (frame[:, ::-1], mirrored)):
                means[index] += _score_at(network, shown, wanted) / (2 * len(_AGAIN_PX))
    return means


def _score_at(network: Network, shown: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The best score of a face whose points lie where they are wanted, in a small picture."""
    answers = network.run(np.ascontiguousarray(np.moveaxis(shown, -1, 0))[None])
    found = joined(
        [decode(maps[0], stride, 0.05) for maps, stride in zip(answers, _STRIDES_PX, strict=True)]
    )
    off = np.abs(found.points - wanted).mean(axis=(1, 2))
    near = off < _AGAIN_OFF * shown.shape[0]
    return float(found.scores[near].max()) if near.any() else 0.0
