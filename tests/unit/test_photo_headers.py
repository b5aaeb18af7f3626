"""What the headers of PNG and JPEG state, true or not."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

import making_photos as made
from resilver.photo import Photo
from resilver.photofile.directories import UNDEFINED, Field, Layout, pack_directory
from resilver.photofile.iptc import PHOTOSHOP_MARKER, photoshop_segment
from resilver.photofile.multi_picture import MARKER, pictures_in


def png_with(kind: bytes, data: bytes, *, after: bytes = b"IHDR", **options: object) -> bytes:
    """A PNG with one more chunk behind another."""
    whole = made.pillow_bytes(Image.fromarray(made.picture()), "PNG", **options)
    at = whole.index(after) - 4
    stop = at + 12 + int.from_bytes(whole[at : at + 4], "big")
    check = zlib.crc32(kind + data).to_bytes(4, "big")
    return whole[:stop] + len(data).to_bytes(4, "big") + kind + data + check + whole[stop:]


@pytest.mark.parametrize("dots_per_m", [0, 2**31 - 1, 4_000_000])
def test_png_of_a_resolution_that_no_scanner_has(tmp_path: Path, dots_per_m: int) -> None:
    physical = dots_per_m.to_bytes(4, "big") * 2 + b"\1"
    opened = made.opened(tmp_path / "a.png", png_with(b"pHYs", physical))
    assert opened.metadata.dpi is None
    for suffix in made.EVERY_SUFFIX:
        opened.save(tmp_path / f"b{suffix}", software=made.SOFTWARE)


def test_highest_resolution_can_be_saved_of_an_enlarged_photo(tmp_path: Path) -> None:
    physical = (3_900_000).to_bytes(4, "big") * 2 + b"\1"
    opened = made.opened(tmp_path / "a.png", png_with(b"pHYs", physical))
    assert opened.metadata.dpi == (99_060.0, 99_060.0)
    larger = opened.evolve(metadata=opened.metadata.enlarged(8))
    for suffix in made.EVERY_SUFFIX:
        larger.save(tmp_path / f"b{suffix}", software=made.SOFTWARE)
    dpi = Photo.open(tmp_path / "b.tif").metadata.dpi
    assert dpi is None  # the most that a TIFF can state is again more than any scanner has


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    """A JPEG with more segments behind its first."""
    whole = made.pillow_bytes(Image.fromarray(made.picture()), "JPEG")
    at = 4 + int.from_bytes(whole[4:6], "big")
    new = b"".join(
        bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data
        for marker, data in segments
    )
    return whole[:at] + new + whole[at:]


def test_iptc_of_a_jpeg_is_found_in_a_later_segment(tmp_path: Path) -> None:
    records = photoshop_segment(made.IPTC)
    assert records is not None
    other = PHOTOSHOP_MARKER + b"8BIM\x03\xed\0\0\0\0\0\x04abcd"
    content = jpeg_with((0xED, other), (0xED, records))
    assert made.opened(tmp_path / "a.jpg", content).metadata.iptc == made.IPTC
    content = jpeg_with((0xED, b"Adobe_CM\0\x01"), (0xED, records))
    assert made.opened(tmp_path / "a.jpg", content).metadata.iptc == made.IPTC


def test_iptc_of_a_jpeg_may_run_over_several_segments(tmp_path: Path) -> None:
    records = photoshop_segment(made.IPTC)
    assert records is not None
    content = jpeg_with((0xED, records[:40]), (0xED, PHOTOSHOP_MARKER + records[40:]))
    opened = made.opened(tmp_path / "a.jpg", content)
    assert opened.metadata.iptc == made.IPTC
    opened.save(tmp_path / "b.jpg")
    assert Photo.open(tmp_path / "b.jpg").metadata.iptc == made.IPTC


@pytest.mark.parametrize("as_element", [False, True])
def test_extended_xmp_is_named_and_nothing_points_at_it(tmp_path: Path, as_element: bool) -> None:
    space = b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
    if as_element:
        inside = b"<xmpNote:HasExtendedXMP" + space + b">ABC</xmpNote:HasExtendedXMP><dc:subject>"
        packet = made.XMP.replace(b"<dc:subject>", inside)
    else:
        said = space + b' xmpNote:HasExtendedXMP="ABC" tiff:Orientation'
        packet = made.XMP.replace(b" tiff:Orientation", said)
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + bytes(8) + b"<more/>"
    content = jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet), (0xE1, extended))
    opened = made.opened(tmp_path / "a.jpg", content)
    assert opened.notices == ("the extended part of the XMP was left out",)
    opened.save(tmp_path / "b.jpg")
    again = Photo.open(tmp_path / "b.jpg")
    assert again.notices == ()
    assert again.metadata.xmp is not None
    assert b"HasExtendedXMP" not in again.metadata.xmp
    assert b"grandmother" in again.metadata.xmp


@pytest.mark.parametrize(("stated", "words"), [(100_000, "1"), (55_556, "1.8"), (41_667, "2.4")])
def test_gamma_that_is_ignored_is_named(tmp_path: Path, stated: int, words: str) -> None:
    content = png_with(b"gAMA", stated.to_bytes(4, "big"))
    opened = made.opened(tmp_path / "a.png", content)
    assert opened.notices == (f"the file's gamma of {words} was ignored: sRGB is assumed",)


def test_gamma_that_changes_nothing_is_not_named(tmp_path: Path) -> None:
    for stated in (45_455, 45_000, 45_454):
        content = png_with(b"gAMA", stated.to_bytes(4, "big"))
        assert made.opened(tmp_path / "a.png", content).notices == ()
    linear = (100_000).to_bytes(4, "big")
    profiled = png_with(b"gAMA", linear, after=b"iCCP", icc_profile=made.wide_profile())
    assert not any("gamma" in said for said in made.opened(tmp_path / "a.png", profiled).notices)


def several_pictures(*kinds: int) -> bytes:
    """A multi-picture JPEG with entries of these types, by Pillow but for the types."""
    content = bytearray(
        made.pillow_bytes(
            Image.fromarray(made.picture()),
            "MPO",
            save_all=True,
            append_images=[Image.fromarray(made.picture())] * (len(kinds) - 1),
        )
    )
    index = content.index(b"MPF\0") + 4
    assert content[index : index + 2] == b"II"
    field = content.index(b"\x02\xb0\x07\0", index)
    entries = index + int.from_bytes(content[field + 8 : field + 12], "little")
    for number, kind in enumerate(kinds):
        content[entries + 16 * number : entries + 16 * number + 4] = kind.to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize("second", [0x000000, 0x020001, 0x020002])
def test_further_pictures_of_a_jpeg_are_named(tmp_path: Path, second: int) -> None:
    content = several_pictures(0x030000, 0x010001, second)
    opened = made.opened(tmp_path / "a.jpg", content)
    assert opened.notices == ("only the first of 2 pictures in the file was opened",)
    assert opened.size == made.picture().shape[:2]


@pytest.mark.parametrize("preview", [0x010001, 0x010002])
def test_preview_of_a_jpeg_is_no_further_picture(tmp_path: Path, preview: int) -> None:
    assert made.opened(tmp_path / "a.jpg", several_pictures(0x030000, preview)).notices == ()


def test_gain_map_of_a_jpeg_is_named_once(tmp_path: Path) -> None:
    content = several_pictures(0x030000, 0)
    at = 4 + int.from_bytes(content[4:6], "big")
    space = b' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
    packet = b"http://ns.adobe.com/xap/1.0/\0" + made.XMP.replace(
        b" tiff:Orientation", space + b" tiff:Orientation"
    )
    segment = b"\xff\xe1" + (len(packet) + 2).to_bytes(2, "big") + packet
    opened = made.opened(tmp_path / "a.jpg", content[:at] + segment + content[at:])
    assert opened.notices == ("a gain map, depth map or clip inside the file was left out",)


def test_damaged_index_of_pictures_is_passed_over(tmp_path: Path) -> None:
    whole = several_pictures(0x030000, 0)
    at = whole.index(b"MPF\0") + 4
    for cut in (b"XX", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"):
        made.opened(tmp_path / "a.jpg", whole[:at] + cut + whole[at + len(cut) :])


def test_pictures_are_counted_in_either_order_of_bytes() -> None:
    for order, name in (("<", b"II*\0"), (">", b"MM\0*")):
        layout = Layout(order)
        entries = b"".join(struct.pack(f"{order}IIIHH", kind, 9, 0, 0, 0) for kind in (3 << 16, 0))
        directory = pack_directory(layout, [Field(0xB002, UNDEFINED, len(entries), entries)], 8)
        header = name + struct.pack(layout.offset_format, 8)
        assert pictures_in(MARKER + header + directory) == 2
