"""PatchMatch on textures: what diffusion cannot do and copying can."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.imaging.classical import fill_telea
from resilver.imaging.measures import psnr
from resilver.imaging.patchmatch import fill_patchmatch

SIZE = (120, 140)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
TEXTURES = {
    "stripes": (COLUMNS // 4) % 2,
    "lying stripes": (ROWS // 5) % 2,
    "slanting stripes": ((ROWS + COLUMNS) // 6) % 2,
    "checkerboard": (ROWS // 7 + COLUMNS // 7) % 2,
}


def picture(texture: NDArray[np.int_]) -> NDArray[np.float32]:
    colours = np.array([[0.2, 0.3, 0.5], [0.8, 0.7, 0.6]], np.float32)
    return colours[texture]


@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize("hole_px", [12, 32])
def test_texture_goes_on_better_than_by_diffusion(name: str, hole_px: int) -> None:
    truth = picture(TEXTURES[name])
    mask = np.zeros(SIZE, np.bool_)
    mask[45 : 45 + hole_px, 50 : 50 + hole_px] = True
    damaged = np.where(mask[..., None], np.float32(1.0), truth)
    copied = psnr(fill_patchmatch(damaged, mask), truth, mask)
    diffused = psnr(fill_telea(damaged, mask), truth, mask)
    assert copied > max(diffused + 10.0, 25.0)


def test_texture_goes_on_up_to_the_corner_of_the_picture() -> None:
    truth = picture(TEXTURES["stripes"])
    mask = np.zeros(SIZE, np.bool_)
    mask[:20, :24] = True
    damaged = np.where(mask[..., None], np.float32(0.0), truth)
    assert psnr(fill_patchmatch(damaged, mask), truth, mask) > 25.0


def test_same_seed_gives_same_fill_and_another_may_not() -> None:
    image = np.random.default_rng(5).random((64, 64, 3), dtype=np.float32)
    mask = np.zeros((64, 64), np.bool_)
    mask[20:40, 18:44] = True
    first = fill_patchmatch(image, mask, seed=3)
    np.testing.assert_array_equal(first, fill_patchmatch(image, mask, seed=3))
    assert not np.array_equal(first, fill_patchmatch(image, mask, seed=4))


def test_only_sound_pixels_are_copied() -> None:
    """Two colours exist outside the hole, a third inside: the third must not come back."""
    image = picture(TEXTURES["checkerboard"])
    mask = np.zeros(SIZE, np.bool_)
    mask[40:80, 40:90] = True
    image[mask] = (1.0, 0.0, 1.0)
    filled = fill_patchmatch(image, mask)[mask]
    assert (filled >= np.array([0.2, 0.3, 0.5], np.float32) - 1e-6).all()
    assert (filled <= np.array([0.8, 0.7, 0.6], np.float32) + 1e-6).all()


def test_without_a_sound_patch_the_hole_is_filled_by_diffusion() -> None:
    image = np.full((40, 40, 3), 0.4, np.float32)
    mask = np.ones((40, 40), np.bool_)
    mask[::6, ::6] = False
    image[mask] = 1.0
    np.testing.assert_allclose(fill_patchmatch(image, mask), 0.4, atol=1e-6)
