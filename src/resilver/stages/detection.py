"""Faces of a whole photo: looked for at its own size and, halved again and again, whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.alignment import (
    FFHQ_FRAME,
    Matrix,
    Points,
    cut,
    frame_of,
    inverse,
    similarity,
)
from resilver.imaging.faces import MIRRORED, Faces, decode, joined, nested, without_doubles
from resilver.imaging.hidden import HiddenHow
from resilver.imaging.tiles import Pixels, tile_areas, to_float
from resilver.models.session import Network

# Finds that a second look is less sure of are no faces, or turned away. Of what was found in the
# training pack of old prints this kept some 50 faces, lost 4 that are seen from the front, and let
# 5 of 28 wheels, windows, sleeves and headlamps pass.
SURE = 0.65
# A find within another one is an eye, an ear or a mouth of it, if a second look at that one says so
# much for a face.
_PLAUSIBLE = 0.5
# Of finds below this, more are something else than a face.
LEAST_SCORE = 0.7
_STRIDES_PX = (8, 16, 32)  # of the network's answers, in their order
_TILE_PX = 1024
# Sides at which a find is looked at once more, upright, and how far its points may be off then.
_AGAIN_PX = (96, 160, 224)
_AGAIN_OFF = 0.06  # mean over the points, in sides of the frame
# Side at which points are measured again, how far they may be off at first, and the least score.
_FINER_PX, _FINER_OFF, _FINER_LEAST = 128, 0.2, 0.4
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


def placed_faces(network: Network, pixels: Pixels) -> Faces:
    """The faces of a photo (H, W, 3), found and placed again, the surest first.

    Without what was found in a face: each eye of a blurred one looks like a face itself.
    """
    found = placed_again(network, pixels, find_faces(network, pixels))
    outer = nested(found)
    inside = np.flatnonzero(outer >= 0)
    around = np.unique(outer[inside])
    plausible = around[second_look(network, pixels, found.chosen(around)) >= _PLAUSIBLE]
    return found.chosen(~np.isin(outer, plausible))


def placed_again(network: Network, pixels: Pixels, faces: Faces) -> Faces:
    """The faces of a photo (H, W, 3), places and points measured once more: upright, at one size.

    The mean of what is seen in a frame as it is and mirrored; a face that is not seen there stays
    as it is. Two finds that turn out to be one face are one then. On 91 faces the points came a
    third nearer to those of YuNet.
    """
    again: list[Faces] = []
    for index in range(len(faces)):
        face = faces.chosen(np.array([index]))
        seen: list[Faces] = []
        for view in _views(pixels, face.points[0], _FINER_PX):
            found, scores = _near(network, view, _FINER_OFF)
            if scores.max(initial=0.0) >= _FINER_LEAST:
                seen.append(found.chosen(np.array([scores.argmax()])).moved(view.to_photo))
        if seen:
            boxes = np.mean([one.boxes for one in seen], axis=0)
            points = np.mean([one.points for one in seen], axis=0)
            face = replace(face, boxes=boxes, points=points)
        again.append(face)
    return without_doubles(joined(again))


def second_look(network: Network, pixels: Pixels, faces: Faces) -> NDArray[np.float32]:
    """(n,): how surely each face found in a photo (H, W, 3) is one, 0..1, looked at upright.

    The mean score over three sizes, each as it is and mirrored, where the points come out again. A
    wheel or a headlamp may look like a face once; so does a face in profile, hardly ever six times.
    """
    means = np.zeros(len(faces), np.float32)
    for index, points in enumerate(faces.points):
        views = [view for side in _AGAIN_PX for view in _views(pixels, points, side)]
        scores = [_near(network, view, _AGAIN_OFF)[1].max(initial=0.0) for view in views]
        means[index] = np.mean(scores)
    return means


def beyond_doubt(
    network: Network, pixels: Pixels, faces: Faces, hidden: Sequence[HiddenHow | None]
) -> NDArray[np.bool_]:
    """(n,): which finds in a photo (H, W, 3) are faces, given how each was hidden, if at all.

    Time blurs things that were never a face, and so a second look decides; a mosaic or a bar
    somebody laid over one.
    """
    laid = np.array([how not in (None, "blurred") for how in hidden], np.bool_)
    seen = np.flatnonzero(~laid)
    laid[seen] = second_look(network, pixels, faces.chosen(seen)) >= SURE
    return laid


@dataclass(frozen=True, eq=False)
class _View:
    """A face brought upright into a small square picture."""

    shown: NDArray[np.float32]  # (side, side, 3) in [0, 1]
    wanted: Points  # (5, 2): where its points should lie, px
    to_photo: Matrix  # from its pixels to those of the photo


def _views(pixels: Pixels, points: Points, side_px: int) -> tuple[_View, _View]:
    """A face as it is and mirrored."""
    frame = cut(pixels, frame_of(points, FFHQ_FRAME, side_px), side_px)
    upright: Points = FFHQ_FRAME * np.float32(side_px)
    back = inverse(similarity(points, upright))
    mirrored = (upright * (-1, 1) + (side_px, 0))[list(MIRRORED)].astype(np.float32)
    turned = np.column_stack((-back[:, 0], back[:, 1], back[:, 2] + side_px * back[:, 0]))
    return _View(frame, upright, back), _View(frame[:, ::-1], mirrored, turned)


def _near(network: Network, view: _View, most_off: float) -> tuple[Faces, NDArray[np.float32]]:
    """What is found in a view, and the score of each find, 0 where it lies elsewhere.

    Args:
        most_off: how far points may be off in the mean, in sides of the view.
    """
    answers = network.run(np.ascontiguousarray(np.moveaxis(view.shown, -1, 0))[None])
    found = joined(
        [decode(maps[0], stride, 0.05) for maps, stride in zip(answers, _STRIDES_PX, strict=True)]
    )
    off = np.abs(found.points - view.wanted).mean(axis=(1, 2))
    return found, np.where(off < most_off * view.shown.shape[0], found.scores, np.float32(0))
