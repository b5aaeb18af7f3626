"""The boxes of AVIF and HEIC: EXIF put in byte for byte, and whether a file is grey.

libvips passes EXIF through libexif, which drops tags it does not know and damages maker notes. So
the EXIF item of the finished file is pointed at our own bytes, appended to the file.

libvips does not tell a grey AVIF from a coloured one, nor pillow-heif grey with alpha in HEIC.

References: ISO/IEC 14496-12 (boxes, iinf, iloc); ISO/IEC 23008-12 Annex A (EXIF item); AV1 Codec
ISO Media File Format Binding (av1C); ISO/IEC 14496-15 8.3.3 (hvcC).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

_META_BYTES = 1 << 20  # encoders put the meta box first, and it has a few kilobytes
_CODED_AS = {b"av01": b"av1C", b"hvc1": b"hvcC"}  # item type -> its configuration
_NOT_PIXELS = frozenset((b"Exif", b"mime", b"uri "))
_MADE_OF_OTHERS = frozenset((b"grid", b"iden", b"iovl"))


class BoxError(ValueError):
    """The file is laid out in a way that cannot be edited here."""


def avif_with_exif(file: bytes, exif: bytes) -> bytes:
    """The file with its EXIF item replaced.

    Args:
        file: an AVIF file with an EXIF item.
        exif: without marker.

    Raises:
        BoxError: no such item, or one in several parts; the file is as it was.
    """
    data = bytearray(file)
    meta = find_box(data, 0, len(data), b"meta")
    iinf = find_box(data, meta[0] + 4, meta[1], b"iinf")
    iloc = find_box(data, meta[0] + 4, meta[1], b"iloc")
    item = _exif_item(data, iinf)
    payload = (6).to_bytes(4, "big") + b"Exif\0\0" + exif  # offset of the TIFF header, then it
    at = len(data) + 8
    _point_item(data, iloc, item, at, len(payload))
    data += (8 + len(payload)).to_bytes(4, "big") + b"mdat" + payload
    return bytes(data)


def is_monochrome(descriptor: int) -> bool:
    """Whether every picture in an AVIF or HEIC file, alpha included, is coded as one channel.

    False also where the boxes are damaged or laid out in an unusual way.
    """
    data = read_boxes(descriptor)
    try:
        meta = find_box(data, 0, len(data), b"meta")
        kinds = {kind for kind, _ in _items(data, find_box(data, meta[0] + 4, meta[1], b"iinf"))}
        properties = find_box(data, *find_box(data, meta[0] + 4, meta[1], b"iprp"), b"ipco")
        configurations = [
            (kind, bytes(data[start:stop]))
            for kind, start, stop in boxes(data, *properties)
            if kind in _CODED_AS.values()
        ]
    except BoxError:
        return False
    known = kinds <= _CODED_AS.keys() | _NOT_PIXELS | _MADE_OF_OTHERS
    return known and bool(configurations) and all(_is_one_channel(*it) for it in configurations)


def _is_one_channel(kind: bytes, configuration: bytes) -> bool:
    if kind == b"av1C":
        return len(configuration) > 2 and bool(configuration[2] & 0x10)  # monochrome
    return len(configuration) > 16 and configuration[16] & 3 == 0  # chroma_format_idc


def read_boxes(descriptor: int) -> bytearray:
    """The beginning of a file, in which its meta box lies."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return bytearray(os.read(descriptor, _META_BYTES))


def boxes(data: bytearray, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, body start, body stop) of the boxes in a range.

    Raises:
        BoxError: one of them reaches out of it.
    """
    while start + 8 <= stop:
        length, head = int.from_bytes(data[start : start + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        end = stop if length == 0 else start + length
        if end > stop or end < start + head:
            raise BoxError("a box outside its parent")
        yield bytes(data[start + 4 : start + 8]), start + head, end
        start = end


def find_box(data: bytearray, start: int, stop: int, kind: bytes) -> tuple[int, int]:
    """The body (start, stop) of the first box of a kind in a range.

    Raises:
        BoxError: there is none.
    """
    for found, first, last in boxes(data, start, stop):
        if found == kind:
            return first, last
    raise BoxError(f"no {kind.decode()} box")


def _exif_item(data: bytearray, iinf: tuple[int, int]) -> int:
    """The number of the item of type Exif."""
    for kind, number in _items(data, iinf):
        if kind == b"Exif":
            return number
    raise BoxError("no EXIF item")


def _items(data: bytearray, iinf: tuple[int, int]) -> Iterator[tuple[bytes, int]]:
    """(type, number) of the items in a file."""
    first = iinf[0] + (6 if data.startswith(b"\0", iinf[0]) else 8)
    for kind, start, stop in boxes(data, first, iinf[1]):
        if kind == b"infe" and stop > start and data[start] in (2, 3):
            at = start + 4 + (2 if data[start] == 2 else 4)
            yield bytes(data[at + 2 : at + 6]), int.from_bytes(data[start + 4 : at], "big")


def _point_item(
    data: bytearray, iloc: tuple[int, int], wanted: int, target: int, length: int
) -> None:
    """Make the one extent of an item lie at `target` of the file."""
    at = iloc[0]
    version = data[at]
    sizes = int.from_bytes(data[at + 4 : at + 6], "big")
    offset_bytes, length_bytes = sizes >> 12, sizes >> 8 & 15
    base_bytes, index_bytes = sizes >> 4 & 15, sizes & 15 if version else 0
    wide = 4 if version == 2 else 2
    count = int.from_bytes(data[at + 6 : at + 6 + wide], "big")
    at += 6 + wide
    for _ in range(count):
        number = int.from_bytes(data[at : at + wide], "big")
        at += wide
        method = int.from_bytes(data[at : at + 2], "big") & 15 if version else 0
        at += (2 if version else 0) + 2  # construction method, data reference
        base = int.from_bytes(data[at : at + base_bytes], "big")
        at += base_bytes
        extents = int.from_bytes(data[at : at + 2], "big")
        at += 2
        if number == wanted:
            if extents != 1 or method or offset_bytes < 4 or length_bytes < 4 or base > target:
                raise BoxError("the EXIF item cannot be moved")
            at += index_bytes
            data[at : at + offset_bytes] = (target - base).to_bytes(offset_bytes, "big")
            at += offset_bytes
            data[at : at + length_bytes] = length.to_bytes(length_bytes, "big")
            return
        at += extents * (index_bytes + offset_bytes + length_bytes)
    raise BoxError("the EXIF item has no place")
