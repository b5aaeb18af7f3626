"""Resizing by the antialiased bicubic: what the field of enlarging means by "bicubic".

Reference: Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), a = -1/2;
where a picture shrinks the kernel is stretched by the factor, so that nothing folds back. Weights
are scaled to 1 at the borders. `shrunk` is the plain mean over areas, for what is only looked at.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import Area

Level = TypeVar("Level", bound=np.uint8 | np.uint16 | np.float32)


def resized(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W, C) float32 -> (height, width, C); may overshoot [0, 1] a little.

    For tiles: the work grows with the product of the sides.
    """
    rows, columns = (
        resampling(old, new) for old, new in zip(image.shape[:2], size, strict=True)
    )  # (height, H), (width, W)
    # One axis at a time: (height, H) (H, W C), then (width, W) (height, W, C).
    upright = rows @ image.reshape(image.shape[0], -1)
    return np.asarray(columns @ upright.reshape(size[0], *image.shape[1:]), np.float32)


@lru_cache(maxsize=32)
def resampling(old: int, new: int) -> NDArray[np.float32]:
    """Weights (new, old) of the old pixels for each new one along an axis; rows add up to 1."""
    step = old / new
    stretch = max(step, 1.0)
    middles = (np.arange(new)[:, None] + 0.5) * step - 0.5
    distance = np.abs(np.arange(old)[None] - middles) / stretch
    near = (1.5 * distance - 2.5) * distance**2 + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    weights.setflags(write=False)
    return weights


def shrunk(pixels: NDArray[Level], longest_px: int) -> NDArray[Level]:
    """A picture (H, W, 3) whose longer side is no longer than this; each pixel means its area."""
    height, width = pixels.shape[:2]
    scale = min(1.0, longest_px / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), pixels.dtype)


def enlarged_part(
    small: NDArray[np.float32], size: tuple[int, int], area: Area
) -> NDArray[np.float32]:
    """One area of what a small copy (h, w) or (h, w, C) shows of a photo of `size` (height, width).

    Linear between the middles of its pixels.
    """
    down, across = (few / many for few, many in zip(small.shape[:2], size, strict=True))
    # Centre of pixel to centre of pixel, from the area to the small copy.
    to_small = np.array(
        [
            [across, 0.0, across * (area.left + 0.5) - 0.5],
            [0.0, down, down * (area.top + 0.5) - 0.5],
        ]
    )
    sides = (area.right - area.left, area.bottom - area.top)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(small, to_small, sides, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(part, np.float32)
