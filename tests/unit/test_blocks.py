"""Pictures cut into blocks."""

from __future__ import annotations

import numpy as np

from resilver.imaging.blocks import in_blocks


def test_blocks_are_squares_row_by_row_and_a_remainder_is_left_out() -> None:
    picture = np.arange(5 * 7 * 3, dtype=np.float32).reshape(5, 7, 3)
    blocks = in_blocks(picture, 2)
    assert blocks.shape == (2 * 3, 2, 2, 3)
    np.testing.assert_array_equal(blocks[0], picture[:2, :2])
    np.testing.assert_array_equal(blocks[1], picture[:2, 2:4])
    np.testing.assert_array_equal(blocks[5], picture[2:4, 4:6])


def test_a_small_picture_gives_the_squares_that_fit_into_it() -> None:
    plane = np.arange(3 * 8, dtype=np.float32).reshape(3, 8)
    blocks = in_blocks(plane, 16)
    assert blocks.shape == (2, 3, 3, 1)
    np.testing.assert_array_equal(blocks[1, :, :, 0], plane[:, 3:6])
