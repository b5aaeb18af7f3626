"""What libvips does not tell of a JPEG, PNG or WebP: resolution, animation, notes, IPTC, gamma.

libvips reports 72 dpi where a file states none, opens an animated PNG as a still, takes the text in
a PNG for UTF-8, leaves a JPEG's comments aside, and of its IPTC sees one segment.

References: JFIF 1.02; JPEG ITU-T T.81 (COM); PNG third edition (W3C 2025), pHYs, acTL, gAMA, cICP,
tEXt.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from resilver.photofile.iptc import records_of_segments
from resilver.photofile.metadata import Note
from resilver.photofile.multi_picture import MARKER, pictures_in
from resilver.photofile.png_profiles import (
    RAW_PROFILE,
    XMP_KEYWORD,
    RawProfiles,
    read_raw_profiles,
)
from resilver.photofile.resolution import plausible_dpi

_INCH_UNITS = {1: 1.0, 2: 2.54}  # JFIF density per inch, per cm
_MOST_PARTS = 10_000
_MOST_BYTES = 1 << 20  # of notes or of IPTC
_MOST_XMP_BYTES = 16 << 20  # of XMP and EXIF; editors keep their whole history there
_SRGB_GAMMA, _SAME_GAMMA = 45_455, 0.05  # as gAMA states it; apart by this share at most
_PNG_NOTES = ("tEXt", "zTXt", "iTXt")
_NOT_NOTES = (XMP_KEYWORD, RAW_PROFILE)  # these are merged


@dataclass(frozen=True)
class _Part:
    """A chunk of a PNG or a segment of a JPEG."""

    kind: str  # as Note.kind; a JPEG's other segments are named by their marker, "E0"
    at: int  # where its data starts
    length: int
    start: bytes  # the first bytes of the data


def is_animated_png(descriptor: int) -> bool:
    """Whether an animation control chunk stands before the pixels."""
    return any(chunk.kind == "acTL" for chunk in _png_head(descriptor))


def is_lossless_webp(descriptor: int) -> bool:
    """Whether the picture of a WebP is compressed without loss."""
    offset = 12
    for _ in range(_MOST_PARTS):
        os.lseek(descriptor, offset, os.SEEK_SET)
        head = os.read(descriptor, 8)
        if len(head) < 8 or head[:4] in (b"VP8 ", b"VP8L"):
            return head[:4] == b"VP8L"
        length = int.from_bytes(head[4:], "little")
        offset += 8 + length + length % 2
    return False


def stated_dpi(descriptor: int, name: str) -> tuple[float, float] | None:
    """The resolution that the header of a "jpeg" or "png" states, in dots per inch (x, y)."""
    if name == "png":
        for chunk in _png_head(descriptor):
            data = chunk.start
            if chunk.kind == "pHYs" and chunk.length == 9 and data[8:] == b"\1":
                x, y = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
                return plausible_dpi(x * 0.0254, y * 0.0254)
    if name == "jpeg":
        for segment in _jpeg_segments(descriptor):
            data = segment.start
            if segment.kind == "E0" and data[:5] == b"JFIF\0" and len(data) >= 12:
                scale = _INCH_UNITS.get(data[7])
                x, y = int.from_bytes(data[8:10], "big"), int.from_bytes(data[10:12], "big")
                return None if scale is None else plausible_dpi(x * scale, y * scale)
    return None


def notes_of(descriptor: int, name: str) -> tuple[Note, ...]:
    """The text chunks of a "png", the comments of a "jpeg"; damaged and huge ones are left out."""
    if name == "png":
        parts = [part for part in _png_chunks(descriptor) if part.kind in _PNG_NOTES]
    elif name == "jpeg":
        parts = [part for part in _jpeg_segments(descriptor) if part.kind == "COM"]
    else:
        return ()
    wanted = (part for part in parts if not part.start.startswith(_NOT_NOTES))
    return tuple(Note(part.kind, data) for part, data in _contents(descriptor, wanted))


def raw_profiles(descriptor: int) -> RawProfiles:
    """EXIF, XMP and IPTC in the chunks of a PNG, wherever they stand.

    libvips sees only those before the pixels.
    """
    chunks = list(_png_chunks(descriptor))
    texts = [part for part in chunks if part.kind in _PNG_NOTES]
    own = [part for part in chunks if part.kind == "eXIf"]
    own += [part for part in texts if part.start.startswith(XMP_KEYWORD)]
    raw = [part for part in texts if part.start.startswith(RAW_PROFILE)]
    # Each with room of its own.
    found = (*_contents(descriptor, own, _MOST_XMP_BYTES), *_contents(descriptor, raw))
    return read_raw_profiles((part.kind, data) for part, data in found)


def jpeg_iptc(descriptor: int) -> bytes | None:
    """The IPTC records of a JPEG, in whichever of its APP13 segments they stand."""
    parts = (part for part in _jpeg_segments(descriptor) if part.kind == "ED")
    return records_of_segments([data for _, data in _contents(descriptor, parts)])


def jpeg_pictures(descriptor: int) -> int:
    """How many pictures the file of a JPEG holds, without previews; 0 where it does not tell."""
    parts = (
        part
        for part in _jpeg_segments(descriptor)
        if part.kind == "E2" and part.start.startswith(MARKER)
    )
    return max((pictures_in(data) for _, data in _contents(descriptor, parts)), default=0)


def ignored_gamma(descriptor: int) -> float | None:
    """The display gamma that a PNG states, where it is not about sRGB's and nothing else holds."""
    chunks = {chunk.kind: chunk.start for chunk in _png_head(descriptor)}
    stated = int.from_bytes(chunks.get("gAMA", b"")[:4], "big")
    if stated == 0 or chunks.keys() & {"iCCP", "sRGB", "cICP"}:
        return None
    return None if abs(stated / _SRGB_GAMMA - 1) < _SAME_GAMMA else 100_000 / stated


def png_colour_codes(descriptor: int) -> tuple[int, int] | None:
    """The code points (ITU-T H.273) of a PNG's primaries and transfer function, if it has them."""
    stated = next((one.start for one in _png_head(descriptor) if one.kind == "cICP"), b"")
    return (stated[0], stated[1]) if len(stated) == 4 else None


def _contents(
    descriptor: int, parts: Iterable[_Part], room: int = _MOST_BYTES
) -> Iterator[tuple[_Part, bytes]]:
    """Parts with all their bytes; damaged ones, and what is too much, are left out."""
    for part in parts:
        if part.length <= room:
            os.lseek(descriptor, part.at, os.SEEK_SET)
            data = os.read(descriptor, part.length)
            if len(data) == part.length:
                yield part, data
                room -= part.length


def _png_head(descriptor: int) -> Iterator[_Part]:
    """The chunks before the pixels."""
    return takewhile(lambda chunk: chunk.kind != "IDAT", _png_chunks(descriptor))


def _png_chunks(descriptor: int) -> Iterator[_Part]:
    offset, size = 8, os.fstat(descriptor).st_size
    for _ in range(_MOST_PARTS):
        if offset + 8 > size:
            return
        os.lseek(descriptor, offset, os.SEEK_SET)
        head = os.read(descriptor, 32)
        length = int.from_bytes(head[:4], "big")
        yield _Part(head[4:8].decode("latin-1"), offset + 8, length, head[8 : 8 + length])
        offset += 12 + length


def _jpeg_segments(descriptor: int) -> Iterator[_Part]:
    """The segments before the pixels."""
    offset = 2
    for _ in range(_MOST_PARTS):
        os.lseek(descriptor, offset, os.SEEK_SET)
        head = os.read(descriptor, 32)
        if len(head) < 4 or head[0] != 0xFF or head[1] == 0xDA:
            return
        filled = len(head) - len(head.lstrip(b"\xff"))
        if filled > 1:  # any number of them may stand before a marker (T.81, B.1.1.2)
            offset += filled - 1
            continue
        length = int.from_bytes(head[2:4], "big")
        kind = "COM" if head[1] == 0xFE else f"{head[1]:02X}"
        yield _Part(kind, offset + 4, max(0, length - 2), head[4 : 2 + length])
        offset += 2 + length
