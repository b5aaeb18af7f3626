"""Orientation, EXIF, XMP, IPTC and resolution through every format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import making_photos as made
from making_photos import EVERY_SUFFIX, SOFTWARE, TRAINED, opened, pillow_bytes
from resilver.photo import Metadata, Photo
from resilver.photofile.colour_profile import builtin_profile

TURNED: dict[int, Callable[[NDArray[np.generic]], NDArray[np.generic]]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(tmp_path: Path, orientation: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.dstack([made.picture(), made.picture()[..., 0]])
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    content = pillow_bytes(Image.fromarray(pixels), form, exif=exif, **options)
    photo = opened(tmp_path / "a.img", content)
    expected = TURNED[orientation](pixels)
    assert np.array_equal(photo.pixels, expected[..., :3])
    assert photo.alpha is not None
    assert np.array_equal(photo.alpha, expected[..., 3])
    assert photo.pixels.flags.c_contiguous


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
def test_orientation_is_not_applied_twice(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(made.picture()).save(path, exif=b"Exif\0\0" + made.exif_block(orientation=6))
    for name in ("b", "c"):
        photo = Photo.open(path)
        assert photo.size == (64, 48)
        path = tmp_path / f"{name}{suffix}"
        photo.save(path)
    assert Photo.open(path).size == (64, 48)


def raw_profile(kind: str, data: bytes) -> str:
    """As ImageMagick writes one into a text of a PNG."""
    digits = data.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    return "\n".join(["", kind, f"{len(data):8d}", *lines, ""])


@pytest.mark.parametrize("as_text", ["tEXt", "zTXt", "iTXt"])
def test_profiles_in_texts_of_a_png_are_read_and_obeyed(tmp_path: Path, as_text: str) -> None:
    texts = PngInfo()
    exif = b"Exif\0\0" + made.exif_block(orientation=6)
    for kind, data in (("exif", exif), ("xmp", made.XMP), ("iptc", made.IPTC)):
        name, text = f"Raw profile type {kind}", raw_profile(kind, data)
        if as_text == "iTXt":
            texts.add_itxt(name, text, zip=kind == "exif")
        else:
            texts.add_text(name, text, zip=as_text == "zTXt")
    content = pillow_bytes(Image.fromarray(made.picture()), "PNG", pnginfo=texts)
    photo = opened(tmp_path / "a.png", content)
    assert photo.size == (64, 48)
    assert photo.notices == ()
    photo.save(tmp_path / "b.jpg")
    again = Photo.open(tmp_path / "b.jpg")
    assert again.size == (64, 48)
    assert again.metadata.iptc == made.IPTC
    assert again.metadata.xmp is not None
    assert b"grandmother" in again.metadata.xmp
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[0x010F] == "Camera & Co"
        assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_orientation_that_xmp_alone_states_is_applied(tmp_path: Path, form: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera & Co"  # which says nothing of how the camera was held
    options: dict[str, object] = {"xmp": made.XMP}
    if form == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", made.XMP.decode())
        options = {"pnginfo": texts}
    content = pillow_bytes(Image.fromarray(made.picture()), form, exif=exif, **options)
    photo = opened(tmp_path / "a.img", content)
    assert photo.size == (64, 48)
    photo.save(tmp_path / "b.png")
    assert Photo.open(tmp_path / "b.png").size == (64, 48)


def described() -> Photo:
    metadata = Metadata(made.exif_block(), made.XMP, made.IPTC, (300.0, 240.0))
    return Photo.from_array(made.picture()).evolve(
        metadata=metadata, profile=builtin_profile("srgb")
    )


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
def test_metadata_survives_every_format(tmp_path: Path, suffix: str) -> None:
    first = tmp_path / f"a{suffix}"
    described().save(first)
    path = tmp_path / f"b{suffix}"
    Photo.open(first).save(path, software=SOFTWARE, digital_source_type=TRAINED)
    photo = Photo.open(path)
    assert photo.notices == ()
    assert photo.profile == builtin_profile("srgb")
    assert photo.metadata.dpi == pytest.approx((300.0, 240.0), abs=0.02)
    assert photo.metadata.exif is not None
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + photo.metadata.exif)
    check_exif(exif)
    if suffix != ".tif":
        assert made.MAKER_NOTE in photo.metadata.exif
        assert exif[0xFDE8] == "private"
    assert made.THUMBNAIL not in path.read_bytes()
    check_xmp(photo.metadata.xmp)
    assert photo.metadata.iptc == (made.IPTC if suffix in (".jpg", ".tif", ".png") else None)


def check_exif(exif: Image.Exif) -> None:
    assert exif[0x010F] == "Camera & Co"
    assert exif[0x8298] == "(c) Ada"
    assert exif[0x4746] == 5
    assert exif[0x0131] == SOFTWARE
    assert exif.get(0x0112, 1) == 1
    inner = exif.get_ifd(0x8769)
    assert inner[0x9003] == "1931:05:17 12:00:00"
    assert inner[0x927C] == made.MAKER_NOTE
    assert (inner[0xA002], inner[0xA003]) == (64, 48)
    assert exif.get_ifd(0x8825)[2] == (48.0, 8.0, 5.0)


def check_xmp(packet: bytes | None) -> None:
    assert packet is not None
    for words in (b"grandmother", TRAINED.encode(), SOFTWARE.encode(), b'tiff:Orientation="1"'):
        assert words in packet


@pytest.mark.parametrize("suffix", [s for s in EVERY_SUFFIX if s != ".heic"])
def test_other_programs_find_the_metadata(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    described().save(path, software=SOFTWARE, digital_source_type=TRAINED)
    with Image.open(path) as image:
        image.load()
        check_exif(image.getexif())
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        check_xmp(packet.encode() if isinstance(packet, str) else packet)
        assert image.info["icc_profile"] == builtin_profile("srgb")
        if suffix in (".jpg", ".png", ".tif"):
            assert image.info["dpi"] == pytest.approx((300, 240), abs=0.02)
    seen = pyvips.Image.new_from_file(str(path))
    fields = seen.get_fields()
    check_xmp(bytes(seen.get("xmp-data")))
    assert bytes(seen.get("icc-profile-data")) == builtin_profile("srgb")
    if suffix != ".tif":  # libvips reads no EXIF from TIFF
        assert seen.get("exif-ifd0-Make").startswith("Camera & Co")
        assert seen.get("exif-ifd0-Software").startswith(SOFTWARE)
        assert seen.get("exif-ifd2-DateTimeOriginal").startswith("1931:05:17")
        assert "jpeg-thumbnail-data" not in fields
    if suffix in (".jpg", ".tif"):
        assert made.IPTC in bytes(seen.get("iptc-data"))
    if suffix in (".jpg", ".png", ".tif"):
        assert seen.xres * 25.4 == pytest.approx(300, abs=0.02)


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
def test_where_nothing_is_said_nothing_is_invented(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Photo.from_array(made.picture()).save(path)
    assert Photo.open(path).metadata == Metadata()
    assert Photo.open(path).profile is None


def test_damaged_metadata_does_not_stop_the_photo(tmp_path: Path) -> None:
    image = Image.fromarray(made.picture())
    content = pillow_bytes(image, "JPEG", exif=b"Exif\0\0II*\0junk", xmp=b"<x:xmpmeta><broken")
    photo = opened(tmp_path / "a.jpg", content)
    assert len(photo.notices) == 2
    photo.save(tmp_path / "b.jpg", software=SOFTWARE, digital_source_type=TRAINED)
    packet = Photo.open(tmp_path / "b.jpg").metadata.xmp
    assert packet is not None
    assert TRAINED.encode() in packet


def test_source_type_survives_xmp_too_long_for_jpeg(tmp_path: Path) -> None:
    """A Photoshop history is easily longer than a segment."""
    long = made.XMP.replace(b"grandmother", b"grandmother " * 8000)
    photo = described().evolve(metadata=Metadata(xmp=long))
    photo.save(tmp_path / "a.jpg", software=SOFTWARE, digital_source_type=TRAINED)
    with Image.open(tmp_path / "a.jpg") as image:
        image.load()
        packet = image.info["xmp"]
    for words in (TRAINED.encode(), SOFTWARE.encode()):
        assert words in packet
    assert b"grandmother" not in packet
    assert Photo.open(tmp_path / "a.jpg").notices == ()


@pytest.mark.parametrize("order", "<>")
def test_exif_too_long_for_jpeg_loses_its_maker_note_only(tmp_path: Path, order: str) -> None:
    room = 65_530 - 6 - len(made.exif_block(order, thumbnail=b""))
    exif = made.exif_block(order, thumbnail=b"", note=made.MAKER_NOTE + bytes(room))
    image = Image.fromarray(made.picture())
    content = pillow_bytes(image, "JPEG", exif=b"Exif\0\0" + exif)
    photo = opened(tmp_path / "a.jpg", content)  # it just fits, and grows when it is saved
    photo.save(tmp_path / "b.jpg", software=SOFTWARE)
    with Image.open(tmp_path / "b.jpg") as image:
        again = image.getexif()
    assert again[0x010F] == "Camera & Co"
    assert again[0x0131] == SOFTWARE
    assert again.get(0x0112, 1) == 1
    assert again.get_ifd(0x8769)[0x9003] == "1931:05:17 12:00:00"
    assert again.get_ifd(0x8825)[2] == (48.0, 8.0, 5.0)
    assert 0x927C not in again.get_ifd(0x8769)


def test_texts_of_a_png_stay_in_a_png(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("Description", "Zürich")
    texts.add_text("Comment", "on the terrace " * 20, zip=True)
    texts.add_itxt("Author", "Ada 写", "de", "Verfasserin")
    texts.add_text("Software", "Scan-o-matic")
    texts.add_text("Raw profile type exif", "45786966")
    texts.add_itxt("XML:com.adobe.xmp", made.XMP.decode())
    texts.add(b"tEXt", b"Late\0behind the pixels", after_idat=True)
    content = pillow_bytes(Image.fromarray(made.picture()), "PNG", pnginfo=texts)
    photo = opened(tmp_path / "a.png", content)
    photo.save(tmp_path / "b.png", software=SOFTWARE)
    with Image.open(tmp_path / "b.png") as image:
        image.load()
        kept = {key: text for key, text in image.text.items() if not key.startswith("XML")}
    assert kept == {
        "Description": "Zürich",
        "Comment": "on the terrace " * 20,
        "Author": "Ada 写",
        "Late": "behind the pixels",
    }
    assert kept["Author"].lang == "de"
    assert (tmp_path / "b.png").read_bytes().count(b"XML:com.adobe.xmp") == 1
    photo.save(tmp_path / "c.jpg")
    assert Photo.open(tmp_path / "c.jpg").metadata.notes == ()


def test_comments_of_a_jpeg_stay_in_a_jpeg(tmp_path: Path) -> None:
    comment = "Großmutter, 1931".encode("latin-1")
    content = pillow_bytes(Image.fromarray(made.picture()), "JPEG", comment=comment)
    photo = opened(tmp_path / "a.jpg", content)
    photo.save(tmp_path / "b.jpg", software=SOFTWARE)
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.info["comment"] == comment
    photo.save(tmp_path / "c.png")
    assert Photo.open(tmp_path / "c.png").metadata.notes == ()


@pytest.mark.parametrize(
    ("jfif", "exif", "expected"), [(72, 300, 300), (300, 72, 300), (200, 300, 300), (72, 72, 72)]
)
def test_resolution_of_exif_goes_before_that_of_the_header(
    tmp_path: Path, jfif: int, exif: int, expected: int
) -> None:
    """Programs write 72 where they know nothing, in the header or, as EXIF wants it, in EXIF."""
    block = Image.Exif()
    block[0x011A], block[0x011B], block[0x0128] = exif, exif, 2
    content = pillow_bytes(
        Image.fromarray(made.picture()), "JPEG", dpi=(jfif, jfif), exif=block.tobytes()
    )
    photo = opened(tmp_path / "a.jpg", content)
    assert photo.metadata.dpi == (expected, expected)
    photo.save(tmp_path / "b.jpg", software=SOFTWARE)
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[0x011A] == expected
        assert image.info["jfif_density"] == (expected, expected)


def test_metadata_too_long_for_jpeg_leaves_a_sound_file(tmp_path: Path) -> None:
    long = made.XMP.replace(b"grandmother", b"grandmother " * 8000)
    photo = described().evolve(metadata=Metadata(xmp=long, iptc=bytes(70_000), dpi=(300, 300)))
    photo.save(tmp_path / "a.jpg")
    again = Photo.open(tmp_path / "a.jpg")
    assert (again.metadata.xmp, again.metadata.iptc) == (None, None)
    photo.save(tmp_path / "a.tif")
    packet = Photo.open(tmp_path / "a.tif").metadata.xmp
    assert packet is not None
    assert len(packet) > 90_000


REGION = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"><rdf:Description><mwg-rs:Regions
 rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource"><mwg-rs:Area
 stArea:x="0.25" stArea:y="0.125" stArea:w="0.25" stArea:h="0.125" stArea:unit="normalized"/>
</rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("orientation", TURNED)
def test_places_in_an_avif_follow_the_turn_that_its_boxes_ask_for(
    tmp_path: Path, orientation: int
) -> None:
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[4:12, 16:48] = 255  # where the region is
    exif = Image.Exif()
    exif[0x0112] = orientation  # Pillow writes boxes of it
    content = pillow_bytes(Image.fromarray(pixels), "AVIF", quality=95, exif=exif, xmp=REGION)
    photo = opened(tmp_path / "a.avif", content)
    assert np.abs(photo.pixels - TURNED[orientation](pixels).astype(int)).mean() < 4
    assert photo.metadata.xmp is not None
    area = re.search(rb'Area:x="([0-9.]+)" \w+:y="([0-9.]+)"', photo.metadata.xmp)
    assert area is not None
    x, y = (float(number) for number in area.groups())
    height, width = photo.size
    assert photo.pixels[int(y * height), int(x * width)].min() > 200
