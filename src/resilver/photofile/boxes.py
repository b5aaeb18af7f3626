"""EXIF in an AVIF file, byte for byte.

libvips passes EXIF through libexif, which drops tags it does not know and damages maker notes. So
the EXIF item of the finished file is pointed at our own bytes, appended to the file.

Reference: ISO/IEC 14496-12 (boxes, iinf, iloc); ISO/IEC 23008-12 Annex A (EXIF item).
"""

from __future__ import annotations

from collections.abc import Iterator


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
    meta = _find(data, 0, len(data), b"meta")
    iinf = _find(data, meta[0] + 4, meta[1], b"iinf")
    iloc = _find(data, meta[0] + 4, meta[1], b"iloc")
    item = _exif_item(data, iinf)
    payload = (6).to_bytes(4, "big") + b"Exif\0\0" + exif  # offset of the TIFF header, then it
    at = len(data) + 8
    _point_item(data, iloc, item, at, len(payload))
    data += (8 + len(payload)).to_bytes(4, "big") + b"mdat" + payload
    return bytes(data)


def _boxes(data: bytearray, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, body start, body stop) of the boxes in a range."""
    while start + 8 <= stop:
        length, head = int.from_bytes(data[start : start + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        end = stop if length == 0 else start + length
        if end > stop or end < start + head:
            raise BoxError("a box outside its parent")
        yield bytes(data[start + 4 : start + 8]), start + head, end
        start = end


def _find(data: bytearray, start: int, stop: int, kind: bytes) -> tuple[int, int]:
    for found, first, last in _boxes(data, start, stop):
        if found == kind:
            return first, last
    raise BoxError(f"no {kind.decode()} box")


def _exif_item(data: bytearray, iinf: tuple[int, int]) -> int:
    """The number of the item of type Exif."""
    first = iinf[0] + (6 if data[iinf[0]] == 0 else 8)
    for kind, start, _ in _boxes(data, first, iinf[1]):
        version = data[start]
        if kind == b"infe" and version in (2, 3):
            width = 2 if version == 2 else 4
            number = int.from_bytes(data[start + 4 : start + 4 + width], "big")
            if data.startswith(b"Exif", start + 6 + width):
                return number
    raise BoxError("no EXIF item")


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
