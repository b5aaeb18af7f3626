"""XMP packets: what has to be said about the restored file is merged in, the rest is kept.

References: XMP Specification Part 1 (ISO 16684-1); IPTC Photo Metadata Standard, "Digital Source
Type" (Iptc4xmpExt).
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable

from resilver.photofile.orientation import Turn
from resilver.photofile.source_types import weightier
from resilver.photofile.xmp_regions import enlarge_regions, fit_regions, turn_regions

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_X = "adobe:ns:meta/"
_XMP = "http://ns.adobe.com/xap/1.0/"
_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_EXTENDED = "{http://ns.adobe.com/xmp/note/}HasExtendedXMP"
_CREATOR_TOOL = f"{{{_XMP}}}CreatorTool"
_SOURCE_TYPE = f"{{{_IPTC_EXT}}}DigitalSourceType"
_ORIENTATION = f"{{{_TIFF}}}Orientation"
_UNIT = f"{{{_TIFF}}}ResolutionUnit"
_X_RESOLUTION, _Y_RESOLUTION = f"{{{_TIFF}}}XResolution", f"{{{_TIFF}}}YResolution"
# What tells of further pictures in the file (brightness beyond white, depth, a moving picture):
# they do not come along, and a viewer that believes in them shows nonsense.
_COMPANIONS = (
    "{http://ns.adobe.com/hdr-gain-map/1.0/}",
    "{http://ns.apple.com/HDRGainMap/1.0/}",
    "{http://ns.google.com/photos/1.0/container/}",
    "{http://ns.google.com/photos/1.0/depthmap/}",
    "{http://ns.google.com/photos/1.0/image/}",
    "{http://ns.google.com/photos/1.0/camera/}Mo",  # MotionPhoto...
    "{http://ns.google.com/photos/1.0/camera/}Mi",  # MicroVideo...
)
# What is true of the old file alone, which a program may take the new one for.
_OLD_FILE = (
    "{http://purl.org/dc/elements/1.1/}format",
    "{http://ns.adobe.com/xap/1.0/mm/}InstanceID",
    "{http://ns.adobe.com/photoshop/1.0/}ICCProfile",
    "{http://ns.adobe.com/photoshop/1.0/}ColorMode",
)
_LEFT_OUT = (*_COMPANIONS, f"{{{_XMP}}}Thumbnails", _EXTENDED, *_OLD_FILE)
_PREFIXES = {
    _X: "x",
    RDF: "rdf",
    _XMP: "xmp",
    _IPTC_EXT: "Iptc4xmpExt",
    _TIFF: "tiff",
    _EXIF: "exif",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
_DEEPEST = 100  # ElementTree writes recursively
_OPEN = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_CLOSE = b'\n<?xpacket end="w"?>'


class PacketError(ValueError):
    """Not an XMP packet, or one that is not well-formed."""


def parse_xmp(packet: bytes) -> tuple[ET.Element, dict[str, str]]:
    """The root element of a packet, and its prefixes by namespace.

    Raises:
        PacketError: not well-formed, no RDF inside, or it declares entities (which XMP never does;
            an expanding entity is an attack).
    """
    packet = packet.strip(b"\0 \r\n\t")
    plain = packet.replace(b"\0", b"")  # of UTF-16 and UTF-32, what would be ASCII
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
        raise PacketError("the packet declares entities")
    prefixes: dict[str, str] = {}
    try:
        depth = 0
        for event, item in ET.iterparse(io.BytesIO(packet), events=("start-ns", "start", "end")):
            if event == "start-ns":
                prefix, uri = item
                prefixes.setdefault(uri, prefix)
            depth += {"start": 1, "end": -1}.get(event, 0)
            if depth > _DEEPEST:
                raise PacketError("the packet is nested too deep")
        root = ET.fromstring(packet)
    except PacketError:
        raise
    except (ET.ParseError, ValueError, LookupError) as error:
        raise PacketError("the packet is not well-formed") from error
    if _rdf_of(root) is None:
        raise PacketError("the packet holds no RDF")
    return root, prefixes


def has_extended_part(root: ET.Element) -> bool:
    """Whether a packet says that more XMP follows, in segments of a JPEG that are not read here.

    Args:
        root: as from `parse_xmp`.
    """
    described = _descriptions(root)
    return any(one.get(_EXTENDED) or one.find(_EXTENDED) is not None for one in described)


def names_companions(root: ET.Element) -> bool:
    """Whether a packet tells of further pictures in its file: a gain map, a depth map, a clip."""
    return any(
        name.startswith(_COMPANIONS)
        for one in _descriptions(root)
        for name in (*one.attrib, *(element.tag for element in one))
    )


def xmp_orientation(packet: bytes) -> int | None:
    """The orientation 1-8 that a sound packet states."""
    stated = _stated(parse_xmp(packet)[0], _ORIENTATION)
    return int(stated) if stated is not None and stated.strip() in tuple("12345678") else None


def turn_xmp(packet: bytes, turn: Turn, size: tuple[int, int]) -> bytes:
    """A sound packet of a picture whose pixels were turned; `size` is (height, width) as stored."""
    return _edited(packet, lambda rdf: turn_regions(rdf, turn, size))


def enlarge_xmp(packet: bytes, factor: int) -> bytes:
    """A sound packet of a picture that was made `factor` times as large."""
    return _edited(packet, lambda rdf: enlarge_regions(rdf, factor))


def _edited(packet: bytes, change: Callable[[ET.Element], None]) -> bytes:
    root, prefixes = parse_xmp(packet)
    rdf = _rdf_of(root)
    assert rdf is not None
    change(rdf)
    return _OPEN + _serialise(root, prefixes) + _CLOSE


def merge_xmp(
    packet: bytes | None,
    *,
    size: tuple[int, int],
    dpi: tuple[float, float] | None,
    software: str | None,
    digital_source_type: str | None,
) -> bytes | None:
    """The packet as it belongs into the restored file.

    Sets xmp:CreatorTool and Iptc4xmpExt:DigitalSourceType, corrects orientation, resolution and
    pixel dimensions where the packet has them, removes thumbnails and what tells of pictures or
    XMP that do not come along. A damaged packet is replaced by one that holds the new properties
    only.

    Args:
        packet: as found in the source, or None.
        size: (height, width) of the result.
        dpi: (x, y) dots per inch; None leaves what the packet says.
        software: what wrote the file, or None to leave it.
        digital_source_type: a URI of the IPTC digital source type NewsCodes, or None to leave it;
            what the packet says stays where that is the weightier one.

    Returns:
        A packet in UTF-8, or None if there is nothing to say.
    """
    wanted = {
        _CREATOR_TOOL: software,
        _SOURCE_TYPE: digital_source_type,
    }
    new = {name: value for name, value in wanted.items() if value is not None}
    root: ET.Element | None = None
    prefixes: dict[str, str] = {}
    if packet is not None:
        try:
            root, prefixes = parse_xmp(packet)
        except PacketError:
            root = None
    if root is None:
        if not new:
            return None
        root, _ = _empty_packet()
    rdf = _rdf_of(root)
    assert rdf is not None
    if digital_source_type is not None:
        new[_SOURCE_TYPE] = weightier(digital_source_type, _stated(root, _SOURCE_TYPE))
    _correct(rdf, size, dpi)
    fit_regions(rdf, size)
    _set_properties(rdf, new)
    return _OPEN + _serialise(root, prefixes) + _CLOSE


def short_xmp(packet: bytes) -> bytes | None:
    """A packet with only the properties that `merge_xmp` sets, for a file with little room.

    Args:
        packet: as from `merge_xmp`, which sets them as attributes of the first description.

    Returns:
        A packet in UTF-8, or None if there is nothing to say.
    """
    rdf = _rdf_of(parse_xmp(packet)[0])
    first = None if rdf is None else rdf.find(f"{{{RDF}}}Description")
    said = {} if first is None else first.attrib
    kept = {name: said[name] for name in (_CREATOR_TOOL, _SOURCE_TYPE) if name in said}
    if not kept:
        return None
    root, rdf = _empty_packet()
    _set_properties(rdf, kept)
    return _OPEN + _serialise(root, {}) + _CLOSE


def _empty_packet() -> tuple[ET.Element, ET.Element]:
    """The root of a new packet, and the RDF inside it."""
    root = ET.Element(f"{{{_X}}}xmpmeta")
    return root, ET.SubElement(root, f"{{{RDF}}}RDF")


def _rdf_of(root: ET.Element) -> ET.Element | None:
    return root if root.tag == f"{{{RDF}}}RDF" else root.find(f"{{{RDF}}}RDF")


def _stated(root: ET.Element, name: str) -> str | None:
    """The first value of a simple property."""
    values = (one.get(name, one.findtext(name)) for one in _descriptions(root))
    return next((value for value in values if value is not None), None)


def _descriptions(root: ET.Element) -> list[ET.Element]:
    rdf = _rdf_of(root)
    return [] if rdf is None else rdf.findall(f"{{{RDF}}}Description")


def _correct(rdf: ET.Element, size: tuple[int, int], dpi: tuple[float, float] | None) -> None:
    values = {
        _ORIENTATION: "1",
        f"{{{_TIFF}}}ImageWidth": str(size[1]),
        f"{{{_TIFF}}}ImageLength": str(size[0]),
        f"{{{_EXIF}}}PixelXDimension": str(size[1]),
        f"{{{_EXIF}}}PixelYDimension": str(size[0]),
    }
    if dpi is not None:
        x, y = (f"{round(10_000 * number)}/10000" for number in dpi)
        values |= {_X_RESOLUTION: x, _Y_RESOLUTION: y, _UNIT: "2"}
    for description in rdf.findall(f"{{{RDF}}}Description"):
        for name, value in values.items():
            if name in description.attrib:
                description.set(name, value)
            for element in description.findall(name):
                element.text = value
        for name in [name for name in description.attrib if name.startswith(_LEFT_OUT)]:
            del description.attrib[name]
        for element in [one for one in description if one.tag.startswith(_LEFT_OUT)]:
            description.remove(element)


def _set_properties(rdf: ET.Element, new: dict[str, str]) -> None:
    if not new:
        return
    descriptions = rdf.findall(f"{{{RDF}}}Description")
    for description in descriptions:
        for name in new:
            description.attrib.pop(name, None)
            for element in description.findall(name):
                description.remove(element)
    if not descriptions:
        descriptions = [ET.SubElement(rdf, f"{{{RDF}}}Description", {f"{{{RDF}}}about": ""})]
    for name, value in new.items():
        descriptions[0].set(name, _legal(value))


def _legal(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold (controls, lone surrogates)."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe" or c > "\uffff"
    )


def _serialise(root: ET.Element, prefixes: dict[str, str]) -> bytes:
    """XML with the packet's own prefixes.

    ElementTree would invent ns0, ns1...; its register_namespace is a table of the whole process.
    So the names get their prefixes here, and the declarations go on the root.
    """
    chosen: dict[str, str] = {}

    def qualified(name: str) -> str:
        if not name.startswith("{"):
            return name
        uri, local = name[1:].split("}", 1)
        if uri not in chosen:
            prefix = prefixes.get(uri) or _PREFIXES.get(uri) or "ns"
            taken = set(chosen.values())
            number, unique = 1, prefix
            while unique in taken:
                number, unique = number + 1, f"{prefix}{number}"
            chosen[uri] = unique
        return f"{chosen[uri]}:{local}"

    for element in root.iter():
        element.tag = qualified(element.tag)
        attributes = {qualified(name): value for name, value in element.attrib.items()}
        element.attrib.clear()
        element.attrib.update(attributes)
    for uri, prefix in chosen.items():
        if prefix != "xml":
            root.set(f"xmlns:{prefix}", uri)
    return ET.tostring(root, encoding="utf-8", xml_declaration=False)
