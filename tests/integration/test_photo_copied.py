"""A JPEG or WebP that nothing has changed is copied, not encoded again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import making_photos as made
from making_photos import SOFTWARE, TRAINED, opened, pillow_bytes
from resilver.photo import Photo
from resilver.photofile.colour_profile import builtin_profile
from resilver.pipeline import Options, restore

COARSE = {"quality": 40}  # far from what an encoder here would write


def scan_of(jpeg: bytes) -> bytes:
    """The compressed picture."""
    return jpeg[jpeg.index(b"\xff\xda") : jpeg.rindex(b"\xff\xd9") + 2]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"progressive": True},
        {"subsampling": 0, "restart_marker_rows": 1},
        {"icc_profile": builtin_profile("p3")},
        {"comment": b"on the terrace", "exif": b"Exif\0\0" + made.exif_block(orientation=1)},
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_picture_of_a_jpeg_is_copied(
    tmp_path: Path, options: dict[str, object], mode: str
) -> None:
    if mode == "L" and "icc_profile" in options:
        options = {"icc_profile": made.grey_profile()}
    picture = Image.fromarray(made.picture()).convert(mode)
    content = pillow_bytes(picture, "JPEG", **COARSE, **options)
    photo = opened(tmp_path / "a.jpg", content + b"a moving picture \xff\xd9 behind it")
    photo.save(tmp_path / "b.jpg", software=SOFTWARE, digital_source_type=TRAINED)
    copied = (tmp_path / "b.jpg").read_bytes()
    assert scan_of(copied) == scan_of(content)
    assert copied.count(b"moving picture") == 0
    again = Photo.open(tmp_path / "b.jpg")
    assert np.array_equal(again.pixels, photo.pixels)
    assert again.profile == photo.profile
    assert again.metadata.notes == photo.metadata.notes
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[0x0131] == SOFTWARE
        assert TRAINED.encode() in image.info["xmp"]


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_the_picture_of_a_webp_is_copied(tmp_path: Path, *, lossless: bool, alpha: bool) -> None:
    pixels = made.picture()
    if alpha:
        pixels = np.dstack([pixels, pixels[..., 0]])
    content = pillow_bytes(
        Image.fromarray(pixels),
        "WEBP",
        lossless=lossless,
        exif=b"Exif\0\0" + made.exif_block(orientation=1),
        **COARSE,
    )
    photo = opened(tmp_path / "a.webp", content)
    photo.save(tmp_path / "b.webp", software=SOFTWARE)
    again = Photo.open(tmp_path / "b.webp")
    assert np.array_equal(again.pixels, photo.pixels)
    assert (again.alpha is None) == (photo.alpha is None) == (not alpha)
    with Image.open(tmp_path / "b.webp") as image:
        assert image.getexif()[0x0131] == SOFTWARE
        assert image.getexif()[0x010F] == "Camera & Co"


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_webp_that_says_nothing_is_copied_whole(
    tmp_path: Path, *, lossless: bool, alpha: bool
) -> None:
    pixels = np.dstack([made.picture(), made.picture()[..., 0]])[..., : 4 if alpha else 3]
    image = Image.fromarray(pixels)
    content = pillow_bytes(image, "WEBP", lossless=lossless, xmp=b"<no packet", **COARSE)
    photo = opened(tmp_path / "a.webp", content)
    photo.save(tmp_path / "b.webp")
    written = (tmp_path / "b.webp").read_bytes()
    assert int.from_bytes(written[4:8], "little") + 8 == len(written)
    again = Photo.open(tmp_path / "b.webp")
    assert np.array_equal(again.pixels, photo.pixels)
    assert (again.alpha is None) == (not alpha)
    with Image.open(tmp_path / "b.webp") as copied:
        assert copied.mode == ("RGBA" if alpha else "RGB")


def test_what_was_changed_or_asked_for_otherwise_is_encoded(tmp_path: Path) -> None:
    content = pillow_bytes(Image.fromarray(made.picture()), "JPEG", **COARSE)
    photo = opened(tmp_path / "a.jpg", content)
    photo.save(tmp_path / "quality.jpg", quality=95)
    photo.evolve(pixels=photo.pixels.copy()).save(tmp_path / "changed.jpg")
    photo.save(tmp_path / "other.png")
    for name in ("quality.jpg", "changed.jpg"):
        assert scan_of((tmp_path / name).read_bytes()) != scan_of(content)
    with Image.open(tmp_path / "other.png") as image:
        assert image.format == "PNG"


def test_a_source_that_was_written_anew_meanwhile_is_not_copied(tmp_path: Path) -> None:
    photo = opened(tmp_path / "a.jpg", pillow_bytes(Image.fromarray(made.picture()), "JPEG"))
    other = pillow_bytes(Image.fromarray(255 - made.picture()), "JPEG")
    (tmp_path / "a.jpg").write_bytes(other)
    photo.save(tmp_path / "b.jpg")
    assert made.difference(Photo.open(tmp_path / "b.jpg").pixels, photo.pixels) < 12
    (tmp_path / "a.jpg").unlink()
    photo.save(tmp_path / "c.jpg")
    assert made.difference(Photo.open(tmp_path / "c.jpg").pixels, photo.pixels) < 12


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_picture_that_has_to_be_turned_is_encoded(tmp_path: Path, orientation: int) -> None:
    exif = b"Exif\0\0" + made.exif_block(orientation=orientation)
    content = pillow_bytes(Image.fromarray(made.picture()), "JPEG", exif=exif, **COARSE)
    photo = opened(tmp_path / "a.jpg", content)
    photo.save(tmp_path / "b.jpg")
    again = Photo.open(tmp_path / "b.jpg")
    assert again.size == photo.size
    assert scan_of((tmp_path / "b.jpg").read_bytes()) != scan_of(content)
    assert made.difference(again.pixels, photo.pixels) < 12


def test_rgb_inside_a_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    content = pillow_bytes(Image.fromarray(made.picture()), "JPEG", keep_rgb=True, quality=95)
    assert b"JFIF" not in content[:30]
    photo = opened(tmp_path / "a.jpg", content)
    assert made.difference(photo.pixels, made.picture()) < 40
    photo.save(tmp_path / "b.jpg")
    assert made.difference(Photo.open(tmp_path / "b.jpg").pixels, photo.pixels) < 40


def test_a_damaged_jpeg_is_written_whole(tmp_path: Path) -> None:
    content = bytearray(pillow_bytes(Image.fromarray(made.picture(200, 300)), "JPEG", **COARSE))
    middle = len(content) // 2
    content[middle : middle + 6] = b"\xff\xd3\xff\xd5\xff\xd1"
    photo = opened(tmp_path / "a.jpg", bytes(content))
    assert any("damaged" in notice for notice in photo.notices)
    photo.save(tmp_path / "b.jpg")
    assert Photo.open(tmp_path / "b.jpg").notices == ()


def test_a_good_photo_goes_through_the_pipeline_bit_for_bit(tmp_path: Path) -> None:
    smooth = np.full((96, 128, 3), 120, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "JPEG", quality=70)
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    photo, report = restore(tmp_path / "a.jpg", Options(only=("denoise",)))
    assert report.changed_share == 0.0
    photo.save(tmp_path / "b.jpg")
    assert scan_of((tmp_path / "b.jpg").read_bytes()) == scan_of(buffer.getvalue())
