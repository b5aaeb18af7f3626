"""A photo becomes larger: by a network in tiles, and plainly, to hold the network's against."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import Area, Pixels, Tile, to_float, to_u16

# A network sees so many pixels beyond what it draws. Ours see no further, so that tiles join as if
# there were none; of deeper ones what lies further hardly counts.
MARGIN_PX = 32
_REACH_PX = 4  # rows that the plain way sees beyond a strip, more than a bicubic needs


def enlarge_tiles(
    pixels: Pixels,
    function: Callable[[Tile, Area], Tile],
    factor: int,
    tile_px: int,
    progress: Callable[[float], None],
) -> NDArray[np.uint16]:
    """Passes (H, W, 3) pixels through `function` tile by tile: (factor H, factor W, 3), 16 bit.

    Args:
        pixels: the photo; read only.
        function: float32 (h, w, 3) in [0, 1] and its area of the photo -> (factor h, factor w, 3).
        factor: how many times as large the result is.
        tile_px: side of a tile, margins included.
        progress: told the share done after each tile.
    """
    height, width = pixels.shape[:2]
    out = np.empty((factor * height, factor * width, 3), np.uint16)
    step = tile_px - 2 * MARGIN_PX
    corners = [(top, left) for top in range(0, height, step) for left in range(0, width, step)]
    for index, (top, left) in enumerate(corners):
        bottom, right = min(top + step, height), min(left + step, width)
        seen = Area(
            max(top - MARGIN_PX, 0),
            min(bottom + MARGIN_PX, height),
            max(left - MARGIN_PX, 0),
            min(right + MARGIN_PX, width),
        )
        drawn = function(to_float(pixels[seen.slices]), seen)
        rows = slice(factor * (top - seen.top), factor * (bottom - seen.top))
        columns = slice(factor * (left - seen.left), factor * (right - seen.left))
        out[factor * top : factor * bottom, factor * left : factor * right] = to_u16(
            drawn[rows, columns]
        )
        progress((index + 1) / len(corners))
    return out


def plainly_enlarged(pixels: Pixels, factor: int, rows: slice) -> Pixels:
    """Rows of a picture (H, W) or (H, W, C) made `factor` times as large by the bicubic.

    Args:
        pixels: 8 or 16 bits; so is the result.
        factor: how many times.
        rows: of the large picture; any whole multiples of the factor make the same picture.
    """
    top, bottom = rows.start // factor, -(-rows.stop // factor)
    first, last = max(top - _REACH_PX, 0), min(bottom + _REACH_PX, pixels.shape[0])
    size = (factor * pixels.shape[1], factor * (last - first))
    large = cv2.resize(pixels[first:last], size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, pixels.dtype)[rows.start - factor * first : rows.stop - factor * first]
