"""TIFF directories (IFDs), the structure under TIFF files, EXIF blocks and most camera RAW.

Reference: TIFF Revision 6.0 (Adobe, 1992), section 2; BigTIFF as in libtiff.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

# Bytes of one value and of the numbers inside it, by field type.
_VALUE_BYTES = dict(zip(range(1, 14), (1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), strict=True)) | {
    16: 8,
    17: 8,
    18: 8,
}
_NUMBER_BYTES = _VALUE_BYTES | {5: 4, 10: 4}
_MOST_FIELDS = 4096
_MOST_VALUE_BYTES = 64 << 20  # of one directory: its fields may all name the same bytes

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
EXIF_POINTER, GPS_POINTER = 0x8769, 0x8825

ReadAt = Callable[[int, int], bytes]  # (offset, count) -> at most count bytes


class DirectoryError(ValueError):
    """Not a TIFF structure, or one damaged beyond reading."""


@dataclass(frozen=True)
class Layout:
    """How the numbers of a file are written."""

    order: str  # "<" little-endian, ">" big-endian
    big: bool = False  # BigTIFF: 64-bit offsets

    @property
    def offset_format(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def inline_bytes(self) -> int:
        return 8 if self.big else 4


@dataclass(frozen=True)
class Field:
    """One field of a directory."""

    tag: int
    kind: int  # field type of the TIFF standard
    count: int
    data: bytes  # the values, in the byte order of the layout
    at: int | None = None  # where the values lie in their file; None = not placed yet

    def number(self, layout: Layout) -> int:
        """The first value of an integer field."""
        return int(self.numbers(layout)[0])

    def numbers(self, layout: Layout) -> NDArray[np.unsignedinteger]:
        """The values of an integer field, (n,), one at least."""
        size = _NUMBER_BYTES[self.kind]
        if self.kind not in (BYTE, SHORT, LONG, 13, 16, 18) or len(self.data) < size:
            raise DirectoryError(f"tag {self.tag} holds no whole number")
        return np.frombuffer(self.data, f"{layout.order}u{size}", len(self.data) // size)

    def ratio(self, layout: Layout) -> float:
        """The first value of a rational field."""
        if self.kind != RATIONAL or len(self.data) < 8:
            raise DirectoryError(f"tag {self.tag} holds no ratio")
        above, below = struct.unpack(layout.order + "II", self.data[:8])
        return above / below if below else 0.0

    def reordered(self, here: Layout, there: Layout) -> Field:
        """The same field, not placed, in the byte order of another layout."""
        size = _NUMBER_BYTES[self.kind]
        if here.order == there.order or size == 1:
            return replace(self, at=None)
        parts = (self.data[i : i + size][::-1] for i in range(0, len(self.data), size))
        return replace(self, data=b"".join(parts), at=None)


def short_field(layout: Layout, tag: int, value: int) -> Field:
    return Field(tag, SHORT, 1, struct.pack(layout.order + "H", value))


def long_field(layout: Layout, tag: int, value: int) -> Field:
    return Field(tag, LONG, 1, struct.pack(layout.order + "I", value))


def ratio_field(layout: Layout, tag: int, value: float) -> Field:
    """A rational to four decimals (1/10,000 of a dot per inch), at most 429,496."""
    above = min(round(value * 10_000), 0xFFFFFFFF)
    return Field(tag, RATIONAL, 1, struct.pack(layout.order + "II", above, 10_000))


def text_field(tag: int, text: str) -> Field:
    """Text with its closing zero; characters beyond ASCII go as UTF-8, which readers accept."""
    data = text.encode("utf-8", "replace") + b"\0"
    return Field(tag, ASCII, len(data), data)


def read_header(read_at: ReadAt) -> tuple[Layout, int]:
    """The layout of a TIFF structure and where its first directory lies.

    Any magic number is taken after the byte-order mark: camera RAW uses its own (Olympus "RO",
    Panasonic "U").

    Raises:
        DirectoryError: no byte-order mark, or the header is cut short.
    """
    head = read_at(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise DirectoryError("no TIFF header")
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    if big and len(head) < 16:
        raise DirectoryError("TIFF header cut short")
    layout = Layout(order, big)
    start = 8 if big else 4
    (offset,) = struct.unpack(layout.offset_format, head[start : start + layout.inline_bytes])
    return layout, offset


def read_directory(read_at: ReadAt, layout: Layout, offset: int) -> tuple[list[Field], int]:
    """The fields of the directory at `offset`, and the offset of the next one (0 = none).

    Fields of unknown type, whose values lie outside the file, or beyond what memory may be spent on
    one directory (64 MiB) are left out.

    Raises:
        DirectoryError: the directory itself cannot be read.
    """
    count_bytes, entry_bytes = (8, 20) if layout.big else (2, 12)
    head = read_at(offset, count_bytes)
    if len(head) < count_bytes or offset < 8:
        raise DirectoryError("directory outside the file")
    (count,) = struct.unpack(layout.order + ("Q" if layout.big else "H"), head)
    if not 0 < count <= _MOST_FIELDS:
        raise DirectoryError(f"a directory of {count} fields")
    body = read_at(offset + count_bytes, count * entry_bytes)
    if len(body) < count * entry_bytes:
        raise DirectoryError("directory cut short")
    fields: list[Field] = []
    room = _MOST_VALUE_BYTES
    for i in range(count):
        entry = body[i * entry_bytes : (i + 1) * entry_bytes]
        at = offset + count_bytes + i * entry_bytes + entry_bytes - layout.inline_bytes
        field = _read_field(read_at, layout, entry, at, room)
        if field is not None:
            fields.append(field)
            room -= len(field.data)
    tail = read_at(offset + count_bytes + count * entry_bytes, layout.inline_bytes)
    following = 0
    if len(tail) == layout.inline_bytes:
        (following,) = struct.unpack(layout.offset_format, tail)
    return fields, following


def _read_field(read_at: ReadAt, layout: Layout, entry: bytes, at: int, room: int) -> Field | None:
    tag, kind = struct.unpack(layout.order + "HH", entry[:4])
    (count,) = struct.unpack(layout.offset_format, entry[4 : 4 + layout.inline_bytes])
    total = _VALUE_BYTES.get(kind, 0) * count
    if not 0 < total <= room:
        return None
    inline = entry[-layout.inline_bytes :]
    if total <= layout.inline_bytes:
        return Field(tag, kind, count, inline[:total], at)
    (at,) = struct.unpack(layout.offset_format, inline)
    data = read_at(at, total)
    return Field(tag, kind, count, data, at) if len(data) == total else None


def pack_directory(layout: Layout, fields: Sequence[Field], at: int, following: int = 0) -> bytes:
    """One directory that will lie at offset `at`, with the values of its new fields behind it.

    Values that are placed already (`Field.at`) and do not fit into the field stay where they are.
    """
    ordered = sorted(fields, key=lambda field: field.tag)
    count_format = layout.order + ("Q" if layout.big else "H")
    entry_bytes = 20 if layout.big else 12
    values_at = at + struct.calcsize(count_format) + entry_bytes * len(ordered)
    values_at += layout.inline_bytes
    entries = [struct.pack(count_format, len(ordered))]
    values = bytearray()
    for field in ordered:
        if len(field.data) <= layout.inline_bytes:
            inline = field.data.ljust(layout.inline_bytes, b"\0")
        elif field.at is not None:
            inline = struct.pack(layout.offset_format, field.at)
        else:
            inline = struct.pack(layout.offset_format, values_at + len(values))
            values += field.data + b"\0" * (len(field.data) % 2)
        head = struct.pack(layout.order + "HH", field.tag, field.kind)
        entries.append(head + struct.pack(layout.offset_format, field.count) + inline)
    return b"".join(entries) + struct.pack(layout.offset_format, following) + bytes(values)
