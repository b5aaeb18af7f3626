"""Overlapping tiles: how a photo of any size passes through a network in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8 | np.uint16]
Tile = NDArray[np.float32]

OVERLAP_PX = 64  # two neighbouring tiles share this many pixels
DISCARD_PX = 16  # of those, the outermost are never used: a network sees no context beyond them
ALIGN_PX = 64  # tiles start on multiples of this, so that every scale of a U-Net keeps one grid
# Photos up to so many pixels -> side of their tiles. Large tiles overlap less; beside a large photo
# there is less memory for them.
_SIDES_PX = ((4_000_000, 1024), (32_000_000, 768))
_SMALL_PX = 512
_STRIP_PX = 1 << 16  # pixels of a strip: a few megabytes of floats in each thread


@dataclass(frozen=True)
class Area:
    """A rectangle of the photo, in pixels: [top, bottom) x [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns) for indexing an array (H, W, ...)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def tile_side(size: tuple[int, int], asked_px: int | None) -> int:
    """The side of the tiles of a photo of `size` (height, width): as asked, or what suits it."""
    if asked_px is not None:
        return asked_px
    pixels = size[0] * size[1]
    return next((side for most, side in _SIDES_PX if pixels <= most), _SMALL_PX)


def tile_areas(size: tuple[int, int], tile_px: int) -> Iterator[Area]:
    """Overlapping areas that cover a photo of `size` (height, width), row by row.

    `tile_px` is rounded down to a multiple of `ALIGN_PX`, at least three of them.
    """
    height, width = size
    rows = list(_spans(height, tile_px))
    columns = list(_spans(width, tile_px))
    for top, bottom in rows:
        for left, right in columns:
            yield Area(top, bottom, left, right)


def tile_count(size: tuple[int, int], tile_px: int) -> int:
    """How many areas `tile_areas` yields."""
    return sum(1 for _ in _spans(size[0], tile_px)) * sum(1 for _ in _spans(size[1], tile_px))


def _spans(length: int, tile_px: int) -> Iterator[tuple[int, int]]:
    tile_px = max(tile_px // ALIGN_PX, 3) * ALIGN_PX
    stride = (tile_px - OVERLAP_PX) // ALIGN_PX * ALIGN_PX
    start = 0
    while True:
        # A sliver at the end costs a whole tile's overlap: the last tile takes it in instead.
        if start + tile_px + ALIGN_PX >= length:
            yield start, length
            return
        yield start, start + tile_px
        start += stride


def to_float(pixels: Pixels) -> Tile:
    """8- or 16-bit pixels -> float32 in [0, 1]."""
    return pixels.astype(np.float32) * np.float32(1.0 / np.iinfo(pixels.dtype).max)


def to_u16(tile: NDArray[np.float32]) -> NDArray[np.uint16]:
    """float32 -> uint16, clipped to [0, 1] and rounded."""
    return np.rint(np.clip(tile, 0.0, 1.0) * 65535.0).astype(np.uint16)


def map_strips(
    size: tuple[int, int],
    function: Callable[[slice], NDArray[np.uint16]],
    threads: int | None,
    progress: Callable[[float], None],
) -> NDArray[np.uint16]:
    """Makes a picture strip by strip, of what sees no further than its own pixels.

    Args:
        size: (height, width).
        function: rows of the picture -> their pixels (rows, width, 3).
        threads: that work at once; None = one a core.
        progress: told the share done after each strip.

    Returns:
        (height, width, 3).
    """
    height, width = size
    out = np.empty((height, width, 3), np.uint16)
    step = max(_STRIP_PX // width, 1)

    def make(top: int) -> None:
        rows = slice(top, min(top + step, height))
        out[rows] = function(rows)

    tops = range(0, height, step)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for done, _ in enumerate(pool.map(make, tops)):
            progress((done + 1) / len(tops))
    return out


def blend_tile(out: NDArray[np.uint16], area: Area, tile: Tile) -> None:
    """Writes a tile into `out` (H, W, C), feathered over what earlier tiles left in the overlap.

    Tiles must come in the order of `tile_areas`: the ramps run over the top and left overlaps. The
    outermost `DISCARD_PX` of a tile are written at the photo's own edges only.
    """
    height, width = area.bottom - area.top, area.right - area.left
    inner_y = _inner(area.top, area.bottom, out.shape[0])
    inner_x = _inner(area.left, area.right, out.shape[1])
    down = ramp(height, at_start=area.top > 0)[inner_y, None, None]
    across = ramp(width, at_start=area.left > 0)[None, inner_x, None]
    rows = slice(area.top + inner_y.start, area.top + inner_y.stop)
    columns = slice(area.left + inner_x.start, area.left + inner_x.stop)
    old = to_float(out[rows, columns])
    new = old + down * across * (tile[inner_y, inner_x] - old)
    out[rows, columns] = to_u16(new.astype(np.float32, copy=False))


def _inner(start: int, stop: int, length: int) -> slice:
    """The part of a tile's span [start, stop) that is written, counted from the tile's start."""
    first = DISCARD_PX if start > 0 else 0
    return slice(first, stop - start - (DISCARD_PX if stop < length else 0))


def ramp(length: int, *, at_start: bool) -> NDArray[np.float32]:
    """Weights (length,): 0 over the discarded rim, then rising to 1 before the overlap's end."""
    weights = np.ones(length, np.float32)
    if at_start:
        steps = OVERLAP_PX - 2 * DISCARD_PX
        weights[:DISCARD_PX] = 0.0
        rising = (np.arange(steps, dtype=np.float32) + 0.5) / steps
        weights[DISCARD_PX : DISCARD_PX + steps] = rising
    return weights


def map_tiles(
    pixels: Pixels,
    function: Callable[[Tile, Area], Tile],
    tile_px: int,
    progress: Callable[[float], None],
) -> NDArray[np.uint16]:
    """Passes every tile of (H, W, 3) pixels through `function` and joins the results, 16 bit.

    Args:
        pixels: the photo; read only.
        function: float32 (h, w, 3) in [0, 1] and its area -> the same shape.
        tile_px: side of a tile.
        progress: told the share done after each tile.
    """
    size = (pixels.shape[0], pixels.shape[1])
    # Zeros, not empty: blending over what happens to lie in memory would leave rounding of it.
    out = np.zeros((*size, pixels.shape[2]), np.uint16)
    total = tile_count(size, tile_px)
    for index, area in enumerate(tile_areas(size, tile_px)):
        blend_tile(out, area, function(to_float(pixels[area.slices]), area))
        progress((index + 1) / total)
    return out
