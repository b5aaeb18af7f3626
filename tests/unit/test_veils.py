"""Veils are cleared by the line that fits along their border."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from resilver.errors import OptionError
from resilver.imaging.classical import fill_telea
from resilver.imaging.veils import clear_veil, first_guess

SHAPE = (160, 200)


def textured() -> NDArray[np.float32]:
    """A photo with detail everywhere: a face and hair, (H, W, 3)."""
    photo = data.astronaut()[40 : 40 + SHAPE[0], 130 : 130 + SHAPE[1]]
    return photo.astype(np.float32) / np.float32(255)


def blot() -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(mask, (100, 80), (45, 30), 20, 0, 360, (1,), -1)
    return mask > 0


def rms(first: NDArray[np.float32], second: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(np.sqrt(np.square(first - second)[where].mean()))


@pytest.mark.parametrize("opacity", [0.5, 0.65])
@pytest.mark.parametrize("colour", [(0.6, 0.45, 0.3), (0.95, 0.95, 0.9), (0.1, 0.1, 0.1)])
def test_what_shines_through_a_stain_comes_back(
    opacity: float, colour: tuple[float, float, float]
) -> None:
    photo, veil = textured(), blot()
    stained = photo.copy()
    stained[veil] = (1 - opacity) * photo[veil] + opacity * np.asarray(colour, np.float32)
    diffused = fill_telea(stained, veil)
    cleared = clear_veil(stained, diffused, veil, veil)
    assert rms(cleared, photo, veil) < 0.5 * rms(diffused, photo, veil)
    assert rms(cleared, photo, veil) < 0.7 * rms(stained, photo, veil)
    np.testing.assert_array_equal(cleared[~veil], photo[~veil])


def test_under_an_opaque_mark_nothing_shines_through() -> None:
    photo, hole = textured(), blot()
    broken = photo.copy()
    broken[hole] = 1.0
    np.testing.assert_array_equal(
        first_guess(broken, hole, np.zeros_like(hole)), fill_telea(broken, hole)
    )


def test_a_scratch_through_a_stain_is_filled_and_the_stain_cleared() -> None:
    photo, veil = textured(), blot()
    scratch = np.zeros_like(veil)
    scratch[78:81] = True
    broken = photo.copy()
    broken[veil] = 0.5 * photo[veil] + 0.2
    broken[scratch] = 1.0
    guess = first_guess(broken, scratch, veil)
    filled = fill_telea(broken, scratch | veil)
    np.testing.assert_array_equal(guess[scratch], filled[scratch])
    assert rms(guess, photo, veil & ~scratch) < 0.5 * rms(filled, photo, veil & ~scratch)
    np.testing.assert_array_equal(guess[~(scratch | veil)], photo[~(scratch | veil)])


def test_where_all_is_damaged_there_is_nothing_to_fit() -> None:
    photo = textured()
    everything = np.ones(SHAPE, np.bool_)
    np.testing.assert_array_equal(clear_veil(photo, photo, everything, everything), photo)


def test_shapes_that_do_not_go_together_are_refused() -> None:
    photo = textured()
    with pytest.raises(OptionError):
        clear_veil(photo, photo, np.ones((3, 3), np.bool_), np.ones((3, 3), np.bool_))
