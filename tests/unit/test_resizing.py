"""Resizing by the antialiased bicubic: what it keeps, and what it must not let through."""

from __future__ import annotations

import numpy as np
import pytest

from resilver.imaging.resizing import resampling, resized


def test_a_ramp_stays_a_ramp() -> None:
    """Of a plane the bicubic makes the same plane at the new places, but for the borders."""
    rows, columns = np.mgrid[0:48, 0:64].astype(np.float32)
    plane = np.stack((0.01 * rows, 0.01 * columns, 0.005 * (rows + columns)), axis=2)
    small = resized(plane, (12, 16))
    at_rows, at_columns = 4 * np.mgrid[0:12, 0:16].astype(np.float32) + 1.5
    wanted = np.stack((0.01 * at_rows, 0.01 * at_columns, 0.005 * (at_rows + at_columns)), axis=2)
    np.testing.assert_allclose(small[2:-2, 2:-2], wanted[2:-2, 2:-2], atol=1e-5)
    large = resized(plane, (96, 128))
    np.testing.assert_allclose(large[8:-8:2, 9:-8:2, 0], plane[4:-4, 4:-4, 0] - 0.0025, atol=1e-5)


@pytest.mark.parametrize("new", [7, 20, 31, 100])
def test_weights_add_up_to_one(new: int) -> None:
    weights = resampling(31, new)
    assert weights.shape == (new, 31)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    if new == 31:
        np.testing.assert_allclose(weights, np.eye(31), atol=1e-6)


def test_what_is_too_fine_vanishes() -> None:
    """Stripes of two pixels would fold back into the picture; here they come out flat."""
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::2] = 1.0
    small = resized(stripes, (16, 16))
    assert np.abs(small - 0.5)[:, 2:-2].max() < 0.01


def test_the_published_bicubic_is_this_one() -> None:
    torch = pytest.importorskip("torch", reason="compared with torch, of the train extra")
    image = np.random.default_rng(0).random((37, 52, 3), np.float32)
    given = torch.from_numpy(image).permute(2, 0, 1)[None]
    for size in ((9, 13), (74, 104), (30, 61)):
        theirs = torch.nn.functional.interpolate(given, size, mode="bicubic", antialias=True)
        np.testing.assert_allclose(
            resized(image, size), theirs[0].permute(1, 2, 0).numpy(), atol=1e-5
        )
