"""The tiny face to explore: a square of a photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resilver.errors import OptionError
from resilver.imaging.tiles import Area
from resilver.photo import Photo

SMALLEST_PX, LARGEST_PX = 16, 64

Box = tuple[int, int, int, int]  # x, y of the top left corner, width, height


@dataclass(frozen=True, eq=False)
class TinyFace:
    """What is known of a face."""

    pixels: NDArray[np.float32]  # (n, n, 3) RGB or, of a grey photo, (n, n, 1), in [0, 1]
    area: Area  # of the photo, square

    @property
    def side_px(self) -> int:
        return self.pixels.shape[0]

    @property
    def is_grey(self) -> bool:
        return self.pixels.shape[2] == 1


def tiny_face(photo: Photo, box: Box | None = None) -> TinyFace:
    """Cuts the face out of a photo.

    A box that is not square grows to its longer side about its middle, and is moved to lie within
    the photo; where the photo is too small for that, the square in the middle is taken.

    Args:
        photo: the whole photo.
        box: x, y, width, height in pixels; None = the photo itself is the face.

    Raises:
        OptionError: the box leaves the photo, or the square is not of 16 to 64 px.
    """
    area = square_of(photo.size, box)
    side = area.bottom - area.top
    if not SMALLEST_PX <= side <= LARGEST_PX:
        too = "small" if side < SMALLEST_PX else "large"
        hint = ""
        if too == "large":
            hint = "; name the face in it with --box" if box is None else "; restore it instead"
        raise OptionError(
            f"a face of {side} px a side is too {too} to explore: "
            f"{SMALLEST_PX} to {LARGEST_PX} px{hint}"
        )
    pixels = photo.tile_float(*area.slices)
    if photo.grey or not np.ptp(pixels, axis=2).any():  # a grey scan may be saved as colour
        pixels = pixels[..., :1]
    return TinyFace(pixels, area)


def square_of(size: tuple[int, int], box: Box | None) -> Area:
    """The square of a photo (height, width) that `tiny_face` cuts out.

    Raises:
        OptionError: the box leaves the photo.
    """
    height, width = size
    x, y, w, h = box or (0, 0, width, height)
    if min(w, h) < 1 or min(x, y) < 0 or x + w > width or y + h > height:
        raise OptionError(
            f"the box {x},{y},{w},{h} (x, y, width, height) does not lie within "
            f"the photo of {width} x {height} px"
        )
    side = min(max(w, h), height, width)
    top = min(max(y + (h - side) // 2, 0), height - side)
    left = min(max(x + (w - side) // 2, 0), width - side)
    return Area(top, top + side, left, left + side)
