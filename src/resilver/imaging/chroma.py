"""Colour apart from lightness: CIE L*a*b* (D65), and the bins that a*b* colours are sorted into.

Reference: CIE 15 (L*a*b*); Zhang, Isola and Efros, "Colorful Image Colorization" (2016) for the
bins: colours are guessed as odds over a grid, since the mean of red and green is grey.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

STEP = 12.0  # a*b* units between neighbouring bins
REACH = 10  # the grid runs from -REACH to REACH steps along each axis

Plane = NDArray[np.float32]


def to_lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB (H, W, 3) in [0, 1] -> L*a*b* (H, W, 3), L in [0, 100]."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), np.float32).reshape(rgb.shape)


@cache
def bins() -> NDArray[np.float32]:
    """The a*b* colours (bins, 2) of the grid that sRGB can show at some lightness."""
    levels = np.linspace(0.0, 1.0, 33, dtype=np.float32)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    places = np.rint(to_lab(cube.reshape(1, -1, 3))[0, :, 1:] / STEP).astype(np.int32)
    found = np.unique(places, axis=0).astype(np.float32) * np.float32(STEP)
    found.flags.writeable = False
    return found


@cache
def grid() -> NDArray[np.int64]:
    """Number of the bin at each place of the grid, (2 * REACH + 1, 2 * REACH + 1).

    Rows are a*, columns b*. A place that sRGB cannot show has the number of the nearest bin.
    """
    steps = np.arange(-REACH, REACH + 1, dtype=np.float32) * np.float32(STEP)
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
    away = np.square(places[:, :, None] - bins()).sum(axis=-1)
    numbers = away.argmin(axis=-1)
    numbers.flags.writeable = False
    return numbers


def nearest_bin(ab: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of the bin nearest to each colour, (..., 2) -> (...)."""
    places = np.clip(np.rint(ab / np.float32(STEP)).astype(np.int64), -REACH, REACH) + REACH
    return grid()[places[..., 0], places[..., 1]]
