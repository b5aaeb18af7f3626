"""Files of every kind are read as what they are."""

from __future__ import annotations

import logging
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image

import making_photos as made
from making_photos import difference, opened, pillow_bytes
from resilver.photo import Photo


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [8, 16])
def test_tiff_of_every_kind(tmp_path: Path, order: str, channels: int, depth: int) -> None:
    colour = made.picture() if depth == 8 else made.picture16()
    pixels = np.concatenate([colour, colour[..., ::-1]], axis=-1)[..., :channels]
    extra = [] if channels in (1, 3) else [(338, 3, 1, (2).to_bytes(2, _endian(order)))]
    photometric = 1 if channels < 3 else 2
    content = made.tiff_of(pixels, photometric, extra=extra, order=order)
    photo = opened(tmp_path / "a.tif", content)
    grey = channels < 3
    assert (photo.grey, photo.bit_depth, photo.format) == (grey, depth, "tiff")
    assert photo.pixels.dtype == colour.dtype
    assert np.array_equal(photo.pixels, pixels[..., [0, 0, 0] if grey else [0, 1, 2]])
    if channels in (2, 4):
        assert photo.alpha is not None
        assert np.array_equal(photo.alpha, pixels[..., -1])
    else:
        assert photo.alpha is None
    assert photo.notices == ()


def _endian(order: str) -> str:
    return "little" if order == "<" else "big"


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": "horizontal"},
        {"compression": "deflate"},
        {"compression": "packbits"},
        {"tile": True, "tile_width": 32, "tile_height": 16},
        {"compression": "deflate", "tile": True, "tile_width": 16, "tile_height": 16},
        {"bigtiff": True},
    ],
)
def test_tiff_however_it_is_stored(tmp_path: Path, options: dict[str, object]) -> None:
    path = tmp_path / "a.tif"
    pixels = made.picture16(70, 90)
    pyvips.Image.new_from_array(pixels, interpretation="rgb16").tiffsave(str(path), **options)
    photo = Photo.open(path)
    assert np.array_equal(photo.pixels, pixels)
    photo.save(tmp_path / "b.tif")
    assert np.array_equal(Photo.open(tmp_path / "b.tif").pixels, pixels)


def test_tiff_of_jpeg_tiles_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    image = pyvips.Image.new_from_array(made.picture(64, 64))
    image.tiffsave(str(path), compression="jpeg", Q=95, tile=True, tile_width=32, tile_height=32)
    assert difference(Photo.open(path).pixels, made.picture(64, 64)) < 30


def test_min_is_white_and_one_bit_and_palette(tmp_path: Path) -> None:
    grey = made.picture()[..., :1]
    photo = opened(tmp_path / "w.tif", made.tiff_of(grey, 0))
    assert np.array_equal(photo.pixels[..., 0], 255 - grey[..., 0])

    bits = Image.fromarray(made.picture()[..., 0]).convert("1")
    for form in ("PNG", "TIFF"):
        photo = opened(tmp_path / f"bits.{form}", pillow_bytes(bits, form))
        assert (photo.grey, photo.bit_depth) == (True, 8)
        assert np.array_equal(photo.pixels[..., 1], np.asarray(bits, np.uint8) * 255)

    palette = Image.fromarray(made.picture()).quantize(64)
    for form in ("PNG", "TIFF", "GIF"):
        photo = opened(tmp_path / f"palette.{form}", pillow_bytes(palette, form))
        assert not photo.grey
        assert np.array_equal(photo.pixels, np.asarray(palette.convert("RGB")))
    clear = pillow_bytes(palette, "PNG", transparency=0)
    photo = opened(tmp_path / "clear.png", clear)
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha == 0, np.asarray(palette) == 0)


def test_first_page_with_a_notice(tmp_path: Path) -> None:
    photo = opened(tmp_path / "a.tif", made.tiff_of(made.picture(), 2, pages=3))
    assert photo.notices == ("multi-page TIFF: only the first of 3 pages was opened",)
    assert np.array_equal(photo.pixels, made.picture())
    photo.save(tmp_path / "b.tif")
    assert Photo.open(tmp_path / "b.tif").notices == ()


def test_premultiplied_alpha_becomes_straight(tmp_path: Path) -> None:
    alpha = np.full((48, 64, 1), 128, np.uint8)
    multiplied = np.concatenate([made.picture() // 2, alpha], -1)
    content = made.tiff_of(multiplied, 2, extra=[(338, 3, 1, b"\1\0")])
    photo = opened(tmp_path / "a.tif", content)
    assert difference(photo.pixels, made.picture()) <= 2
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, alpha[..., 0])
    photo.save(tmp_path / "b.tif")
    assert np.array_equal(Photo.open(tmp_path / "b.tif").pixels, photo.pixels)


def test_extra_channels_are_named(tmp_path: Path) -> None:
    pixels = np.concatenate([made.picture(), made.picture()], -1)
    content = made.tiff_of(pixels, 2, extra=[(338, 3, 3, b"\2\0\0\0\0\0")])
    photo = opened(tmp_path / "a.tif", content)
    assert np.array_equal(photo.pixels, made.picture())
    assert photo.alpha is not None
    assert photo.notices == ("2 extra channels were left out",)


def test_file_is_known_by_its_content_and_any_name_will_do(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"[n=3] na\xefve, 100% \xff.jpg")
    photo = opened(path, pillow_bytes(Image.fromarray(made.picture()), "PNG"))
    assert photo.format == "png"
    assert np.array_equal(photo.pixels, made.picture())
    result = tmp_path / os.fsdecode(b"[strip] \xfe.png")
    photo.save(result)
    assert np.array_equal(Photo.open(result).pixels, made.picture())


def test_same_name_with_new_content_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for seed in (1, 2):
        pixels = made.picture(seed=seed)
        photo = opened(path, pillow_bytes(Image.fromarray(pixels), "PNG"))
        assert np.array_equal(photo.pixels, pixels)


def test_text_in_other_alphabets_is_no_obstacle(tmp_path: Path) -> None:
    """PNG keywords are Latin-1, which pyvips would decode as UTF-8."""
    plain = pillow_bytes(Image.fromarray(made.picture()), "PNG")
    text = b"tEXtAndr\xe9\0Photo von Gro\xdfmutter"
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    photo = opened(tmp_path / "a.png", plain[:33] + chunk + plain[33:])
    assert np.array_equal(photo.pixels, made.picture())


def test_libvips_logs_through_no_python(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A callback in the midst of libvips's work once ended the process; see vips_runtime."""
    caplog.set_level(logging.DEBUG)
    icc = made.wide_profile()[:300]
    content = pillow_bytes(Image.fromarray(made.picture()), "TIFF", icc_profile=icc)
    photo = opened(tmp_path / "a.tif", content)
    photo.save(tmp_path / "b.tif")
    assert photo.preview(10).size
    assert not [record for record in caplog.records if record.message.startswith("VIPS:")]
