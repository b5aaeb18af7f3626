"""Photo as a value: shapes, types, tiles, previews, changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import making_photos as made
from resilver.errors import ArrayError
from resilver.photo import READABLE_SUFFIXES, WRITABLE_FORMATS, Metadata, Photo
from resilver.pipeline import restore


def test_array_of_8_bits_is_held_as_it_is_and_not_copied() -> None:
    array = made.picture()
    photo = Photo.from_array(array)
    assert photo.size == (48, 64)
    assert photo.megapixels == pytest.approx(48 * 64 / 1e6)
    assert np.shares_memory(photo.pixels, array)
    assert (photo.bit_depth, photo.grey, photo.alpha) == (8, False, None)


@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 1)])
def test_grey_array_becomes_three_equal_channels(shape: tuple[int, ...]) -> None:
    grey = made.picture16()[..., 0].reshape(shape)
    photo = Photo.from_array(grey)
    assert photo.grey
    assert photo.bit_depth == 16
    assert photo.pixels.shape == (48, 64, 3)
    for channel in range(3):
        assert np.array_equal(photo.pixels[..., channel], grey.reshape(48, 64))


def test_array_with_alpha() -> None:
    alpha = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    photo = Photo.from_array(np.dstack([made.picture16(), alpha]))
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, alpha)
    assert np.array_equal(photo.pixels, made.picture16())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_array_becomes_16_bits(dtype: type) -> None:
    array = np.linspace(0, 1, 600 * 7 * 3).reshape(600, 7, 3).astype(dtype)
    photo = Photo.from_array(array)
    assert photo.pixels.dtype == np.uint16
    error = np.abs(photo.pixels / 65535.0 - array.astype(np.float64)).max()
    assert error <= (0.51 / 65535 if dtype is not np.float16 else 0.001)
    assert (photo.pixels.min(), photo.pixels.max()) == (0, 65535)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.int32),
        np.zeros((4, 4, 3), np.bool_),
        np.full((4, 4, 3), 1.5, np.float32),
        np.full((4, 4, 3), np.nan, np.float32),
        np.full((4, 4, 3), -0.1, np.float32),
    ],
)
def test_arrays_that_are_no_photo_are_refused(array: np.ndarray) -> None:
    with pytest.raises(ArrayError, match=r"a photo|floating-point"):
        Photo.from_array(array)


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_bytes_may_come_in_either_order(kind: str) -> None:
    levels = np.arange(48).reshape(4, 4, 3) / (1.0 if kind[0] == "u" else 48.0)
    usual, other = (Photo.from_array(levels.astype(order + kind)) for order in "<>")
    np.testing.assert_array_equal(usual.pixels, other.pixels)
    assert usual.pixels.dtype == other.pixels.dtype
    assert usual.bit_depth == other.bit_depth


@pytest.mark.parametrize("given", [None, [[0, 1]], Image.new("RGB", (4, 4)), 7])
def test_what_is_no_array_is_told_how_to_become_one(given: Any) -> None:
    words = f"path of a file or an array, not {type(given).__name__}; numpy.asarray"
    with pytest.raises(ArrayError, match=words):
        restore(given)
    with pytest.raises(ArrayError, match=words):
        Photo.from_array(given)


def test_pixels_cannot_be_written_by_accident() -> None:
    array = made.picture()
    photo = Photo.from_array(array)
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0, 0] = 0
    array[0, 0] = 9  # the caller's own array stays writable
    assert array.flags.writeable


@pytest.mark.parametrize("depth", [8, 16])
def test_tile_is_float_in_0_to_1_and_the_callers_own(depth: int) -> None:
    array = made.picture() if depth == 8 else made.picture16()
    photo = Photo.from_array(array)
    tile = photo.tile_float(slice(5, 25), slice(60, None))
    assert tile.dtype == np.float32
    assert tile.shape == (20, 4, 3)
    expected = array[5:25, 60:] / (2.0**depth - 1)
    assert np.abs(tile - expected).max() < 1e-6
    assert (
        photo.evolve(pixels=np.full_like(array, 2**depth - 1))
        .tile_float(slice(None), slice(None))
        .max()
        == 1.0
    )
    tile[:] = 0.0
    assert np.array_equal(photo.pixels, array)


@pytest.mark.parametrize("depth", [8, 16])
def test_preview_is_small_8_bit_and_looks_the_same(depth: int) -> None:
    array = np.kron(made.picture(40, 60), np.ones((8, 8, 1), np.uint8))
    photo = Photo.from_array(array if depth == 8 else array.astype(np.uint16) * 257)
    small = photo.preview(60)
    assert small.shape == (40, 60, 3)
    assert small.dtype == np.uint8
    assert np.abs(small.astype(int) - made.picture(40, 60)).mean() < 3.0
    assert photo.preview(10_000).shape == photo.pixels.shape
    assert np.array_equal(photo.preview(10_000), array)
    assert Photo.from_array(np.zeros((2, 900, 3), np.uint8)).preview(9).shape == (1, 9, 3)


def test_evolve_changes_what_is_named_and_refuses_the_unknown() -> None:
    photo = Photo.from_array(made.picture())
    assert photo.evolve(notices=("faded",)).notices == ("faded",)
    assert photo.notices == ()
    with pytest.raises(TypeError, match="sharpness"):
        photo.evolve(sharpness=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="alpha"):
        photo.evolve(alpha=np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="bit depth"):
        photo.evolve(bit_depth=12)
    with pytest.raises(ValueError, match="uint8 or uint16"):
        photo.evolve(pixels=np.zeros((4, 4, 3), np.float32))  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("source", "form", "suffix"),
    [
        ("a.JPEG", "jpeg", ".jpeg"),
        ("a.jpg", "jpeg", ".jpg"),
        ("a.jpg", "png", ".png"),  # a PNG with the wrong name
        ("a.nef", "raw", ".tif"),
        ("a.gif", "gif", ".png"),
        ("a.heic", "heic", ".heic"),
        (None, "array", ".png"),
    ],
)
def test_suffix_of_the_result(source: str | None, form: str, suffix: str) -> None:
    photo = Photo.from_array(made.picture())
    photo = photo.evolve(source=None if source is None else Path(source), format=form)
    assert photo.suffix == suffix


def test_suffixes_are_lower_case_and_everything_written_can_be_read() -> None:
    assert set(WRITABLE_FORMATS) <= READABLE_SUFFIXES
    assert all(s == s.lower() and s.startswith(".") for s in READABLE_SUFFIXES)
    assert {".jpg", ".mpo", ".tif", ".heic", ".dng", ".gif", ".avif"} <= READABLE_SUFFIXES


def test_metadata_is_empty_by_default() -> None:
    assert Photo.from_array(made.picture()).metadata == Metadata()
