"""What a TIFF file says beside its pixels: read from its first directory, added to a written one.

libvips reads and writes a TIFF's pixels, profile and resolution; EXIF, GPS, descriptive fields,
XMP and IPTC are handled here.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

import numpy as np

from resilver.photofile.directories import (
    BYTE,
    UNDEFINED,
    DirectoryError,
    Field,
    Layout,
    ReadAt,
    pack_directory,
    ratio_field,
    read_directory,
    read_header,
    short_field,
)
from resilver.photofile.exif import dpi_of_fields, exif_for_tiff, exif_from_directory
from resilver.photofile.iptc import iptc_records
from resilver.photofile.metadata import Metadata

_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_WIDTH, _HEIGHT, _BITS, _SAMPLE_FORMAT = 256, 257, 258, 339
_SAMPLES, _YCBCR_SUBSAMPLING = 277, 530
_COMPRESSION, _PHOTOMETRIC, _TILE_OFFSETS, _TILE_BYTES, _EXTRA_SAMPLES = 259, 262, 324, 325, 338
_ALPHA = (1, 2)  # of ExtraSamples: associated, unassociated; 0 is unspecified (infrared of a scan)
_JPEG = (6, 7)  # of Compression
_DNG_VERSION = 0xC612
_SUBFILE_TYPE, _REDUCED, _MOST_PREVIEWS = 254, 1, 8


@dataclass(frozen=True)
class TiffTags:
    """The directory of a TIFF-structured file's photo, as far as it is no storage matter.

    The first one that is not called a copy at reduced resolution; if all are, the first.
    """

    page: int = 0  # which directory, from 0
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    dpi: tuple[float, float] | None = None
    size: tuple[int, int] | None = None  # (height, width) as claimed
    strange_depth: str | None = None  # samples other than unsigned 1-16 bits, in words
    strange_colour: str | None = None  # a colour space that is not decoded, in words
    samples: int = 0  # of a pixel; 0 = not said
    alpha_at: int | None = None  # which of the channels beyond the colours is alpha, from 0
    tiled: bool = False
    cut_short: bool = False  # tiles lie beyond the end of the file
    as_jpeg: bool = False  # pixels are compressed as JPEG


def read_tiff_tags(descriptor: int) -> TiffTags:
    """Read them; a structure that is no TIFF (some camera RAW) gives empty tags."""
    read_at = _reader(descriptor)
    try:
        layout, offset = read_header(read_at)
        page, fields = _first_at_full_size(read_at, layout, offset)
        found = {field.tag: field for field in fields}
        bits = _number(found, _BITS, layout) or 1
        iptc = None
        for tag in (_IPTC, _PHOTOSHOP):
            if tag in found and iptc is None:
                iptc = iptc_records(found[tag].data)
        return TiffTags(
            page=page,
            exif=exif_from_directory(read_at, layout, fields),
            xmp=found[_XMP].data if _XMP in found else None,
            iptc=iptc,
            dpi=dpi_of_fields(fields, layout),
            size=(_number(found, _HEIGHT, layout), _number(found, _WIDTH, layout)),
            strange_depth=_strange_depth(bits, _number(found, _SAMPLE_FORMAT, layout)),
            strange_colour=_strange_colour(found, layout, bits),
            samples=_number(found, _SAMPLES, layout),
            alpha_at=_alpha_at(found, layout),
            tiled=_TILE_OFFSETS in found,
            cut_short=_cut_short(found, layout, os.fstat(descriptor).st_size),
            as_jpeg=_number(found, _COMPRESSION, layout) in _JPEG,
        )
    except DirectoryError:
        return TiffTags()


def _first_at_full_size(read_at: ReadAt, layout: Layout, offset: int) -> tuple[int, list[Field]]:
    """The number of a directory, from 0, and its fields."""
    first, following = read_directory(read_at, layout, offset)
    fields = first
    for page in range(_MOST_PREVIEWS + 1):
        kind = next((field.number(layout) for field in fields if field.tag == _SUBFILE_TYPE), 0)
        if not kind & _REDUCED:
            return page, fields
        if following == 0:
            break
        try:
            fields, following = read_directory(read_at, layout, following)
        except DirectoryError:
            break
    return 0, first


def _number(found: dict[int, Field], tag: int, layout: Layout) -> int:
    """A whole number from the directory; 0 where it is missing."""
    return found[tag].number(layout) if tag in found else 0


def _alpha_at(found: dict[int, Field], layout: Layout) -> int | None:
    """The first of the extra samples that is called alpha; without the tag, none is."""
    if _EXTRA_SAMPLES not in found:
        return None
    kinds = found[_EXTRA_SAMPLES].numbers(layout).tolist()
    return next((at for at, kind in enumerate(kinds) if kind in _ALPHA), None)


def _cut_short(found: dict[int, Field], layout: Layout, file_bytes: int) -> bool:
    """Whether tiles lie beyond the end of the file. (libvips finds out for strips itself.)"""
    if _TILE_OFFSETS not in found or _TILE_BYTES not in found:
        return False
    starts = found[_TILE_OFFSETS].numbers(layout).astype(np.float64)  # no sum can overflow
    lengths = found[_TILE_BYTES].numbers(layout)
    count = min(len(starts), len(lengths))
    return bool((starts[:count] + lengths[:count] > file_bytes).any())


def _strange_colour(found: dict[int, Field], layout: Layout, bits: int) -> str | None:
    match _number(found, _PHOTOMETRIC, layout):
        # Of JPEG's, and of those with fewer samples of colour than of light, libtiff makes RGB.
        case 6 if _number(found, _COMPRESSION, layout) not in _JPEG and _whole(found, layout):
            return "YCbCr without JPEG"
        case 8 if bits == 8:  # libvips reads 16 bits of it only
            return "8-bit CIELab"
        case 9:
            return "ICCLab"
        case 10:
            return "ITULab"
        case _:
            return None


def _whole(found: dict[int, Field], layout: Layout) -> bool:
    """Whether YCbCr has as many samples of colour as of light; where it is not said, it has not."""
    if _YCBCR_SUBSAMPLING not in found:
        return False
    return bool((found[_YCBCR_SUBSAMPLING].numbers(layout) == 1).all())


def _strange_depth(bits: int, sample_format: int) -> str | None:
    match sample_format:
        case 2:
            return f"signed {bits}-bit"
        case 3:
            return f"{bits}-bit floating-point"
        case 5 | 6:
            return "complex"
        case _:
            return None if bits in (1, 2, 4, 8, 16) else f"{bits}-bit"


def is_dng(descriptor: int) -> bool:
    """Whether a TIFF-structured file is a digital negative, whatever its name."""
    read_at = _reader(descriptor)
    try:
        layout, offset = read_header(read_at)
        fields, _ = read_directory(read_at, layout, offset)
    except DirectoryError:
        return False
    return any(field.tag == _DNG_VERSION for field in fields)


def add_tiff_tags(descriptor: int, metadata: Metadata) -> None:
    """Add metadata to a TIFF file just written.

    The first directory is written anew at the end of the file, where it can grow; pixels stay.

    Args:
        descriptor: open for reading and writing.
        metadata: as from `Metadata.for_result`.

    Raises:
        OSError: the file cannot be written.
    """
    read_at = _reader(descriptor)
    layout, offset = read_header(read_at)
    fields, following = read_directory(read_at, layout, offset)
    end = os.fstat(descriptor).st_size
    at = end + end % 2
    new: list[Field] = []
    packed = b""
    if metadata.exif is not None:
        new, packed = exif_for_tiff(metadata.exif, layout, at)
    if metadata.xmp is not None:
        new.append(Field(_XMP, BYTE, len(metadata.xmp), metadata.xmp))
    if metadata.iptc is not None:
        new.append(Field(_IPTC, UNDEFINED, len(metadata.iptc), metadata.iptc))
    dpi = metadata.dpi
    new += [
        ratio_field(layout, _X_RESOLUTION, dpi[0] if dpi else 1.0),
        ratio_field(layout, _Y_RESOLUTION, dpi[1] if dpi else 1.0),
        short_field(layout, _RESOLUTION_UNIT, 2 if dpi else 1),  # 1 = no absolute unit
    ]
    replaced = {field.tag for field in new}
    kept = [field for field in fields if field.tag not in replaced]
    packed += b"\0" * (len(packed) % 2)
    directory_at = at + len(packed)
    packed += pack_directory(layout, kept + new, directory_at, following)
    _write_at(descriptor, end, b"\0" * (end % 2) + packed)
    pointer = struct.pack(layout.offset_format, directory_at)
    _write_at(descriptor, 8 if layout.big else 4, pointer)


def _reader(descriptor: int) -> ReadAt:
    size = os.fstat(descriptor).st_size

    def read_at(offset: int, count: int) -> bytes:
        # A damaged file can claim any offset and any length: never ask for more than there is.
        if offset >= size:
            return b""
        os.lseek(descriptor, offset, os.SEEK_SET)
        wanted = min(count, size - offset)
        parts: list[bytes] = []
        while wanted > 0 and (part := os.read(descriptor, wanted)):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)

    return read_at


def _write_at(descriptor: int, offset: int, data: bytes) -> None:
    os.lseek(descriptor, offset, os.SEEK_SET)
    write_all(descriptor, data)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte, or raise OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
