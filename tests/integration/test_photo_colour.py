"""Colour profiles: to sRGB for work, back to the source's profile in the result."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image

import making_photos as made
from making_photos import EVERY_SUFFIX, difference, opened, pillow_bytes
from resilver.photo import Photo
from resilver.photofile.colour_profile import ONE_WAY, builtin_profile


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_rgb_profile_is_converted_and_comes_back(tmp_path: Path, depth: int, suffix: str) -> None:
    icc = made.wide_profile()
    # Muted colours, which sRGB holds too.
    pixels = made.picture() // 4 + 100
    if depth == 16:
        pixels = pixels.astype(np.uint16) * 257 + 99
    kind = "srgb" if depth == 8 else "rgb16"
    image = pyvips.Image.new_from_array(pixels, interpretation=kind)
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    path = tmp_path / f"a{suffix}"
    image.write_to_file(str(path))
    photo = Photo.open(path)
    assert photo.profile == icc
    assert photo.bit_depth == depth
    assert photo.pixels.dtype == np.uint16  # converted: held finely enough for the way back
    assert difference(photo.pixels, adobe_to_srgb(pixels)) < 257
    photo.save(tmp_path / f"b{suffix}")
    again = pyvips.Image.new_from_file(str(tmp_path / f"b{suffix}"))
    assert again.get("icc-profile-data") == icc
    assert difference(again.numpy(), pixels) <= (1 if depth == 8 else 120)


def adobe_to_srgb(pixels: NDArray[np.generic], largest: int | None = None) -> NDArray[np.float64]:
    """The same conversion from the standards' formulas, 0-65535."""
    linear = (pixels / (largest or np.iinfo(pixels.dtype).max)) ** 2.19921875
    adobe = np.array(
        [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    )
    srgb = np.array(
        [
            [3.2404542, -1.5371385, -0.4985314],
            [-0.9692660, 1.8760108, 0.0415560],
            [0.0556434, -0.2040259, 1.0572252],
        ]
    )
    value = np.clip(linear @ (srgb @ adobe).T, 0, 1)
    encoded = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    return encoded * 65535


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_profile_is_converted_and_comes_back(tmp_path: Path, depth: int) -> None:
    icc = made.grey_profile(1.8)
    grey = made.picture()[..., 0] // 2 + 60 if depth == 8 else made.picture16()[..., 0] // 2 + 16000
    image = pyvips.Image.new_from_array(grey, interpretation="b-w" if depth == 8 else "grey16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    image.write_to_file(str(tmp_path / "a.tif"))
    photo = Photo.open(tmp_path / "a.tif")
    assert photo.grey
    assert photo.profile == icc
    assert np.ptp(photo.pixels, axis=-1).max() == 0  # no tint
    value = (grey / np.iinfo(grey.dtype).max) ** (461 / 256)  # as the profile rounds it
    encoded = np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055)
    assert difference(photo.pixels[..., 0], encoded * 65535) < 257
    photo.save(tmp_path / "b.tif")
    again = pyvips.Image.new_from_file(str(tmp_path / "b.tif"))
    assert (again.bands, again.get("icc-profile-data")) == (1, icc)
    assert difference(again.numpy(), grey) <= (1 if depth == 8 else 200)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_with_a_profile_comes_back_as_cmyk(tmp_path: Path, suffix: str) -> None:
    icc = builtin_profile("cmyk")
    rgb = pyvips.Image.new_from_array(made.picture() // 2 + 60)
    cmyk = rgb.icc_transform("cmyk", input_profile="srgb", depth=8)
    path = tmp_path / f"a{suffix}"
    cmyk.write_to_file(str(path), **({"Q": 95} if suffix == ".jpg" else {}))
    photo = Photo.open(path)
    assert photo.profile == icc
    assert photo.notices == (
        "CMYK: the colours pass through sRGB and come back as a new mixture of inks",
    )
    assert np.abs(photo.pixels / 257 - rgb.numpy()).mean() < 6
    photo.save(tmp_path / f"b{suffix}")
    again = pyvips.Image.new_from_file(str(tmp_path / f"b{suffix}"))
    assert (again.interpretation, again.bands) == ("cmyk", 4)
    assert again.get("icc-profile-data") == icc
    with Image.open(tmp_path / f"b{suffix}") as image:
        assert image.mode == "CMYK"
    seen = Photo.open(tmp_path / f"b{suffix}").pixels
    assert np.abs(seen / 257 - photo.pixels / 257).mean() < 2
    photo.save(tmp_path / "b.png")  # PNG knows no CMYK
    assert Photo.open(tmp_path / "b.png").profile is None


def test_cmyk_without_a_profile_is_saved_as_srgb(tmp_path: Path) -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:, 8:, 3] = 255
    photo = opened(tmp_path / "a.tif", made.tiff_of(inks, 5))
    (notice,) = photo.notices
    assert "its colours are those of usual inks, a guess; the result is saved as sRGB" in notice
    assert photo.pixels[0, 0].min() > 60_000  # no ink: paper
    assert photo.pixels[0, 15].max() < 15_000
    photo.save(tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize(
    ("icc", "words"),
    [
        (b"no profile", "damaged"),
        (made.wide_profile()[:300], "damaged"),
        (made.wide_profile()[:128] + b"\xff" * 400, "damaged"),
        (made.grey_profile(), "for grey"),
        (builtin_profile("cmyk"), "for CMYK"),
    ],
)
def test_profile_that_does_not_fit_is_left_out(tmp_path: Path, icc: bytes, words: str) -> None:
    image = Image.fromarray(made.picture())
    photo = opened(tmp_path / "a.tif", pillow_bytes(image, "TIFF", icc_profile=icc))
    assert np.array_equal(photo.pixels, made.picture())
    assert photo.profile is None
    assert f"the colour profile is {words} and was left out" in photo.notices[0]
    photo.save(tmp_path / "b.tif")


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
def test_grey_profile_in_every_format(tmp_path: Path, suffix: str) -> None:
    """As grey in the profile, or as sRGB where the format has no single channel."""
    steps = np.kron(np.linspace(20, 240, 16).astype(np.uint8).reshape(4, 4), np.ones((16, 16)))
    content = pillow_bytes(
        Image.fromarray(steps.astype(np.uint8)), "PNG", icc_profile=made.grey_profile(1.8)
    )
    photo = opened(tmp_path / "a.png", content)
    photo.save(tmp_path / f"b{suffix}")
    again = Photo.open(tmp_path / f"b{suffix}")
    assert again.notices == ()
    assert again.profile == (None if suffix in (".webp", ".avif") else photo.profile)
    full = np.iinfo(again.pixels.dtype).max
    assert np.abs(again.pixels / full - photo.pixels / 65535).max() < 4 / 255
    assert np.ptp(again.pixels, axis=-1).max() <= full // 255


def wide_png(colour: tuple[int, int, int]) -> bytes:
    """Adobe RGB: muted but for a patch of one colour."""
    pixels = made.picture(96, 128) // 4 + 100
    pixels[20:60, 30:90] = colour
    return pillow_bytes(Image.fromarray(pixels), "PNG", icc_profile=made.wide_profile())


@pytest.mark.parametrize("colour", [(0, 255, 0), (0, 180, 170), (40, 160, 40)])
def test_colours_outside_srgb_are_told(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    photo = opened(tmp_path / "a.png", wide_png(colour))
    assert photo.notices == (
        "colours outside sRGB were brought to its edge: less vivid in all that is encoded anew",
    )
    photo.save(tmp_path / "b.png")
    again = np.asarray(Image.open(tmp_path / "b.png"))
    assert difference(again[40, 60], np.array(colour)) > 2  # the notice tells the truth


@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (200, 255, 220), (255, 255, 120), (90, 0, 60)]
)
def test_colours_at_the_edge_of_srgb_are_no_news(
    tmp_path: Path, colour: tuple[int, int, int]
) -> None:
    photo = opened(tmp_path / "a.png", wide_png(colour))
    assert photo.notices == ()
    photo.save(tmp_path / "b.png")
    again = np.asarray(Image.open(tmp_path / "b.png"))
    assert difference(again[40, 60], np.array(colour)) <= 2


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
@pytest.mark.parametrize("green", [100, 255])
def test_clipping_is_seen_in_every_format(tmp_path: Path, suffix: str, green: int) -> None:
    """In a photo big enough that only some of it is looked at."""
    pixels = np.full((700, 1200, 3), 100, np.uint8)
    pixels[300:340, 500:560] = (100, green, 100)
    path = tmp_path / f"a{suffix}"
    image = Image.fromarray(pixels)
    if suffix == ".heic":
        import pillow_heif

        pillow_heif.from_pillow(image).save(path, quality=95, icc_profile=builtin_profile("p3"))
    else:
        image.save(path, icc_profile=builtin_profile("p3"))
    told = any("outside sRGB" in notice for notice in Photo.open(path).notices)
    assert told == (green == 255)


def test_wide_photo_in_formats_that_take_a_profile(tmp_path: Path) -> None:
    icc = made.wide_profile()
    pixels = np.kron(made.picture(12, 16) // 2 + 50, np.ones((8, 8, 1), np.uint8))
    content = pillow_bytes(Image.fromarray(pixels), "PNG", icc_profile=icc)
    photo = opened(tmp_path / "a.png", content)
    for suffix in EVERY_SUFFIX:
        photo.save(tmp_path / f"b{suffix}")
        again = Photo.open(tmp_path / f"b{suffix}")
        assert again.profile == icc, suffix
        seen = np.abs(again.pixels / 257 - photo.pixels / 257).mean()
        assert seen < 4, suffix


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".heic"])
def test_a_profile_that_leads_one_way_gives_srgb(tmp_path: Path, suffix: str) -> None:
    """Calibrated scanners need no way back; without one the result cannot be in their colours."""
    form = {".png": "PNG", ".tif": "TIFF", ".jpg": "JPEG", ".heic": "HEIF"}[suffix]
    pillow_heif.register_heif_opener()
    flat = np.full((64, 64, 3), (180, 90, 60), np.uint8)
    written = pillow_bytes(
        Image.fromarray(flat), form, quality=100, icc_profile=made.scanner_profile()
    )
    photo = opened(tmp_path / f"a{suffix}", written)
    assert photo.notices == (ONE_WAY,)
    assert photo.profile is None
    # By the formulas of the same space with its gamma of 1.8.
    expected = adobe_to_srgb((flat / 255.0) ** (1.8 / 2.19921875) * 65535, 65535)
    assert np.abs(photo.pixels[32, 32] - expected[32, 32]).max() < 700
    assert np.abs(photo.pixels[32, 32] / 257 - flat[32, 32]).max() > 20
    photo.save(tmp_path / f"b{suffix}")
    again = Photo.open(tmp_path / f"b{suffix}")
    assert again.profile is None
    assert np.abs(again.pixels[32, 32] - photo.pixels[32, 32] / 257).max() <= 2


P3, PQ = (12, 13), (9, 16)


@pytest.mark.parametrize("codes", [P3, PQ])
@pytest.mark.parametrize("suffix", [".avif", ".heic", ".png"])
def test_colours_named_by_code_points(tmp_path: Path, suffix: str, codes: tuple[int, int]) -> None:
    flat = np.full((64, 64, 3), (200, 100, 60), np.uint8)
    pillow_heif.register_heif_opener()
    form = {".png": "PNG", ".avif": "AVIF", ".heic": "HEIF"}[suffix]
    data = pillow_bytes(Image.fromarray(flat), form, quality=95)
    if suffix == ".png":
        chunk = b"cICP" + bytes((*codes, 0, 1))
        data = data[:33] + b"\0\0\0\4" + chunk + zlib.crc32(chunk).to_bytes(4, "big") + data[33:]
    else:
        at = data.index(b"colrnclx") + 8
        data = data[:at] + struct.pack(">2H", *codes) + data[at + 4 :]
    photo = opened(tmp_path / f"b{suffix}", data)
    if codes == PQ:
        assert photo.profile is None
        assert [("BT.2020" in one, "dynamic range" in one) for one in photo.notices] == [
            (False, True),
            (True, False),
        ]
        return
    assert photo.profile == builtin_profile("p3")
    assert photo.notices == ()
    assert photo.pixels[32, 32, 0] / 257 > 205  # sRGB needs more red for it
    photo.save(tmp_path / f"c{suffix}")
    assert np.abs(Photo.open(tmp_path / f"c{suffix}").pixels / 257 - photo.pixels / 257).max() < 3
