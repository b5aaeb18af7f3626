"""EXIF blocks: kept byte for byte, except for what would be wrong in the restored file.

An EXIF block is a small TIFF structure (Exif 3.0, CIPA DC-008). It is edited in place and new
values are added at its end, never rebuilt: maker notes hold offsets of their own that break as soon
as they are moved.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace

from resilver.photofile.directories import (
    EXIF_POINTER,
    GPS_POINTER,
    LONG,
    SHORT,
    DirectoryError,
    Field,
    Layout,
    ReadAt,
    long_field,
    pack_directory,
    ratio_field,
    read_directory,
    read_header,
    short_field,
    text_field,
)
from resilver.photofile.orientation import Turn
from resilver.photofile.resolution import plausible_dpi

ORIENTATION, SOFTWARE = 0x0112, 0x0131
_WIDTH, _HEIGHT = 0x0100, 0x0101
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_SUBJECTS = (0x9214, 0xA214)  # SubjectArea (a point, a circle or a rectangle), SubjectLocation
_THUMBNAIL_AT, _THUMBNAIL_BYTES = 0x0201, 0x0202
_SHORT_FIELD_BYTES = 1024  # captions are shorter, maker notes longer

# Fields of a TIFF's or a RAW's first directory that describe the photo rather than its storage.
DESCRIPTIVE_TAGS = frozenset(
    (
        *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D),  # document, description, make, model, page
        *(0x0131, 0x0132, 0x013B, 0x013C),  # software, date, artist, host computer
        *(0x4746, 0x4749),  # rating
        *(0x8298, 0x9003),  # copyright, date taken
        *(0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F),  # Windows title, comment, author, keywords
        0xC4A5,  # print image matching
    )
)


def bare_exif(block: bytes) -> bytes:
    """The block without the "Exif" marker that JPEG puts before it."""
    return block[6:] if block[:6] == b"Exif\0\0" else block


def _reader(block: bytes) -> ReadAt:
    return lambda offset, count: block[offset : offset + count]


def check_exif(block: bytes) -> None:
    """Raise `DirectoryError` unless the block's first directory can be read."""
    read_at = _reader(block)
    layout, offset = read_header(read_at)
    if layout.big:  # a block is shorter than that, and its fields are written anew with 4 bytes
        raise DirectoryError("a BigTIFF is no EXIF")
    read_directory(read_at, layout, offset)


def exif_dpi(block: bytes) -> tuple[float, float] | None:
    """The resolution that an EXIF block (without marker) names, in dots per inch (x, y)."""
    read_at = _reader(block)
    try:
        layout, offset = read_header(read_at)
        return dpi_of_fields(read_directory(read_at, layout, offset)[0], layout)
    except DirectoryError:
        return None


def exif_orientation(block: bytes) -> int | None:
    """The orientation 1-8 that an EXIF block (without marker) states."""
    read_at = _reader(block)
    try:
        layout, offset = read_header(read_at)
        fields, _ = read_directory(read_at, layout, offset)
        stated = [field.number(layout) for field in fields if field.tag == ORIENTATION]
    except DirectoryError:
        return None
    return stated[0] if stated and 1 <= stated[0] <= 8 else None


def move_subject(block: bytes, turn: Turn, size: tuple[int, int], factor: int) -> bytes:
    """The block of a picture that was turned or enlarged: where its subject is follows the pixels.

    Args:
        block: EXIF without marker; a damaged one stays as it is.
        turn: how the pixels were turned.
        size: (height, width) as stored; EXIF names places before any turning.
        factor: how many times as large it became.
    """
    data = bytearray(block)
    read_at: ReadAt = lambda offset, count: bytes(data[offset : offset + count])  # noqa: E731
    try:
        layout, offset = read_header(read_at)
        fields, _ = read_directory(read_at, layout, offset)
    except DirectoryError:
        return block
    for field in _pointed_fields(read_at, layout, fields, EXIF_POINTER):
        if field.tag in _SUBJECTS and field.kind == SHORT and field.at is not None:
            order = f"{layout.order}{field.count}H"
            if struct.calcsize(order) != len(field.data) or field.count < 2:
                continue
            values = struct.unpack(order, field.data)
            point = turn.point((values[0], values[1]), (max(size[1] - 1, 0), max(size[0] - 1, 0)))
            sides = values[2:] if field.count < 4 else turn.size((values[2], values[3]))
            moved = (min(max(round(factor * value), 0), 0xFFFF) for value in (*point, *sides))
            struct.pack_into(order, data, field.at, *moved)
    return bytes(data)


def dpi_of_fields(fields: Sequence[Field], layout: Layout) -> tuple[float, float] | None:
    """The resolution that a directory names, in dots per inch (x, y); None where it has no unit."""
    found = {field.tag: field for field in fields}
    if _X_RESOLUTION not in found or _Y_RESOLUTION not in found:
        return None
    try:
        unit = found[_RESOLUTION_UNIT].number(layout) if _RESOLUTION_UNIT in found else 2
        x, y = found[_X_RESOLUTION].ratio(layout), found[_Y_RESOLUTION].ratio(layout)
    except DirectoryError:
        return None
    scale = {2: 1.0, 3: 2.54}.get(unit)
    return None if scale is None else plausible_dpi(x * scale, y * scale)


def freshen_exif(
    block: bytes | None,
    *,
    size: tuple[int, int],
    dpi: tuple[float, float] | None,
    software: str | None,
) -> bytes:
    """The block as it belongs into the restored file.

    The orientation is 1 (the pixels stand upright), the pixel dimensions are those of `size`, the
    thumbnail of the old picture is gone; software and resolution are added. Everything else stays.

    Args:
        block: EXIF without marker; None or a damaged block gives a new one.
        size: (height, width) of the result.
        dpi: (x, y) dots per inch; None leaves what the block says.
        software: what wrote the file; None leaves what the block says.
    """
    if block is not None:
        try:
            check_exif(block)
        except DirectoryError:
            block = None
    data = bytearray(block if block is not None else b"II*\0\0\0\0\0")
    read_at: ReadAt = lambda offset, count: bytes(data[offset : offset + count])  # noqa: E731
    fields: list[Field] = []
    layout = Layout("<")
    if block is not None:
        layout, offset = read_header(read_at)
        fields, following = read_directory(read_at, layout, offset)
        _correct_sizes(data, read_at, layout, fields, size)
        if following:
            _drop_thumbnail(data, read_at, layout, fields, (offset, following))
        # The first directory moves to the end, where it can grow; its old place is cleared. Some
        # writers leave out where the next one lies, and begin with the values there.
        last = offset + 2 + 12 * len(fields)
        values = any(field.at is not None and last <= field.at < last + 4 for field in fields)
        _clear(data, (offset, last if values else last + 4))
    fields = _with_corrections(layout, fields, size, dpi, software)
    data += b"\0" * (len(data) % 2)
    struct.pack_into(layout.order + "I", data, 4, len(data))
    return bytes(data) + pack_directory(layout, fields, len(data))


def _with_corrections(
    layout: Layout,
    fields: list[Field],
    size: tuple[int, int],
    dpi: tuple[float, float] | None,
    software: str | None,
) -> list[Field]:
    present = {field.tag for field in fields}
    changed: list[Field] = []
    if ORIENTATION in present:
        changed.append(short_field(layout, ORIENTATION, 1))
    if _WIDTH in present or _HEIGHT in present:
        changed += [long_field(layout, _WIDTH, size[1]), long_field(layout, _HEIGHT, size[0])]
    if software is not None:
        changed.append(text_field(SOFTWARE, software))
    if dpi is not None:
        changed += [
            ratio_field(layout, _X_RESOLUTION, dpi[0]),
            ratio_field(layout, _Y_RESOLUTION, dpi[1]),
            short_field(layout, _RESOLUTION_UNIT, 2),
        ]
    replaced = {field.tag for field in changed}
    return [field for field in fields if field.tag not in replaced] + changed


def _correct_sizes(
    data: bytearray, read_at: ReadAt, layout: Layout, fields: list[Field], size: tuple[int, int]
) -> None:
    """Set PixelXDimension and PixelYDimension where the block has them."""
    for field in _pointed_fields(read_at, layout, fields, EXIF_POINTER):
        if field.tag in (_PIXEL_X, _PIXEL_Y) and field.at is not None and len(field.data) <= 4:
            value = size[1] if field.tag == _PIXEL_X else size[0]
            # `at` is the value inside the 12-byte entry: tag, type, count, value.
            struct.pack_into(layout.order + "HII", data, field.at - 6, LONG, 1, value)


def _pointed_fields(
    read_at: ReadAt, layout: Layout, fields: Sequence[Field], pointer_tag: int
) -> list[Field]:
    """The fields of the directory that `pointer_tag` points to; none where it is damaged."""
    for field in fields:
        if field.tag == pointer_tag:
            try:
                return read_directory(read_at, layout, field.number(layout))[0]
            except DirectoryError:
                return []
    return []


def _drop_thumbnail(
    data: bytearray,
    read_at: ReadAt,
    layout: Layout,
    fields: list[Field],
    directories: tuple[int, int],
) -> None:
    """Erase the second directory and its JPEG thumbnail, which shows the photo as it was."""
    try:
        thumbnail, _ = read_directory(read_at, layout, directories[1])
    except DirectoryError:
        return
    found = {field.tag: field for field in thumbnail}
    erase = [(directories[1], directories[1] + 2 + 12 * len(thumbnail) + 4)]
    erase += [(f.at, f.at + len(f.data)) for f in thumbnail if f.at is not None]
    try:
        start = found[_THUMBNAIL_AT].number(layout)
        erase.append((start, start + found[_THUMBNAIL_BYTES].number(layout)))
    except (KeyError, DirectoryError):
        pass  # a second directory without a JPEG: nothing more to erase
    kept = [(0, 8), (directories[0], directories[0] + 2 + 12 * len(fields) + 4)]
    pointed = (EXIF_POINTER, GPS_POINTER)
    for group in (fields, *(_pointed_fields(read_at, layout, fields, tag) for tag in pointed)):
        kept += [(f.at, f.at + len(f.data)) for f in group if f.at is not None]
    erased = len(data)
    for start, stop in sorted(erase, reverse=True):
        # A damaged block can point its thumbnail anywhere; what is kept wins.
        if all(stop <= low or high <= start for low, high in kept):
            _clear(data, (start, stop))
            erased = min(erased, start)
    # What lies before the thumbnail may be of a directory that is not known here, zeros and all.
    last_kept = max(erased, *(high for _, high in kept))
    while len(data) > last_kept and data[-1] == 0:
        del data[-1]


def _clear(data: bytearray, span: tuple[int, int]) -> None:
    start, stop = span[0], min(span[1], len(data))
    data[start:stop] = bytes(max(0, stop - start))


def short_exif(block: bytes) -> bytes | None:
    """A sound block without its long fields (maker notes); None if it then says nothing."""
    read_at = _reader(block)
    layout, offset = read_header(read_at)
    fields, _ = read_directory(read_at, layout, offset)
    return exif_from_directory(read_at, layout, fields, _SHORT_FIELD_BYTES)


def exif_from_directory(
    read_at: ReadAt,
    layout: Layout,
    fields: Sequence[Field],
    longest_bytes: int = 64 << 20,
) -> bytes | None:
    """A new EXIF block from the first directory of a TIFF or RAW file; None if it says nothing.

    Takes the descriptive fields, the EXIF directory and the GPS directory, without fields of more
    than `longest_bytes`.
    """

    def anew(group: Iterable[Field]) -> list[Field]:
        return [replace(field, at=None) for field in group if len(field.data) <= longest_bytes]

    small = Layout(layout.order)
    first = anew(field for field in fields if field.tag in DESCRIPTIVE_TAGS and field.kind <= 13)
    groups: list[tuple[int, list[Field]]] = []
    for pointer in (EXIF_POINTER, GPS_POINTER):
        pointed = _pointed_fields(read_at, layout, fields, pointer)
        kept = anew(filter(_is_portable, pointed))
        if kept:
            groups.append((pointer, kept))
    if not first and not groups:
        return None
    return _assemble(small, first, groups)


def exif_for_tiff(block: bytes, there: Layout, at: int) -> tuple[list[Field], bytes]:
    """What an EXIF block puts into a TIFF file.

    Args:
        block: EXIF without marker.
        there: the layout of the TIFF file.
        at: where the returned bytes will lie in the file (an even offset).

    Returns:
        The fields for the file's first directory, pointers included, and the EXIF and GPS
        directories as bytes.
    """
    read_at = _reader(block)
    here, offset = read_header(read_at)
    fields, _ = read_directory(read_at, here, offset)
    first = [f.reordered(here, there) for f in fields if f.tag in DESCRIPTIVE_TAGS]
    packed = b""
    for pointer in (EXIF_POINTER, GPS_POINTER):
        group = _pointed_fields(read_at, here, fields, pointer)
        kept = [field.reordered(here, there) for field in group if _is_portable(field)]
        if kept:
            first.append(long_field(there, pointer, at + len(packed)))
            packed += pack_directory(there, kept, at + len(packed))
    return first, packed


def _is_portable(field: Field) -> bool:
    """Whether a field means the same elsewhere: no pointers, nothing of BigTIFF alone."""
    return field.kind <= 12 and field.tag != 0xA005 and len(field.data) < 1 << 20


def _assemble(
    layout: Layout, first: list[Field], groups: Sequence[tuple[int, list[Field]]]
) -> bytes:
    head = struct.pack(layout.order + "2sHI", b"II" if layout.order == "<" else b"MM", 42, 8)
    blank = first + [long_field(layout, pointer, 0) for pointer, _ in groups]
    at = 8 + len(pack_directory(layout, blank, 8))
    packed = b""
    pointers: list[Field] = []
    for pointer, fields in groups:
        pointers.append(long_field(layout, pointer, at + len(packed)))
        packed += pack_directory(layout, fields, at + len(packed))
    return head + pack_directory(layout, first + pointers, 8) + packed
