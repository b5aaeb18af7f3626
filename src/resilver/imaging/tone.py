"""What a photo's colours say about it as a whole."""

from __future__ import annotations

import numpy as np

from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import Pixels, to_float

TONED_255 = 2.5  # with less colour than this left a photo is monochrome, toned or not
_LOOK_PX = 256  # longest side of the copy that is looked at
_REFITS = 4


def is_monochrome(pixels: Pixels) -> bool:
    """Whether a photo (H, W, 3), 8 or 16 bit, is black and white, toned or not."""
    return colour_left(pixels) < TONED_255


def colour_left(pixels: Pixels) -> float:
    """How much colour a photo has beyond a tone laid over it, in grey levels of 255.

    In a black and white print, toned or not, brightness decides the colour. So colour is fitted as
    a parabola of brightness, and what the fit does not explain is left: the median over the pixels
    of the larger of red against green, and blue against both. About 0 for a monochrome print
    whatever its tone, 5 and more for most photos in colour. The fit is repeated on the half of the
    pixels that it explains best (least trimmed squares, Rousseeuw 1984), so that stains in another
    colour do not move it.

    Args:
        pixels: (H, W, 3), 8 or 16 bit.
    """
    small = to_float(shrunk(pixels, _LOOK_PX))
    red, green, blue = np.moveaxis(small.reshape(-1, 3), 1, 0)
    bright = (red + green + blue) / 3.0
    parabola = np.stack((np.ones_like(bright), bright, bright * bright), axis=1)
    against = np.stack((red - green, blue - (red + green) / 2.0), axis=1)
    left = np.zeros_like(bright)
    for _ in range(_REFITS + 1):
        best = left <= np.median(left)
        fitted, *_ = np.linalg.lstsq(parabola[best], against[best], rcond=None)
        left = np.abs(against - parabola @ fitted).max(axis=1)
    return float(255.0 * np.median(left))
