"""Cut-outs: how a photo may go on where nobody sees it."""

from __future__ import annotations

import numpy as np
import pytest

from resilver.imaging.cutouts import continued, hidden_in


def row(*levels: int) -> np.ndarray:
    pixels = np.zeros((1, len(levels), 3), np.uint8)
    pixels[0, :, 0] = levels
    return pixels


def mask(marks: str) -> np.ndarray:
    return np.array([[mark == "x" for mark in marks]])


@pytest.mark.parametrize(
    ("damaged", "shown"),
    [
        ("------", (10, 20, 30, 40, 30, 20)),  # mirrored at the last one seen
        ("---x--", (10, 20, 30, 40, 10, 30)),  # ... outside of the photo: the nearest
        ("--x---", (10, 20, 30, 40, 40, 20)),  # ... damaged: the nearest
        ("-xxx--", (10, 20, 30, 40, 10, 10)),
    ],
)
def test_it_goes_on_with_what_is_sound(damaged: str, shown: tuple[int, ...]) -> None:
    pixels = row(10, 20, 30, 40, 50, 60)
    out = continued(pixels, mask("----xx"), mask(damaged))
    assert tuple(out[0, :, 0]) == shown
    assert tuple(pixels[0, :, 0]) == (10, 20, 30, 40, 50, 60)


def test_a_corner_is_mirrored_too() -> None:
    y, x = np.mgrid[:40, :40]
    pixels = np.stack((6 * y, 6 * x, y + x), axis=-1).astype(np.float32)
    hidden = np.hypot(y - 20, x - 20) > 15
    out = continued(pixels, hidden)
    np.testing.assert_array_equal(out[~hidden], pixels[~hidden])
    assert out[20, 39].tolist() == [6 * 20, 6 * 31, 51]  # 4 px beyond column 35
    assert out[2, 20].tolist() == [6 * 8, 6 * 20, 28]


def test_where_nothing_is_hidden_or_all_it_stays() -> None:
    pixels, nowhere = row(10, 20), mask("--")
    assert continued(pixels, nowhere) is pixels
    assert continued(pixels, nowhere, ~nowhere) is pixels
    assert continued(pixels, mask("-x"), mask("x-")) is pixels


def test_hidden_is_what_has_no_opacity_at_all() -> None:
    assert hidden_in(None) is None
    for level in (0, 3, 255):
        assert hidden_in(np.full((2, 2), level, np.uint8)) is None
    found = hidden_in(np.array([[0, 1], [255, 0]], np.uint8))
    assert found is not None
    assert found.tolist() == [[True, False], [False, True]]
