"""There and back: pixels, depth, channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import making_photos as made
from making_photos import EVERY_SUFFIX, difference
from resilver.photo import Photo
from resilver.photofile.colour_profile import builtin_profile

LOSSLESS = [(".png", None), (".tif", None), (".webp", 100), (".avif", 100)]


@pytest.mark.parametrize(("suffix", "quality"), LOSSLESS)
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("tagged", [False, True])
def test_8_bits_come_back_exactly(
    tmp_path: Path, suffix: str, quality: int | None, alpha: bool, tagged: bool
) -> None:
    pixels = made.picture()
    if alpha:
        plane = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
        pixels = np.dstack([pixels, plane])
    photo = Photo.from_array(pixels)
    if tagged:
        photo = photo.evolve(profile=builtin_profile("srgb"))
    path = tmp_path / f"a{suffix}"
    photo.save(path, quality=quality)
    again = Photo.open(path)
    assert np.array_equal(again.pixels, pixels[..., :3])
    assert again.bit_depth == 8
    assert again.profile == photo.profile
    if alpha:
        assert again.alpha is not None
        assert np.array_equal(again.alpha, pixels[..., 3])
    again.save(tmp_path / f"b{suffix}", quality=quality)
    assert np.array_equal(Photo.open(tmp_path / f"b{suffix}").pixels, pixels[..., :3])


@pytest.mark.parametrize(
    ("suffix", "quality", "tolerance"), [(".png", None, 0), (".tif", None, 0), (".avif", 100, 16)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_come_back(
    tmp_path: Path, suffix: str, quality: int | None, tolerance: int, channels: int
) -> None:
    pixels = np.concatenate([made.picture16(), made.picture16()], -1)[..., :channels]
    photo = Photo.from_array(pixels)
    path = tmp_path / f"a{suffix}"
    photo.save(path, quality=quality)
    again = Photo.open(path)
    assert again.pixels.dtype == np.uint16
    assert again.bit_depth == 16
    assert difference(again.pixels, photo.pixels) <= tolerance
    again.save(tmp_path / f"b{suffix}", quality=quality)
    assert np.array_equal(Photo.open(tmp_path / f"b{suffix}").pixels, again.pixels)


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
@pytest.mark.parametrize("value", [0, 65535])
def test_16_bit_black_and_white_stay_so(tmp_path: Path, suffix: str, value: int) -> None:
    photo = Photo.from_array(np.full((64, 64, 3), value, np.uint16))
    photo.save(tmp_path / f"a{suffix}")
    again = Photo.open(tmp_path / f"a{suffix}")
    full = np.iinfo(again.pixels.dtype).max
    assert np.abs(again.pixels / full - value / 65535).max() < 0.002


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".heic"])
@pytest.mark.parametrize("depth", [8, 16])
def test_grey_comes_back_as_one_channel(tmp_path: Path, suffix: str, depth: int) -> None:
    source = made.picture()[..., 0] if depth == 8 else made.picture16()[..., 0]
    photo = Photo.from_array(source)
    path = tmp_path / f"a{suffix}"
    photo.save(path)
    again = Photo.open(path)
    assert again.grey
    scale = np.iinfo(photo.pixels.dtype).max // np.iinfo(again.pixels.dtype).max
    limit = 0 if suffix in (".png", ".tif") else 10 * (np.iinfo(photo.pixels.dtype).max // 255)
    assert difference(again.pixels * np.int64(scale), photo.pixels) <= limit
    if suffix != ".heic":
        with Image.open(path) as image:
            assert image.mode in ("L", "I;16", "I;16L", "I;16B")


@pytest.mark.parametrize("profile", [None, made.grey_profile(2.2), builtin_profile("srgb")])
def test_grey_avif_of_other_programs_is_grey(tmp_path: Path, profile: bytes | None) -> None:
    grey = made.picture()[..., 0]
    Image.fromarray(grey).save(tmp_path / "a.avif", quality=95, icc_profile=profile)
    photo = Photo.open(tmp_path / "a.avif")
    assert photo.grey
    assert photo.notices == ()
    assert photo.profile == profile
    if profile != made.grey_profile(2.2):
        assert difference(photo.pixels[..., 0], grey) < 10
    photo.save(tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as again:
        assert again.mode == "L"


def test_coloured_avif_and_heic_are_not_grey(tmp_path: Path) -> None:
    transparent = np.dstack([made.picture(64, 64), made.picture(64, 64)[..., 0]])
    for suffix in (".avif", ".heic"):
        for number, pixels in enumerate((transparent, transparent[..., :3])):
            path = tmp_path / f"{number}{suffix}"
            Photo.from_array(pixels).save(path)
            assert not Photo.open(path).grey


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_grey_without_a_single_channel_has_three_equal_ones(tmp_path: Path, suffix: str) -> None:
    tinted = made.picture16(64, 64) // 2 + np.array([0, 900, 2000], np.uint16)  # by some stage
    photo = Photo.from_array(tinted[..., 0]).evolve(pixels=tinted, bit_depth=8)
    photo.save(tmp_path / f"a{suffix}", quality=100)
    assert np.ptp(Photo.open(tmp_path / f"a{suffix}").pixels, axis=-1).max() == 0


def test_grey_photo_is_saved_as_the_mean_and_a_coloured_one_in_colour(tmp_path: Path) -> None:
    tinted = np.zeros((40, 40, 3), np.uint8) + np.array([90, 100, 113], np.uint8)
    photo = Photo.from_array(tinted[..., 0]).evolve(pixels=tinted)
    photo.save(tmp_path / "grey.png")
    assert np.asarray(Image.open(tmp_path / "grey.png")).tolist()[0][0] == 101
    coloured = photo.evolve(grey=False, profile=made.grey_profile())
    coloured.save(tmp_path / "colour.png")
    again = Photo.open(tmp_path / "colour.png")
    assert np.array_equal(again.pixels, tinted)
    assert again.profile is None  # it has outgrown its grey profile


def test_stages_that_work_in_16_bits_do_not_change_the_depth_of_the_file(tmp_path: Path) -> None:
    for depth, work in ((8, made.picture().astype(np.uint16) * 257), (16, made.picture())):
        photo = Photo.from_array(made.picture()).evolve(bit_depth=depth, pixels=work)
        photo.save(tmp_path / f"{depth}.tif")
        again = Photo.open(tmp_path / f"{depth}.tif")
        assert again.bit_depth == depth
        assert np.array_equal(again.pixels >> (depth - 8), made.picture())


def test_alpha_is_laid_on_white_where_the_format_has_none(tmp_path: Path) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, 16:, 3] = 255
    Photo.from_array(pixels).save(tmp_path / "a.jpg")
    again = Photo.open(tmp_path / "a.jpg")
    assert again.alpha is None
    assert again.pixels[:, :8].min() > 250
    assert again.pixels[:, 24:].max() < 5


@pytest.mark.parametrize(("suffix", "limit"), [(".jpg", 12), (".webp", 20), (".avif", 20)])
def test_lossy_formats_stay_close(tmp_path: Path, suffix: str, limit: int) -> None:
    smooth = np.kron(made.picture(12, 16), np.ones((8, 8, 1), np.uint8))
    blurred = np.asarray(Image.fromarray(smooth).resize((64, 48)))
    photo = Photo.from_array(blurred)
    photo.save(tmp_path / f"a{suffix}")
    assert difference(Photo.open(tmp_path / f"a{suffix}").pixels, blurred) <= limit
