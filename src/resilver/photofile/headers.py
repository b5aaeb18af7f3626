"""What libvips does not tell of a JPEG's or PNG's header: stated resolution, animation.

libvips reports 72 dpi where a file states none, and opens an animated PNG as a still.

References: JFIF 1.02; PNG third edition (W3C 2025), pHYs and acTL.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

_INCH_UNITS = {1: 1.0, 2: 2.54}  # JFIF density per inch, per cm
_MOST_PARTS = 10_000


def is_animated_png(descriptor: int) -> bool:
    """Whether an animation control chunk stands before the pixels."""
    return any(kind == b"acTL" for kind, _ in _png_chunks(descriptor))


def stated_dpi(descriptor: int, name: str) -> tuple[float, float] | None:
    """The resolution that the header of a "jpeg" or "png" states, in dots per inch (x, y)."""
    if name == "png":
        for kind, data in _png_chunks(descriptor):
            if kind == b"pHYs" and len(data) == 9 and data[8] == 1:
                x, y = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
                return (x * 0.0254, y * 0.0254) if x and y else None
    if name == "jpeg":
        for marker, data in _jpeg_segments(descriptor):
            if marker == 0xE0 and data[:5] == b"JFIF\0" and len(data) >= 12:
                scale = _INCH_UNITS.get(data[7])
                x, y = int.from_bytes(data[8:10], "big"), int.from_bytes(data[10:12], "big")
                return (x * scale, y * scale) if scale and x and y else None
    return None


def _png_chunks(descriptor: int) -> Iterator[tuple[bytes, bytes]]:
    """(type, the first bytes) of the chunks before the pixels."""
    offset, size = 8, os.fstat(descriptor).st_size
    for _ in range(_MOST_PARTS):
        if offset + 8 > size:
            return
        os.lseek(descriptor, offset, os.SEEK_SET)
        head = os.read(descriptor, 32)
        kind, length = head[4:8], int.from_bytes(head[:4], "big")
        if kind == b"IDAT":
            return
        yield kind, head[8 : 8 + length]
        offset += 12 + length


def _jpeg_segments(descriptor: int) -> Iterator[tuple[int, bytes]]:
    """(marker, the first bytes) of the segments before the pixels."""
    offset = 2
    for _ in range(_MOST_PARTS):
        os.lseek(descriptor, offset, os.SEEK_SET)
        head = os.read(descriptor, 32)
        if len(head) < 4 or head[0] != 0xFF or head[1] == 0xDA:
            return
        length = int.from_bytes(head[2:4], "big")
        yield head[1], head[4 : 2 + length]
        offset += 2 + length
