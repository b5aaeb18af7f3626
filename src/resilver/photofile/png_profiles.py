"""EXIF, XMP and IPTC in a PNG: in chunks of their own, or as ImageMagick and others wrote them.

For IPTC there is no chunk, so it is still written as they did.

A text chunk named "Raw profile type exif" holds a line with the kind, one with the length, and the
bytes in hexadecimal.

References: ImageMagick, coders/png.c; exiftool, "PNG Tags" (for the names in use).
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from resilver.photofile.iptc import iptc_records

RAW_PROFILE = b"Raw profile type "
XMP_KEYWORD = b"XML:com.adobe.xmp\0"
_MOST_BYTES = 1 << 20
_XMP_MARKER = b"http://ns.adobe.com/xap/1.0/\0"


@dataclass(frozen=True)
class RawProfiles:
    """What such chunks held; the first of each."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    damaged: bool = False  # whether any could not be read


def read_raw_profiles(chunks: Iterable[tuple[str, bytes]]) -> RawProfiles:
    """The blocks in chunks of a PNG; damaged ones are left out.

    Args:
        chunks: (kind, data) as they stand in the file, of kind "eXIf", or "tEXt", "zTXt" or "iTXt"
            with data that starts with `RAW_PROFILE` or `XMP_KEYWORD`.
    """
    found: dict[str, bytes] = {}
    stated: dict[str, bytes] = {}  # in chunks of their own, which count for more
    damaged = False
    for kind, data in chunks:
        if kind == "eXIf":
            stated.setdefault("exif", data)
            continue
        name, _, rest = data.partition(b"\0")
        is_xmp = data.startswith(XMP_KEYWORD)
        block = _text_of(kind, rest) if is_xmp else _bytes_of(kind, rest)
        if block is None:
            damaged = True
            continue
        if is_xmp:
            stated.setdefault("xmp", block)
            continue
        match name[len(RAW_PROFILE) :].lower():
            case b"exif":
                found.setdefault("exif", block)
            case b"app1" if block.startswith(_XMP_MARKER):
                found.setdefault("xmp", block[len(_XMP_MARKER) :])
            case b"app1":
                found.setdefault("exif", block)
            case b"xmp":
                found.setdefault("xmp", block)
            case b"iptc" | b"8bim":
                records = iptc_records(block)
                if records is not None:
                    found.setdefault("iptc", records)
            case _:
                pass  # "icc" and "icm": libvips reads the chunk that has taken their place
    found |= stated
    return RawProfiles(found.get("exif"), found.get("xmp"), found.get("iptc"), damaged)


def raw_iptc(records: bytes) -> bytes:
    """IPTC records (IIM) as the data of a chunk zTXt."""
    lines = (records[at : at + 36].hex() for at in range(0, len(records), 36))
    text = f"\niptc\n{len(records):8d}\n" + "\n".join(lines) + "\n"
    return RAW_PROFILE + b"iptc\0\0" + zlib.compress(text.encode("ascii"), 9)


def _bytes_of(kind: str, rest: bytes) -> bytes | None:
    """The bytes that a chunk's text stands for, from what follows its name."""
    try:
        text = _text_of(kind, rest)
        if text is None:
            return None
        _kind, length, *lines = text.split(maxsplit=2)
        block = binascii.unhexlify(b"".join(b"".join(lines).split()))
        return block if 0 < len(block) == int(length) else None
    except ValueError:
        return None


def _text_of(kind: str, rest: bytes) -> bytes | None:
    """A chunk's text, from what follows its name."""
    try:
        if kind == "zTXt":
            return _inflated(rest[1:])
        if kind != "iTXt":
            return rest
        body = rest[2:].split(b"\0", 2)[2]  # flag, method, language, translated name, text
        return _inflated(body) if rest[0] else body
    except (ValueError, IndexError, zlib.error):
        return None


def _inflated(data: bytes) -> bytes:
    """Raises ValueError for what would grow beyond all measure."""
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, 3 * _MOST_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError("too long")
    return text
