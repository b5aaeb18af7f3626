"""Wide holes: their inside is filled in a smaller copy of the photo first, where they are narrow.

A tile sees no way across a hole wider than itself, and a network none across one wider than what
it has in view. From coarse to fine, as in Wexler, Shechtman, Irani, "Space-Time Completion of
Video" (2007), every step has sound or already filled pixels near by.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.resizing import enlarged_part
from resilver.imaging.tiles import Area, Pixels, Tile, to_float
from resilver.stages.fills import Fill
from resilver.stages.looks import Marks, Mask

COARSE_PX = 768  # longest side of the largest copy
_LEAST_SOUND = 0.01  # share of a pixel of a copy
DEEP_PX = 48  # what is farther than this from sound pixels is filled in a smaller copy


@dataclass(frozen=True, eq=False)
class Depths:
    """The inside of wide holes, as a small copy of the photo has it."""

    picture: Tile  # (h, w, 3) float32 in [0, 1], the whole photo reduced and filled
    deep: Tile  # (h, w) float32: 1 = deep inside a hole, 0 = not
    size: tuple[int, int]  # of the photo, (height, width)

    def within(self, area: Area) -> tuple[Tile, Mask]:
        """For one area of the photo: its pixels (h, w, 3), and where (h, w) to use them."""
        picture, deep = (
            enlarged_part(small, self.size, area) for small in (self.picture, self.deep)
        )
        return picture, deep > 0.5


def find_depths(
    pixels: Pixels, hole: Mask, fill: Fill, hidden: Mask | None = None
) -> Depths | None:
    """Fills the depths of a photo's holes; None where no hole is wide enough to have any.

    Args:
        pixels: the photo (H, W, 3).
        hole: (H, W), what is to be invented.
        fill: how.
        hidden: (H, W), what nobody sees of the photo, and says nothing of it.
    """
    if not hole.any():
        return None
    size = (hole.shape[0], hole.shape[1])
    scale = min(0.5, COARSE_PX / max(size))
    small = (max(round(size[1] * scale), 1), max(round(size[0] * scale), 1))
    share = cv2.resize(hole.view(np.uint8) * np.uint8(255), small, interpolation=cv2.INTER_AREA)
    deep = _far_inside((share == 255).astype(np.uint8), int(np.ceil(DEEP_PX * scale)))
    if not deep.any():
        return None
    if hidden is not None:
        hole = hole | hidden
        share = cv2.resize(hole.view(np.uint8) * np.uint8(255), small, interpolation=cv2.INTER_AREA)
    touched = np.asarray(cv2.dilate((share > 0).astype(np.uint8), np.ones((3, 3))), np.uint8)
    if touched.all():
        copy, touched = _of_sound(pixels, hole, small)
    else:
        copy = to_float(
            np.asarray(cv2.resize(pixels, small, interpolation=cv2.INTER_AREA), pixels.dtype)
        )
    if touched.all():
        return None
    return Depths(_fill_whole(copy, touched, fill), deep.astype(np.float32), size)


def show_depths(tile: Tile, hole: Marks, depths: Depths, area: Area) -> tuple[Tile, Marks]:
    """A tile (h, w, 3) with the depths of its hole (h, w) laid in, and the hole that remains."""
    picture, deep = depths.within(area)
    deep &= hole > 0
    return np.where(deep[..., None], picture, tile), hole & (~deep).view(np.uint8)


def _fill_whole(picture: Tile, hole: Marks, fill: Fill) -> Tile:
    """A picture (h, w, 3) that is no larger than a tile, with its hole (h, w) filled."""
    deep = _far_inside(hole, DEEP_PX)
    if deep.any() and not hole.all():
        height, width = hole.shape
        half = (max(width // 2, 1), max(height // 2, 1))
        small = np.asarray(cv2.resize(picture, half, interpolation=cv2.INTER_AREA), np.float32)
        share = cv2.resize(hole * np.uint8(255), half, interpolation=cv2.INTER_AREA)
        touched = (share > 0).astype(np.uint8)
        if touched.all():
            levels = np.rint(65535 * picture.clip(0, 1)).astype(np.uint16)
            small, touched = _of_sound(levels, hole > 0, half)
        inside = _fill_whole(small, touched, fill)
        large = cv2.resize(inside, (width, height), interpolation=cv2.INTER_LINEAR)
        picture = np.where(deep[..., None] > 0, large, picture).astype(np.float32)
        hole = hole & (1 - deep)
    return fill.run(picture, hole, np.zeros_like(hole))


def _of_sound(pixels: Pixels, hole: Mask, small: tuple[int, int]) -> tuple[Tile, Marks]:
    """A copy of (width, height) in which only sound pixels count, and its hole, where none is.

    For what is hardly more than a rim around a hole: it would vanish, mixed with what is in it.
    """
    sound = _reduced(np.where(hole, np.uint16(0), np.uint16(65535)), small)
    wide = np.uint16(257 if pixels.dtype == np.uint8 else 1)
    copy = np.empty((*sound.shape, 3), np.float32)
    for channel in range(3):  # one after another: each is as large as the photo
        kept = np.where(hole, np.uint16(0), pixels[..., channel] * wide)
        copy[..., channel] = _reduced(kept, small) / np.maximum(sound, _LEAST_SOUND)
    return copy.clip(0.0, 1.0), (sound < _LEAST_SOUND).astype(np.uint8)


def _reduced(plane: NDArray[np.uint16], small: tuple[int, int]) -> Tile:
    reduced = np.asarray(cv2.resize(plane, small, interpolation=cv2.INTER_AREA), np.uint16)
    return (reduced / np.float32(65535)).astype(np.float32, copy=False)


def _far_inside(hole: Marks, reach_px: int) -> Marks:
    """(h, w) in {0, 1}: what is farther than this from any pixel outside; the border is no edge."""
    side = np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)
    return np.asarray(cv2.erode(hole, side, borderValue=1), np.uint8)
