"""Between a tiny face and a large one: what the large one shrinks to, and what puts it right.

Shrinking is the mean over areas, as a camera's sensor takes it, of the values as displayed. Putting
right is iterated back-projection (Irani and Peleg, "Improving Resolution by Image Registration",
1991): what the shrunk picture lacks is enlarged and added.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]  # (H, W, C) in [0, 1]
Matrix = NDArray[np.float64]

_ROUNDS = 30
_CLOSE_255 = 0.05  # nearer than this is not worth a round


@cache
def shrinking(large_px: int, small_px: int) -> Matrix:
    """The matrix (small, large) that averages areas along one side; its rows sum to 1."""
    size = (large_px, small_px)
    return np.asarray(cv2.resize(np.eye(large_px), size, interpolation=cv2.INTER_AREA), np.float64)


@cache
def enlarging(large_px: int, small_px: int) -> Matrix:
    """The matrix (large, small) of a smooth enlargement that shrinks to exactly what it was."""
    unit = np.eye(small_px)
    size = (small_px, large_px)
    smooth = np.asarray(cv2.resize(unit, size, interpolation=cv2.INTER_CUBIC), np.float64)
    softened = shrinking(large_px, small_px) @ smooth
    return smooth @ np.asarray(np.linalg.inv(softened), np.float64)


def shrunk(face: Picture, small_px: int) -> Picture:
    """A square picture (S, S, C) at a smaller side."""
    return _both_ways(shrinking(face.shape[0], small_px), face)


def rmse_255(face: Picture, tiny: Picture) -> float:
    """How far a face is, shrunk, from a tiny one (n, n, C): root mean square, in grey levels."""
    difference = shrunk(face, tiny.shape[0]) - tiny
    return 255.0 * math.sqrt(float(np.square(difference.astype(np.float64)).mean()))


def put_right(face: Picture, tiny: Picture) -> Picture:
    """The face (S, S, C) changed smoothly and as little as need be to shrink to the tiny one.

    Where colours end at black or white it may not quite come out: measure the result.
    """
    enlarge = enlarging(face.shape[0], tiny.shape[0])
    right = np.clip(face, 0.0, 1.0)
    for _ in range(_ROUNDS):
        if rmse_255(right, tiny) < _CLOSE_255:
            break
        lacking = tiny - shrunk(right, tiny.shape[0])
        right = np.clip(right + _both_ways(enlarge, lacking), 0.0, 1.0)
    return right


def _both_ways(matrix: Matrix, picture: Picture) -> Picture:
    return np.einsum("ih,hwc,jw->ijc", matrix, picture, matrix, optimize=True).astype(np.float32)
