"""Windows around damage: all of it, once, enough around it, and no more work than the whole."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.imaging.windows import LEAST_PX, MARGIN_PX, windows_around
from resilver.stages.fills import fill_in_windows, fill_named

Mask = NDArray[np.bool_]


def scattered(size: tuple[int, int], marks: int, seed: int) -> Mask:
    """Specks and scratches anywhere, also at the edge."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(size, np.bool_)
    for _ in range(marks):
        top, left = rng.integers(0, size[0]), rng.integers(0, size[1])
        mask[top : top + rng.integers(1, 40), left : left + rng.integers(1, 40)] = True
    return mask


@pytest.mark.parametrize("size", [(1, 1), (90, 700), (500, 501), (1024, 1024), (257, 31)])
@pytest.mark.parametrize("marks", [1, 4, 60])
def test_cores_hold_all_damage_once_and_views_show_what_is_around_it(
    size: tuple[int, int], marks: int
) -> None:
    mask = scattered(size, marks, seed=marks)
    within = np.zeros(size, np.int32)
    work = 0
    for window in windows_around(mask):
        core, view = window.core, window.view
        within[core.slices] += 1
        work += mask[view.slices].size
        assert mask[view.slices][window.place.slices].shape == mask[core.slices].shape
        np.testing.assert_array_equal(mask[view.slices][window.place.slices], mask[core.slices])
        assert core.top - view.top >= MARGIN_PX or view.top == 0
        assert view.right - core.right >= MARGIN_PX or view.right == size[1]
        assert view.bottom - view.top >= min(LEAST_PX, size[0])
        assert view.right - view.left >= min(LEAST_PX, size[1])
    assert (within[mask] == 1).all()
    assert within.max() <= 1
    assert work <= mask.size


def test_nothing_is_looked_at_where_nothing_is_damaged() -> None:
    assert windows_around(np.zeros((64, 64), np.bool_)) == []


def test_a_little_damage_is_little_work() -> None:
    mask = np.zeros((2000, 2000), np.bool_)
    mask[40:60, 50:55] = mask[1500:1510, 1800:1803] = True
    assert [window.view.bottom - window.view.top for window in windows_around(mask)] == [256, 256]


@pytest.mark.parametrize("fill", ["learned", "telea", "patchmatch"])
def test_filled_in_windows_a_picture_is_mended_and_all_else_is_bit_equal(fill: str) -> None:
    rows, columns = np.mgrid[:600, :700].astype(np.float32)
    clean = np.stack((rows / 900, columns / 900, 0.3 + rows * 0), axis=-1).astype(np.float32)
    mask = np.zeros((600, 700), np.uint8)
    mask[20:40, 30:34] = mask[400:403, 500:560] = mask[598:, 100:110] = 1
    broken = np.where(mask[..., None] > 0, np.float32(1), clean)
    filled = fill_in_windows(fill_named(fill, 1), broken, mask, np.zeros_like(mask))
    np.testing.assert_array_equal(filled[mask == 0], clean[mask == 0])
    assert np.abs(filled - clean)[mask > 0].max() < 0.05
