"""HEIC and camera RAW."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import pyvips
import rawpy
from PIL import Image

import making_photos as made
from making_photos import SOFTWARE, opened
from resilver.photo import Photo
from resilver.photofile import camera_raw
from resilver.photofile.colour_profile import builtin_profile
from resilver.photofile.orientation import Turn


def test_heic_from_a_phone(tmp_path: Path) -> None:
    import pillow_heif

    picture = pillow_heif.from_pillow(Image.fromarray(made.picture(96, 128) // 2 + 50))
    out = io.BytesIO()
    exif = b"Exif\0\0" + made.exif_block(orientation=6)
    picture.save(out, quality=95, icc_profile=builtin_profile("p3"), exif=exif, xmp=made.XMP)
    photo = opened(tmp_path / "a.heic", out.getvalue())
    assert (photo.format, photo.size, photo.suffix) == ("heic", (128, 96), ".heic")
    assert photo.profile == builtin_profile("p3")
    photo.save(tmp_path / "b.heic", software=SOFTWARE)
    again = Photo.open(tmp_path / "b.heic")
    assert again.profile == builtin_profile("p3")
    assert again.size == photo.size
    assert np.abs(again.pixels / 257 - photo.pixels / 257).mean() < 3
    assert again.metadata.exif is not None
    assert made.MAKER_NOTE in again.metadata.exif


def test_heic_with_alpha(tmp_path: Path) -> None:
    pixels = np.dstack([made.picture(64, 64), np.full((64, 64), 77, np.uint8)])
    Photo.from_array(pixels).save(tmp_path / "a.heic")
    again = Photo.open(tmp_path / "a.heic")
    assert again.alpha is not None
    assert np.abs(again.alpha.astype(int) - 77).max() <= 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_heic_with_alpha(tmp_path: Path, dtype: type[np.uint8 | np.uint16]) -> None:
    full = np.iinfo(dtype).max
    ramp = (np.add.outer(np.arange(64), np.arange(64)) / 126 * full).astype(dtype)
    photo = Photo.from_array(ramp).evolve(alpha=ramp[::-1])
    photo.save(tmp_path / "a.heic")
    again = Photo.open(tmp_path / "a.heic")
    assert (again.grey, again.bit_depth) == (True, photo.bit_depth)
    assert again.alpha is not None
    for seen, meant in ((again.pixels, photo.pixels), (again.alpha, photo.alpha)):
        assert np.abs(seen / full - np.asarray(meant) / full).max() <= 5 / 255
    again.save(tmp_path / "b.png")
    assert pyvips.Image.new_from_file(str(tmp_path / "b.png")).bands == 2


@pytest.mark.parametrize("gamma", [1.8, 2.2])
def test_grey_heic_in_a_space_of_its_own(tmp_path: Path, gamma: float) -> None:
    import pillow_heif

    icc = made.grey_profile(gamma)
    level = 100
    picture = pillow_heif.from_pillow(Image.fromarray(np.full((64, 64), level, np.uint8)))
    out = io.BytesIO()
    picture.save(out, quality=95, icc_profile=icc)
    photo = opened(tmp_path / "a.heic", out.getvalue())
    assert (photo.grey, photo.profile, photo.notices) == (True, icc, ())
    light = (level / 255) ** gamma
    encoded = 1.055 * light ** (1 / 2.4) - 0.055
    assert np.abs(photo.pixels / 65535 - encoded).max() < 2 / 255


def test_grey_heic_in_an_rgb_space(tmp_path: Path) -> None:
    """Some encoders leave the profile of the colour photo in the grey one."""
    import pillow_heif

    picture = pillow_heif.from_pillow(Image.fromarray(made.picture(64, 64)[..., 0]))
    out = io.BytesIO()
    picture.save(out, quality=95, icc_profile=builtin_profile("srgb"))
    photo = opened(tmp_path / "a.heic", out.getvalue())
    assert (photo.grey, photo.notices) == (True, ())
    assert np.abs(photo.pixels[..., 0] - made.picture(64, 64)[..., 0].astype(int)).max() < 10


def test_camera_raw_is_developed_and_saved_as_16_bit_tiff(tmp_path: Path) -> None:
    photo = opened(tmp_path / "a.dng", made.dng_bytes(96, 128))
    assert (photo.format, photo.bit_depth, photo.suffix) == ("raw", 16, ".tif")
    assert photo.size == (96, 128)
    left, right = photo.pixels[60, 30].astype(int), photo.pixels[60, 100].astype(int)
    assert np.ptp(left) < 300  # the camera's white balance makes it neutral
    assert right[0] > right[1] * 1.8
    rows = photo.pixels[8:-8:16, 30, 1].astype(int)
    assert (np.diff(rows) > 0).all()
    photo.save(tmp_path / "a.tif", software=SOFTWARE)
    again = Photo.open(tmp_path / "a.tif")
    assert again.bit_depth == 16
    assert np.array_equal(again.pixels, photo.pixels)
    assert again.metadata.exif is not None
    assert b"Camera & Co" in again.metadata.exif
    assert again.metadata.xmp is not None


def test_camera_raw_is_known_by_its_content_and_upright(tmp_path: Path) -> None:
    photo = opened(tmp_path / "a.tif", made.dng_bytes(96, 128, orientation=6))
    assert photo.format == "raw"
    assert photo.size == (128, 96)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_in_camera_raw_are_turned_and_mirrored_with_its_pixels(
    tmp_path: Path, orientation: int
) -> None:
    """The mosaic is brightest at the bottom; a region of the same place has to end up there."""
    upright = np.zeros((4, 6), np.uint8)
    upright[-1] = 1  # the lowest row
    turned = Turn.of(orientation).pixels(upright[..., None])[..., 0]
    photo = opened(tmp_path / "a.dng", made.dng_bytes(64, 96, orientation=orientation))
    light = photo.pixels[..., 1].astype(float)
    height, width = photo.size
    assert (height > width) == (turned.shape[0] > turned.shape[1])
    edges = {"top": light[:8], "bottom": light[-8:], "left": light[:, :8], "right": light[:, -8:]}
    brightest = max(edges, key=lambda edge: edges[edge].mean())
    rows, columns = np.nonzero(turned)
    expected = {
        "top": rows.max() == 0, "bottom": rows.min() == turned.shape[0] - 1,
        "left": columns.max() == 0, "right": columns.min() == turned.shape[1] - 1,
    }  # fmt: skip
    assert expected[brightest]
    assert camera_raw.EXIF_OF_FLIP.get(_flip_of(tmp_path / "a.dng"), 1) == orientation


def _flip_of(path: Path) -> int:
    with rawpy.imread(str(path)) as raw:
        return int(raw.sizes.flip)
