"""Whether a photo is in colour, told from pictures of known making."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import camera, chelsea

from resilver.imaging.tone import colour_left
from resilver.stages.sight import OLD_COLOUR_255


def toned(red: float, blue: float) -> NDArray[np.uint8]:
    """A black and white picture (60, 80, 3), its red and blue bent by these exponents."""
    grey = np.linspace(0, 1, 60 * 80).reshape(60, 80)
    return np.rint(255 * np.stack((grey**red, grey, grey**blue), axis=-1)).astype(np.uint8)


@pytest.mark.parametrize(("red", "blue"), [(1.0, 1.0), (0.85, 1.3), (1.1, 0.9)])
@pytest.mark.parametrize("scale", [np.uint8(1), np.uint16(257)])
def test_a_tone_is_no_colour_and_neither_is_a_stain(
    red: float, blue: float, scale: np.integer
) -> None:
    picture = toned(red, blue) * scale
    assert colour_left(picture) < 0.8 * OLD_COLOUR_255
    picture[20:32, :40] = np.array([150, 100, 20]) * int(scale)  # on a tenth of it
    assert colour_left(picture) < OLD_COLOUR_255


@pytest.mark.parametrize("scale", [np.uint8(1), np.uint16(257)])
def test_colours_that_brightness_does_not_explain_are_colour(scale: np.integer) -> None:
    rows, columns = np.mgrid[:60, :80]
    picture = np.stack((rows * 4, columns * 3, 255 - rows * 4), axis=-1).astype(np.uint8)
    assert colour_left(picture * scale) > 10.0


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_none(level: int) -> None:
    assert colour_left(np.full((1, 300, 3), level, np.uint8)) == pytest.approx(0.0, abs=1e-3)


def test_a_subject_in_colours_counts_on_a_white_page() -> None:
    page = np.full((560, 680, 3), 250, np.uint8)
    page[40:340, 40:491] = chelsea()
    assert colour_left(page) > 2 * OLD_COLOUR_255


def test_stains_on_less_than_a_fifth_of_a_print_do_not_count() -> None:
    print_ = np.repeat(camera()[..., None], 3, axis=2)
    print_[100:300, 100:300] = (print_[100:300, 100:300] * (0.9, 0.7, 0.4)).astype(np.uint8)
    assert colour_left(print_) < 0.5 * OLD_COLOUR_255


def on_a_lid(
    print_: NDArray[np.uint8], lid: tuple[float, float, float], noise_255: float, side: float
) -> NDArray[np.uint8]:
    """A print in the corner of a scanner's lid, `side` times as wide and high."""
    height, width = (int(side * length) for length in print_.shape[:2])
    grain = np.random.default_rng(0).normal(0.0, noise_255, (height, width, 3))
    scan = np.rint(np.array(lid) + grain).clip(0, 255).astype(np.uint8)
    scan[8 : 8 + print_.shape[0], 8 : 8 + print_.shape[1]] = print_
    return scan


LIDS = [((247.0, 247.0, 247.0), 0.8), ((252.0, 251.0, 247.0), 0.7), ((0.0, 0.0, 0.0), 0.0)]


@pytest.mark.parametrize(("lid", "noise_255"), LIDS)
@pytest.mark.parametrize("side", [1.4, 1.8, 2.8])
def test_around_a_print_a_lid_or_nothing_does_not_decide(
    lid: tuple[float, float, float], noise_255: float, side: float
) -> None:
    in_colours = chelsea()[:, 20:430]
    assert colour_left(on_a_lid(in_colours, lid, noise_255, side)) > 2 * OLD_COLOUR_255
    grey = camera()[::2, ::2, None] / 255.0
    sepia = np.rint(255 * np.concatenate((grey**0.85, grey, 0.9 * grey**1.3), axis=2))
    assert colour_left(on_a_lid(sepia.astype(np.uint8), lid, noise_255, side)) < OLD_COLOUR_255


@pytest.mark.parametrize("colour", [(200, 10, 10), (0, 60, 200), (20, 160, 40)])
def test_one_strong_colour_is_no_tone(colour: tuple[int, int, int]) -> None:
    assert colour_left(np.full((40, 60, 3), colour, np.uint8)) >= OLD_COLOUR_255
    page = np.full((80, 100, 3), 255, np.uint8)
    page[20:50, 10:80] = colour
    assert colour_left(page) >= OLD_COLOUR_255


def test_what_is_transparent_has_no_colour() -> None:
    hidden = np.repeat(camera()[::4, ::4, None], 3, axis=2)
    hidden[:, 64:] = np.random.default_rng(1).integers(0, 255, (128, 64, 3))
    alpha = np.full((128, 128), 255, np.uint8)
    alpha[:, 64:] = 0
    assert colour_left(hidden) >= OLD_COLOUR_255
    assert colour_left(hidden, alpha) < OLD_COLOUR_255
    assert colour_left(hidden, np.zeros_like(alpha)) == colour_left(hidden)
