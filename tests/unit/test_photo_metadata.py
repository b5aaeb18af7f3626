"""EXIF, XMP and IPTC blocks: what is corrected, what must stay."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import making_photos as made
from resilver.photofile.directories import DirectoryError, Layout, read_directory
from resilver.photofile.exif import check_exif, exif_dpi, freshen_exif
from resilver.photofile.iptc import iptc_records, photoshop_segment
from resilver.photofile.metadata import Metadata, checked_metadata
from resilver.photofile.orientation import Turn
from resilver.photofile.source_types import (
    ENHANCED,
    IMAGINED,
    INPAINTED,
    INPAINTED_BY_NETWORK,
)
from resilver.photofile.xmp import PacketError, merge_xmp, parse_xmp

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC_EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
CREATOR = "{http://ns.adobe.com/xap/1.0/}CreatorTool"


def fresh(block: bytes | None, software: str | None = "resilver 1") -> bytes:
    return freshen_exif(block, size=(960, 1280), dpi=(300.0, 300.0), software=software)


def read_with_pillow(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return exif


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_is_corrected_and_keeps_the_rest(order: str) -> None:
    exif = read_with_pillow(fresh(made.exif_block(order)))
    inner = exif.get_ifd(0x8769)
    assert exif[0x0112] == 1
    assert (inner[0xA002], inner[0xA003]) == (1280, 960)
    assert exif[0x0131] == "resilver 1"
    assert (exif[0x011A], exif[0x011B], exif[0x0128]) == (300, 300, 2)
    assert exif[0x010F] == "Camera & Co"
    assert exif[0x4746] == 5
    assert exif[0xFDE8] == "private"
    assert inner[0x927C] == made.MAKER_NOTE
    assert inner[0x9003] == "1931:05:17 12:00:00"
    assert exif.get_ifd(0x8825)[2] == (48.0, 8.0, 5.0)


def test_maker_note_does_not_move() -> None:
    before = made.exif_block()
    assert fresh(before).index(made.MAKER_NOTE) == before.index(made.MAKER_NOTE)


@pytest.mark.parametrize("order", ["<", ">"])
def test_thumbnail_of_the_old_picture_is_gone(order: str) -> None:
    before = made.exif_block(order)
    assert made.THUMBNAIL in before
    after = fresh(before)
    assert made.THUMBNAIL not in after
    assert b"old picture" not in after
    assert read_with_pillow(after).get_ifd(1) == {}


def test_restoring_again_and_again_does_not_pile_up() -> None:
    once = fresh(made.exif_block())
    many = once
    for _ in range(20):
        many = fresh(many)
    assert len(many) < len(once) + 20 * 300
    assert read_with_pillow(many)[0x010F] == "Camera & Co"


def test_new_exif_where_there_was_none() -> None:
    exif = read_with_pillow(fresh(None))
    assert dict(exif) == {0x0131: "resilver 1", 0x011A: 300, 0x011B: 300, 0x0128: 2}
    assert exif_dpi(fresh(None)) == (300.0, 300.0)


def test_values_that_begin_where_the_next_directory_would_be_named_stay() -> None:
    make = b"Canon EOS\0"
    block = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x010F, 2, len(make), 22) + make
    assert read_with_pillow(block)[0x010F] == "Canon EOS"
    assert read_with_pillow(fresh(block))[0x010F] == "Canon EOS"


def test_fields_that_name_the_same_bytes_do_not_fill_the_memory() -> None:
    fields, size = 400, 1 << 20
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", fields)
    entries = [struct.pack("<HHII", 0x9000 + i, 7, size, 12 * fields + 14) for i in range(fields)]
    block = head + b"".join(entries) + bytes(4 + size)
    read, _ = read_directory(lambda at, count: block[at : at + count], Layout("<"), 8)
    assert 32 << 20 <= sum(len(field.data) for field in read) <= 64 << 20


def test_thumbnail_that_points_at_what_is_kept_erases_nothing() -> None:
    block = bytearray(made.exif_block())
    pointer = struct.pack("<HHI", 0x0201, 4, 1)
    at = block.index(pointer) + 8
    struct.pack_into("<I", block, at, 8)  # "the thumbnail starts at the first directory"
    exif = read_with_pillow(fresh(bytes(block)))
    assert exif[0x010F] == "Camera & Co"
    assert exif.get_ifd(0x8769)[0x927C] == made.MAKER_NOTE


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_exif_never_breaks_the_writer(data: st.DataObject) -> None:
    block = bytearray(made.exif_block(data.draw(st.sampled_from("<>"))))
    for _ in range(data.draw(st.integers(1, 6))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    block = block[: data.draw(st.integers(0, len(block)))]
    after = fresh(bytes(block))
    check_exif(after)
    assert b"resilver 1\0" in after
    assert b"resilver 1" in fresh(after)


@pytest.mark.parametrize("block", [b"", b"II", b"JPEG in disguise", b"II*\0\xff\xff\xff\x7f"])
def test_what_is_no_exif_is_said_to_be_none(block: bytes) -> None:
    with pytest.raises(DirectoryError):
        check_exif(block)
    metadata, notices = checked_metadata(exif=block, xmp=None, iptc=None, dpi=None)
    assert metadata.exif is None
    assert "EXIF" in notices[0]


def merged(packet: bytes | None) -> tuple[bytes, ET.Element]:
    out = merge_xmp(
        packet, size=(960, 1280), dpi=None, software="resilver 1", digital_source_type=TRAINED
    )
    assert out is not None
    description = parse_xmp(out)[0].find(f"{RDF}RDF/{RDF}Description")
    assert description is not None
    return out, description


def test_xmp_is_merged_and_keeps_the_rest_and_its_prefixes() -> None:
    out, description = merged(made.XMP)
    assert description.get(IPTC_EXT) == TRAINED
    assert description.get(CREATOR) == "resilver 1"
    assert description.get("{http://ns.adobe.com/tiff/1.0/}Orientation") == "1"
    assert b"<rdf:li>grandmother</rdf:li>" in out
    assert b"dc:subject" in out
    assert b"ns0" not in out
    assert out.startswith(b"<?xpacket begin=")
    assert out.endswith(b'<?xpacket end="w"?>')


def test_xmp_properties_that_are_there_are_replaced_not_doubled() -> None:
    twice, description = merged(merged(made.XMP)[0])
    assert twice.count(b"DigitalSourceType=") == 1
    assert description.get(IPTC_EXT) == TRAINED
    as_element = made.XMP.replace(
        b"<dc:subject>",
        b'<q:DigitalSourceType xmlns:q="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        b"http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm</q:DigitalSourceType>"
        b"<dc:subject>",
    )
    out, description = merged(as_element)
    assert b"negativeFilm" not in out
    assert description.get(IPTC_EXT) == TRAINED


@pytest.mark.parametrize(
    ("stated", "new", "kept"),
    [
        (INPAINTED_BY_NETWORK, ENHANCED, True),
        (IMAGINED, INPAINTED_BY_NETWORK, True),
        (INPAINTED.replace("http:", "https:"), ENHANCED, True),
        (ENHANCED, INPAINTED_BY_NETWORK, False),
        ("http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm", ENHANCED, False),
    ],
)
def test_what_was_made_up_before_stays_made_up(stated: str, new: str, kept: bool) -> None:
    before = Metadata().for_result((8, 8), None, stated)
    after = before.for_result((8, 8), None, new).xmp
    assert after is not None
    description = parse_xmp(after)[0].find(f"{RDF}RDF/{RDF}Description")
    assert description is not None
    said = description.get(IPTC_EXT, "").replace("https:", "http:")
    assert said == (stated.replace("https:", "http:") if kept else new)


def test_thumbnails_in_xmp_are_removed() -> None:
    packet = made.XMP.replace(
        b"<dc:subject>",
        b'<xap:Thumbnails xmlns:xap="http://ns.adobe.com/xap/1.0/"><rdf:Alt>'
        b"<rdf:li>b2xkIHBpY3R1cmU=</rdf:li></rdf:Alt></xap:Thumbnails><dc:subject>",
    )
    out, _ = merged(packet)
    assert b"b2xkIHBpY3R1cmU" not in out
    assert b"grandmother" in out


BILLION = (
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">&c;</x:xmpmeta>'
)
DEEP = b"<a>" * 5000 + b"</a>" * 5000


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<x",
        b"no xml at all",
        b"\xff\xfe\x00",
        BILLION,
        BILLION.decode().encode("utf-16-be"),
        DEEP,
        b"<a/>",
        made.XMP[:200],
    ],
)
def test_damaged_xmp_gives_a_new_packet(packet: bytes) -> None:
    with pytest.raises(PacketError):
        parse_xmp(packet)
    _, description = merged(packet)
    assert description.get(IPTC_EXT) == TRAINED
    metadata, notices = checked_metadata(exif=None, xmp=packet, iptc=None, dpi=None)
    assert metadata.xmp is None
    assert "XMP" in notices[0]


def test_nothing_to_say_writes_no_packet() -> None:
    assert merge_xmp(None, size=(1, 1), dpi=None, software=None, digital_source_type=None) is None
    assert Metadata().for_result((1, 1), None, None) == Metadata()


@settings(max_examples=200, deadline=None)
@given(st.text(), st.binary(max_size=40), st.integers(0, len(made.XMP)))
def test_any_software_line_and_any_damage_give_a_sound_packet(
    software: str, junk: bytes, at: int
) -> None:
    packet = made.XMP[:at] + junk + made.XMP[at:]
    out = merge_xmp(packet, size=(3, 4), dpi=None, software=software, digital_source_type=TRAINED)
    assert out is not None
    assert TRAINED.encode() in out
    parse_xmp(out)


def test_iptc_is_found_in_what_jpeg_wraps_it_in() -> None:
    segment = photoshop_segment(made.IPTC)
    assert segment is not None
    assert iptc_records(segment) == made.IPTC
    assert iptc_records(made.IPTC) == made.IPTC
    other = b"8BIM\x03\xed\0\0\0\0\0\x03abc\0"  # a resource of odd length before it
    marker = b"Photoshop 3.0\0"
    assert iptc_records(marker + other + segment[len(marker) :]) == made.IPTC
    assert iptc_records(marker + other) is None
    assert iptc_records(segment[:30]) is None
    assert iptc_records(b"") is None
    assert photoshop_segment(bytes(70_000)) is None


REGIONS = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
 xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
 xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
 xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" tiff:XResolution="72/1"
 xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"
 xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"
 GCamera:SpecialTypeID="kept">
<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>
<rdf:li MPReg:Rectangle="0.1, 0.2, 0.3, 0.4" MPReg:PersonDisplayName="Ada"/>
</rdf:Bag></MPRI:Regions></MP:RegionInfo>
<mwg-rs:Regions rdf:parseType="Resource">
<mwg-rs:AppliedToDimensions stDim:w="640" stDim:h="480" stDim:unit="pixel"/>
<mwg-rs:RegionList><rdf:Bag>
<rdf:li><rdf:Description mwg-rs:Name="Ada" mwg-rs:Type="Face">
<mwg-rs:Area stArea:x="0.25" stArea:y="0.4" stArea:w="0.1" stArea:h="0.2"
 stArea:unit="normalized"/></rdf:Description></rdf:li>
<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Grace</mwg-rs:Name>
<mwg-rs:Area rdf:parseType="Resource"><stArea:x>64</stArea:x><stArea:y>48</stArea:y>
<stArea:w>20</stArea:w><stArea:h>30</stArea:h><stArea:unit>pixel</stArea:unit></mwg-rs:Area></rdf:li>
</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
MP_REGION = "{http://ns.microsoft.com/photo/1.2/t/Region#}"


def regions_of(packet: bytes | None) -> list[list[float]]:
    """x, y, w, h of the shares, of the pixels, and of Microsoft's rectangle."""
    assert packet is not None
    root, _ = parse_xmp(packet)
    share, pixels = root.iter(f"{MWG}Area")
    li = next(element for element in root.iter() if f"{MP_REGION}Rectangle" in element.attrib)
    return [
        [float(share.attrib[f"{AREA}{name}"]) for name in "xywh"],
        [float(pixels.findtext(f"{AREA}{name}", "")) for name in "xywh"],
        [float(number) for number in li.attrib[f"{MP_REGION}Rectangle"].split(",")],
    ]


def test_regions_follow_a_turn_and_an_enlargement() -> None:
    metadata = Metadata(xmp=REGIONS)
    assert metadata.orientation == 6
    # Orientation 6: what was on the left is on top, and the top is on the right.
    turned = metadata.turned(Turn.of(6), (480, 640))
    share, pixels, rectangle = regions_of(turned.xmp)
    assert share == pytest.approx([0.6, 0.25, 0.2, 0.1])
    assert pixels == pytest.approx([432, 64, 30, 20])
    assert rectangle == pytest.approx([0.4, 0.1, 0.4, 0.3])
    share, pixels, rectangle = regions_of(turned.enlarged(2).xmp)
    assert share == pytest.approx([0.6, 0.25, 0.2, 0.1])
    assert pixels == pytest.approx([864, 128, 60, 40])
    done = turned.enlarged(2).for_result((1280, 960), None, None).xmp
    assert done is not None
    assert b'stDim:w="960"' in done
    assert b'stDim:h="1280"' in done
    assert b'tiff:Orientation="1"' in done


def test_four_turns_to_the_right_bring_regions_back() -> None:
    metadata, size = Metadata(xmp=REGIONS), (480, 640)
    for _ in range(4):
        metadata, size = metadata.turned(Turn.of(6), size), size[::-1]
    for found, expected in zip(regions_of(metadata.xmp), regions_of(REGIONS), strict=True):
        assert found == pytest.approx(expected)


@pytest.mark.parametrize(("orientation", "dpi"), [(3, (300.0, 600.0)), (6, (600.0, 300.0))])
def test_a_resolution_that_differs_both_ways_is_turned_too(
    orientation: int, dpi: tuple[float, float]
) -> None:
    stored = Metadata(dpi=(300.0, 600.0))
    assert stored.turned(Turn.of(orientation), (480, 640)).dpi == dpi


def test_xmp_does_not_call_the_result_what_the_scan_was() -> None:
    packet = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
     xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
     xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:mm="http://ns.adobe.com/xap/1.0/mm/"
     xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" dc:format="image/tiff"
     mm:InstanceID="uuid:1" mm:DocumentID="uuid:2" photoshop:ICCProfile="Dot Gain 20%"
     photoshop:City="Bergen"><photoshop:ColorMode>4</photoshop:ColorMode></rdf:Description>
     </rdf:RDF></x:xmpmeta>"""
    done = Metadata(xmp=packet).for_result((480, 640), None, None).xmp
    assert done is not None
    for gone in (b"image/tiff", b"uuid:1", b"Dot Gain", b"ColorMode"):
        assert gone not in done
    assert b"uuid:2" in done
    assert b"Bergen" in done


def test_companions_that_do_not_come_along_are_named_and_taken_out() -> None:
    metadata, notices = checked_metadata(exif=None, xmp=REGIONS, iptc=None, dpi=None)
    assert notices == ("a gain map, depth map or clip inside the file was left out",)
    packet = metadata.for_result((480, 640), None, None).xmp
    assert packet is not None
    assert b"hdrgm:" not in packet
    assert b"MotionPhoto" not in packet
    assert b'SpecialTypeID="kept"' in packet


def test_resolution_in_xmp_is_that_of_the_result() -> None:
    metadata = Metadata(xmp=REGIONS, dpi=(300.0, 150.0)).enlarged(2)
    packet = metadata.for_result((960, 1280), None, None).xmp
    assert packet is not None
    assert b'XResolution="6000000/10000"' in packet


@pytest.mark.parametrize(
    ("subject", "turned"),
    [((40, 30), (449, 40)), ((40, 30, 9), (449, 40, 9)), ((40, 30, 20, 8), (449, 40, 8, 20))],
)
def test_the_subject_of_exif_follows_a_turn(
    subject: tuple[int, ...], turned: tuple[int, ...]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9214] = subject
    block = exif.tobytes()[6:]
    metadata = Metadata(exif=block)
    assert metadata.orientation == 6
    metadata = metadata.turned(Turn.of(6), (480, 640))
    assert metadata.exif is not None
    assert read_with_pillow(metadata.exif).get_ifd(0x8769)[0x9214] == turned
    larger = metadata.enlarged(2).exif
    assert larger is not None
    assert read_with_pillow(larger).get_ifd(0x8769)[0x9214] == tuple(2 * n for n in turned)
