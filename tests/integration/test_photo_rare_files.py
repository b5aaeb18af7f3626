"""Files that are sound and rare: Lab with alpha, linear grey scans, late chunks, filled markers."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from numpy.typing import NDArray
from PIL import Image

from resilver.errors import PhotoNotWritten, PhotoUnreadable, PhotoUnsupported
from resilver.photo import Photo
from resilver.photofile.directories import DirectoryError, Field, read_directory, read_header
from resilver.photofile.exif import check_exif, freshen_exif
from resilver.photofile.vips_runtime import image_of

COLOURS = np.array(
    [(0, 0, 255), (0, 255, 0), (200, 150, 120), (30, 60, 160), (128, 128, 128), (255, 255, 255)],
    np.uint8,
)
REGION = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about="" xmlns:mwg-rs="http://www.metadataworkinggroup.com/'
    b'schemas/regions/" xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"><mwg-rs:Regions '
    b'rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource">'
    b'<mwg-rs:Area stArea:x="0.1" stArea:y="0.2" stArea:w="0.1" stArea:h="0.3" '
    b'stArea:unit="normalized"/></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def lab_of(colours: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """sRGB (H, W, 3) as CIELab of 16 bits, white D50, as a TIFF stores it."""
    lab = image_of(colours).icc_import(
        embedded=False, input_profile="srgb", intent="relative", pcs="lab"
    )
    values = lab.numpy().astype(np.float64)
    light = np.rint(values[..., :1] / 100 * 65535).astype(np.uint16)
    return np.concatenate(
        (light, np.rint(values[..., 1:] * 256).astype(np.int16).view(np.uint16)), axis=-1
    )


@pytest.mark.parametrize("transparent", [False, True])
def test_a_lab_tiff_keeps_its_colours_and_its_alpha(tmp_path: Path, *, transparent: bool) -> None:
    colours = np.repeat(np.repeat(COLOURS[None], 8, axis=0), 8, axis=1)
    stored = lab_of(colours)
    path = tmp_path / "lab.tif"
    if transparent:
        alpha = np.full((*stored.shape[:2], 1), 65535, np.uint16)
        alpha[:, :8] = 20000
        both = np.concatenate((stored, alpha), axis=-1)
        tifffile.imwrite(path, both, photometric="cielab", extrasamples=["unassalpha"])
    else:
        tifffile.imwrite(path, stored, photometric="cielab")
    photo = Photo.open(path)
    assert np.abs(photo.pixels / 257.0 - colours).max() < 1.0
    if transparent:
        assert photo.alpha is not None
        assert int(photo.alpha[0, 0]) == 20000
        assert int(photo.alpha[0, -1]) == 65535
        photo.save(tmp_path / "out.jpg")
        with Image.open(tmp_path / "out.jpg") as flat:
            assert np.asarray(flat)[:, 20:].min() < 100


def tiff(fields: list[tuple[int, int, int, int | bytes]], data: bytes) -> bytes:
    """An uncompressed little-endian TIFF of 32 x 20 px in one strip.

    `fields`: (tag, type, count, value or what does not fit into four bytes), beside the usual ones.
    """
    fields = [
        *(
            (256, 3, 1, 32),
            (257, 3, 1, 20),
            (259, 3, 1, 1),
            (278, 3, 1, 20),
            (279, 4, 1, len(data)),
        ),
        *fields,
    ]
    at = 8 + 2 + 12 * (len(fields) + 1) + 4
    beside, packed = b"", dict[int, bytes]()
    for tag, kind, count, value in fields:
        number = at + len(beside) if isinstance(value, bytes) else value
        beside += value if isinstance(value, bytes) else b""
        packed[tag] = struct.pack("<HHII", tag, kind, count, number)
    packed[273] = struct.pack("<HHII", 273, 4, 1, at + len(beside))
    directory = b"".join(packed[tag] for tag in sorted(packed))
    head = b"II*\0" + struct.pack("<IH", 8, len(packed))
    return head + directory + bytes(4) + beside + data


def ycbcr_tiff(subsampling: tuple[int, int], data: bytes) -> bytes:
    bits = struct.pack("<3H", 8, 8, 8)
    share = subsampling[0] | subsampling[1] << 16
    return tiff([(258, 3, 3, bits), (262, 3, 1, 6), (277, 3, 1, 3), (530, 3, 2, share)], data)


def test_ycbcr_without_jpeg_is_refused_or_read_in_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "y.tif"
    path.write_bytes(ycbcr_tiff((1, 1), bytes((120, 100, 160)) * (32 * 20)))
    with pytest.raises(PhotoUnsupported, match="YCbCr without JPEG colours cannot be restored"):
        Photo.open(path)
    path.write_bytes(ycbcr_tiff((2, 2), bytes((120, 120, 120, 120, 100, 160)) * (16 * 10)))
    photo = Photo.open(path)
    assert np.abs(photo.pixels[4, 4].astype(int) - (165, 107, 70)).max() <= 2
    assert photo.notices == ()


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_palette_keeps_its_alpha(tmp_path: Path, kind: int) -> None:
    """Two samples a pixel, the number of a colour and its alpha; of unspecified kind it is none."""
    path = tmp_path / "palette.tif"
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 3] = 10 * 257, 20 * 257, 30 * 257
    fields: list[tuple[int, int, int, int | bytes]] = [
        *((258, 3, 2, 8 | 8 << 16), (262, 3, 1, 3), (277, 3, 1, 2)),
        *((320, 3, 768, colours.tobytes()), (338, 3, 1, kind)),
    ]
    path.write_bytes(tiff(fields, bytes((3, 77)) * (32 * 20)))
    photo = Photo.open(path)
    if kind == 0:
        assert photo.alpha is None
        assert photo.notices == ("1 extra channel was left out",)
    else:
        assert photo.alpha is not None
        assert set(np.unique(photo.alpha)) == {77}


def grey_profile(gamma: float) -> bytes:
    """A profile for grey with one curve."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    white = b"XYZ \0\0\0\0" + fixed(0.9642) + fixed(1.0) + fixed(0.8249)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    note = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(79)
    tags = {b"desc": note, b"wtpt": white, b"kTRC": curve}
    at, table, data = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", at + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", at + len(data), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ "
    )
    date = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)
    return head + date + b"acsp" + bytes(28) + white[8:] + bytes(48) + table + data


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
def test_the_shadows_of_a_grey_scan_come_as_its_profile_says(tmp_path: Path, gamma: float) -> None:
    levels = np.arange(0, 65536, 64).astype(np.uint16).reshape(32, 32)
    path = tmp_path / "linear.tif"
    icc = grey_profile(gamma)
    tifffile.imwrite(
        path, levels, photometric="minisblack", extratags=[(34675, 7, len(icc), icc, True)]
    )
    photo = Photo.open(path)
    assert photo.grey
    light = (levels / 65535.0) ** gamma
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(photo.pixels[..., 0] / 257.0 - 255.0 * wanted).max() < 1.5
    photo.save(tmp_path / "out.tif")
    back = pyvips.Image.new_from_file(str(tmp_path / "out.tif")).numpy().astype(int)
    # sRGB is linear near black, where a gamma is steep: 16 bits of one are fewer of the other.
    held = levels >= (0 if gamma == 1.0 else 2048)
    assert np.abs(back - levels)[held].max() <= 257  # a level of 8 bits
    with Image.open(tmp_path / "out.tif") as saved:
        assert bytes(saved.info["icc_profile"]) == icc


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_what_a_png_says_after_its_pixels_is_heard(
    tmp_path: Path, *, late: bool, compressed: bool
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (90, 120, 150)).save(buffer, "PNG")
    plain = buffer.getvalue()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "Grandma"
    text = b"\1\0\0\0" + zlib.compress(REGION) if compressed else b"\0\0\0\0" + REGION
    said = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0" + text)
    said += png_chunk(b"eXIf", exif.tobytes()[6:])
    at = plain.rindex(b"IEND") - 4 if late else 33
    path = tmp_path / "said.png"
    path.write_bytes(plain[:at] + said + plain[at:])
    photo = Photo.open(path)
    assert photo.size == (60, 40)  # upright
    assert photo.metadata.exif is not None
    assert b"Grandma" in photo.metadata.exif
    assert photo.metadata.xmp is not None
    assert b"RegionList" in photo.metadata.xmp
    assert photo.notices == ()


def interop_of(block: bytes) -> tuple[dict[int, int], int]:
    """The numbers of the Interoperability directory, and where it says that another one begins."""

    def read_at(offset: int, count: int) -> bytes:
        return block[offset : offset + count]

    layout, offset = read_header(read_at)

    def number(fields: list[Field], tag: int) -> int:
        return next(field.number(layout) for field in fields if field.tag == tag)

    exif_at = number(read_directory(read_at, layout, offset)[0], 0x8769)
    interop_at = number(read_directory(read_at, layout, exif_at)[0], 0xA005)
    fields, following = read_directory(read_at, layout, interop_at)
    return {field.tag: field.number(layout) for field in fields}, following


def test_a_dropped_thumbnail_takes_nothing_with_it() -> None:
    def directory(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
        fields = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        return struct.pack("<H", len(entries)) + fields + struct.pack("<I", following)

    exif_at, interop_at, second_at, thumbnail_at = 38, 56, 86, 116
    thumbnail = b"\xff\xd8" + b"x" * 50 + b"\xff\xd9"
    block = b"II*\0" + struct.pack("<I", 8)
    block += directory([(0x0112, 3, 1, 1), (0x8769, 4, 1, exif_at)], second_at)
    block += directory([(0xA005, 4, 1, interop_at)])
    block += directory([(0x1001, 4, 1, 640), (0x1002, 4, 1, 480)])
    block += directory([(0x0201, 4, 1, thumbnail_at), (0x0202, 4, 1, len(thumbnail))]) + thumbnail
    before = interop_of(block)
    assert before == ({0x1001: 640, 0x1002: 480}, 0)
    fresh = freshen_exif(block, size=(480, 640), dpi=(300.0, 300.0), software="resilver")
    assert thumbnail not in fresh
    assert interop_of(fresh) == before


def test_a_bigtiff_is_no_exif() -> None:
    block = b"II+\0\x08\0\0\0" + struct.pack("<QQHHQQQ", 16, 1, 0x0112, 3, 1, 6, 0)
    with pytest.raises(DirectoryError, match="BigTIFF"):
        check_exif(block)


def test_the_regions_of_a_raw_file_are_turned_with_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mosaic = np.clip(rng.normal(20000, 3000, (200, 300)), 0, 65535).astype(np.uint16)
    tags: list[tuple[int, int, int, Any, bool]] = [
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),
        (50708, 2, 0, "Test Cam", True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes([0, 1, 1, 2]), True),
        (50721, 10, 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1), True),
        (50778, 3, 1, 21, True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
        (274, 3, 1, 6, True),
        (700, 1, len(REGION), REGION, True),
        (50717, 4, 1, 65535, True),
    ]
    path = tmp_path / "turned.dng"
    tifffile.imwrite(path, mosaic, photometric=32803, extratags=tags, metadata=None)
    photo = Photo.open(path)
    assert (photo.format, photo.size) == ("raw", (300, 200))
    assert photo.metadata.xmp is not None
    found = dict(re.findall(rb'stArea:([xywh])="([^"]+)"', photo.metadata.xmp))
    place = {name: float(value) for name, value in found.items()}
    assert place == pytest.approx({b"x": 0.8, b"y": 0.1, b"w": 0.3, b"h": 0.1})


def test_bytes_that_fill_up_before_a_marker_are_passed_over(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture = Image.new("RGB", (60, 40), (90, 120, 150))
    picture.save(buffer, "JPEG", dpi=(300, 300), comment=b"caption")
    plain = buffer.getvalue()
    path = tmp_path / "filled.jpg"
    path.write_bytes(plain[:2] + b"\xff\xff\xff" + plain[2:])
    photo = Photo.open(path)
    assert photo.metadata.dpi == (300.0, 300.0)
    assert [note.data for note in photo.metadata.notes] == [b"caption"]


def test_a_name_that_no_file_can_have_is_refused_in_words(tmp_path: Path) -> None:
    drawn = Photo.from_array(np.zeros((4, 4, 3), np.uint8))
    drawn.save(tmp_path / "a.png")
    for photo in (drawn, Photo.open(tmp_path / "a.png")):  # with a source, and without
        for name in ("a\0b.jpg", "\ud800.png"):
            with pytest.raises(PhotoNotWritten, match="no file can have this name"):
                photo.save(tmp_path / name)


def test_of_a_preview_and_its_photo_the_photo_is_opened(tmp_path: Path) -> None:
    large = np.random.default_rng(1).integers(0, 255, (60, 80, 3), np.uint8)
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(large[::4, ::4].copy(), photometric="rgb", subfiletype=1)
        file.write(large, photometric="rgb")
    photo = Photo.open(path)
    np.testing.assert_array_equal(photo.pixels, large)
    assert photo.notices == (
        "multi-page TIFF: only number 2 (those before it are previews) of 2 pages was opened",
    )


def test_of_previews_alone_the_first_is_opened(tmp_path: Path) -> None:
    small = np.full((15, 20, 3), 90, np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for _ in range(2):
            file.write(small, photometric="rgb", subfiletype=1)
    assert Photo.open(tmp_path / "a.tif").size == (15, 20)


def _tiled(path: Path, compression: str | None) -> bytes:
    pixels = np.random.default_rng(2).integers(0, 255, (64, 96, 3), np.uint8)
    tifffile.imwrite(path, pixels, photometric="rgb", tile=(32, 32), compression=compression)
    return path.read_bytes()


def test_a_tiff_of_an_unknown_compression_is_not_taken_for_black(tmp_path: Path) -> None:
    """libtiff goes on after tiles that it cannot decode."""
    path = tmp_path / "a.tif"
    content = _tiled(path, None)
    entry = struct.pack("<HHI", 259, 3, 1)  # Compression, one short
    at = content.index(entry) + len(entry)
    path.write_bytes(content[:at] + struct.pack("<H", 50000) + content[at + 2 :])  # Zstandard
    with pytest.raises(PhotoUnsupported, match="compression"):
        Photo.open(path)


def test_a_tiff_of_which_every_tile_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    content = bytearray(_tiled(path, "zlib"))
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        for start, length in zip(page.dataoffsets, page.databytecounts, strict=True):
            content[start : start + length] = b"\x55" * length
    path.write_bytes(content)
    with pytest.raises(PhotoUnreadable, match="damaged beyond decoding"):
        Photo.open(path)


def test_a_depth_that_the_decoder_lacks_is_no_damage(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40), (90, 120, 150)).save(buffer, "JPEG")
    frame = buffer.getvalue().index(b"\xff\xc0") + 4
    content = bytearray(buffer.getvalue())
    content[frame] = 12  # bits of a sample
    path = tmp_path / "deep.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoUnsupported, match="depth"):
        Photo.open(path)


def test_a_webp_without_loss_stays_without_loss_when_it_is_turned(tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (24, 32, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a.webp"
    Image.fromarray(pixels).save(path, lossless=True, exif=exif)
    photo = Photo.open(path)
    assert photo.lossless
    photo.save(tmp_path / "b.webp")
    result = np.asarray(Image.open(tmp_path / "b.webp").convert("RGB"))
    np.testing.assert_array_equal(result, np.rot90(pixels, -1))
    lossy = tmp_path / "lossy.webp"
    Image.fromarray(pixels).save(lossy, quality=80)
    assert not Photo.open(lossy).lossless


def test_long_xmp_behind_the_pixels_of_a_png_is_kept(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), (90, 120, 150)).save(buffer, "PNG")
    plain = buffer.getvalue()
    history = b"<!--" + b"edited " * 250_000 + b"-->"
    data = b"XML:com.adobe.xmp\0\0\0\0\0" + REGION.replace(b"</rdf:RDF>", history + b"</rdf:RDF>")
    body = b"iTXt" + data
    chunk = struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    end = plain.index(b"IEND") - 4
    path = tmp_path / "a.png"
    path.write_bytes(plain[:end] + chunk + plain[end:])
    xmp = Photo.open(path).metadata.xmp
    assert xmp is not None
    assert b"RegionList" in xmp
