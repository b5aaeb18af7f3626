"""The diffusion fills, on pictures whose right answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from resilver.errors import OptionError
from resilver.imaging.classical import fill_biharmonic, fill_navier_stokes, fill_telea
from resilver.imaging.measures import psnr
from resilver.imaging.patchmatch import fill_patchmatch

Fill = Callable[[NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]
FILLS = [fill_telea, fill_navier_stokes, fill_biharmonic, fill_patchmatch]
every_fill = pytest.mark.parametrize("fill", FILLS, ids=lambda fill: fill.__name__)


def noise(size: tuple[int, int], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((*size, 3), dtype=np.float32)


def box(size: tuple[int, int], top: int, bottom: int, left: int, right: int) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.bool_)
    mask[top:bottom, left:right] = True
    return mask


@every_fill
def test_constant_picture_is_restored_exactly(fill: Fill) -> None:
    truth = np.full((40, 50, 3), (0.3, 0.55, 0.81), np.float32)
    mask = box((40, 50), 10, 24, 12, 31) | box((40, 50), 0, 3, 0, 9)
    damaged = np.where(mask[..., None], np.float32(1.0), truth)
    np.testing.assert_array_equal(fill(damaged, mask), truth)


@every_fill
def test_fill_continues_a_gradient(fill: Fill) -> None:
    ramp = np.linspace(0.1, 0.9, 64, dtype=np.float32)
    truth = np.repeat(np.tile(ramp, (48, 1))[..., None], 3, axis=2)
    mask = box((48, 64), 20, 26, 28, 36)
    damaged = np.where(mask[..., None], np.float32(0.0), truth)
    assert psnr(fill(damaged, mask), truth, mask) > 30.0


def test_biharmonic_continues_a_gradient_without_error() -> None:
    ramp = np.linspace(0.1, 0.9, 64, dtype=np.float32)
    truth = np.repeat(np.tile(ramp, (48, 1))[..., None], 3, axis=2)
    mask = box((48, 64), 20, 34, 24, 40)
    damaged = np.where(mask[..., None], np.float32(0.0), truth)
    # A fortieth of a grey level: how a solver rounds depends on the processor.
    np.testing.assert_allclose(fill_biharmonic(damaged, mask), truth, atol=1e-4)


def test_precision_is_finer_than_eight_bits() -> None:
    ramp = np.linspace(0.500, 0.504, 32, dtype=np.float32)  # one grey level of 255 in all
    truth = np.repeat(np.tile(ramp, (32, 1))[..., None], 3, axis=2)
    mask = box((32, 32), 12, 18, 12, 18)
    filled = fill_navier_stokes(np.where(mask[..., None], np.float32(0.0), truth), mask)
    assert np.unique(filled[mask]).size > 20
    np.testing.assert_allclose(filled, truth, atol=0.2 / 255)


@every_fill
def test_nothing_masked_changes_nothing(fill: Fill) -> None:
    image = noise((20, 30))
    filled = fill(image, np.zeros((20, 30), np.bool_))
    np.testing.assert_array_equal(filled, image)
    assert filled is not image


@every_fill
def test_everything_masked_changes_nothing(fill: Fill) -> None:
    image = noise((20, 30))
    np.testing.assert_array_equal(fill(image, np.ones((20, 30), np.bool_)), image)


@every_fill
def test_damage_does_not_leak_into_the_fill(fill: Fill) -> None:
    image = noise((48, 48))
    mask = box((48, 48), 10, 30, 10, 20) | box((48, 48), 10, 13, 22, 40)
    white = np.where(mask[..., None], np.float32(1.0), image)
    black = np.where(mask[..., None], np.float32(0.0), image)
    np.testing.assert_allclose(fill(white, mask), fill(black, mask), atol=1e-6)


@every_fill
@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    share=st.floats(0.0, 1.0),
    seed=st.integers(0, 10_000),
)
def test_any_size_and_mask_gives_a_picture_and_keeps_what_is_sound(
    fill: Fill, height: int, width: int, share: float, seed: int
) -> None:
    image = noise((height, width), seed)
    mask = np.random.default_rng(seed + 1).random((height, width)) < share
    given_image = image.copy()
    filled = fill(image, mask)
    np.testing.assert_array_equal(image, given_image)
    np.testing.assert_array_equal(filled[~mask], image[~mask])
    assert filled.dtype == np.float32
    assert filled.shape == image.shape
    assert np.isfinite(filled).all()
    assert filled.min() >= 0.0
    assert filled.max() <= 1.0


@every_fill
def test_what_does_not_go_together_is_refused(fill: Fill) -> None:
    with pytest.raises(OptionError, match="mask"):
        fill(noise((20, 30)), np.zeros((30, 20), np.bool_))
    with pytest.raises(OptionError, match="float32"):
        fill(noise((20, 30)).astype(np.float64), np.zeros((20, 30), np.bool_))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="mask"):
        fill(noise((20, 30)), np.zeros((20, 30), np.uint8))  # type: ignore[arg-type]
