"""Tiles: cover everything once, leave no seam, and give pixels back unchanged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.imaging.tiles import (
    ALIGN_PX,
    Area,
    map_tiles,
    tile_areas,
    tile_count,
    to_float,
    to_u16,
)
from resilver.photofile.depth import widen

SIZES = [(1, 1), (5, 700), (192, 192), (193, 260), (500, 501), (831, 640), (1030, 259)]


def nothing(_share: float) -> None:
    pass


@pytest.mark.parametrize("size", SIZES)
def test_areas_cover_every_pixel_and_start_on_the_grid(size: tuple[int, int]) -> None:
    seen = np.zeros(size, np.int32)
    areas = list(tile_areas(size, 256))
    for area in areas:
        seen[area.slices] += 1
        assert area.top % ALIGN_PX == 0
        assert area.left % ALIGN_PX == 0
    assert seen.min() == 1
    assert len(areas) == tile_count(size, 256)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_identity_gives_every_pixel_back(size: tuple[int, int], dtype: type) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(dtype).max + 1, (*size, 3)).astype(dtype)
    out = map_tiles(pixels, lambda tile, _area: tile, 256, nothing)
    np.testing.assert_array_equal(out, widen(pixels))


def test_widening_is_exact_both_ways() -> None:
    levels = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    wide = widen(levels)
    np.testing.assert_array_equal(wide // 257, levels)
    assert wide.max() == 65535
    np.testing.assert_array_equal(to_u16(to_float(levels)), wide)


@pytest.mark.parametrize("size", [(500, 501), (831, 640), (1030, 259)])
def test_a_local_function_leaves_no_seam(size: tuple[int, int]) -> None:
    """Tiled and untiled differ by at most one grey level of 255."""
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)

    def blur(tile: NDArray[np.float32], _area: Area) -> NDArray[np.float32]:
        return cv2.GaussianBlur(tile, (0, 0), 3).astype(np.float32)

    tiled = map_tiles(pixels, blur, 256, nothing).astype(np.int64)
    whole = to_u16(blur(to_float(pixels), Area(0, 0, 0, 0))).astype(np.int64)
    assert np.abs(tiled - whole).max() <= 257


def test_disagreeing_tiles_are_feathered_not_cut() -> None:
    """Two tiles of different brightness meet in a ramp, not in a step."""
    pixels = np.zeros((192, 500, 3), np.uint8)

    def by_tile(tile: NDArray[np.float32], area: Area) -> NDArray[np.float32]:
        return np.full_like(tile, 0.25 if area.left == 0 else 0.75)

    row = map_tiles(pixels, by_tile, 192, nothing)[100, :, 0].astype(np.int64)
    assert row[0] == round(0.25 * 65535)
    assert row[-1] == round(0.75 * 65535)
    assert np.abs(np.diff(row)).max() < 0.1 * 65535


def test_progress_ends_at_one() -> None:
    shares: list[float] = []
    map_tiles(np.zeros((500, 500, 3), np.uint8), lambda tile, _area: tile, 192, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
