"""Putting EXIF, XMP, IPTC and notes into finished JPEG, PNG and WebP streams, byte for byte.

libvips would pass EXIF through libexif, which drops tags it does not know and damages maker notes.

References: JPEG ITU-T T.81 and Exif 3.0 4.7; PNG third edition (W3C 2025); WebP RIFF container
(RFC 9649); XMP Specification Part 3.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from resilver.photofile.exif import short_exif
from resilver.photofile.iptc import photoshop_segment
from resilver.photofile.metadata import Metadata
from resilver.photofile.png_profiles import raw_iptc
from resilver.photofile.xmp import short_xmp

Splice = Callable[[bytes], bytes | None]  # the stream so far -> its new beginning, None = need more

_EXIF_MARKER = b"Exif\0\0"
_XMP_MARKER = b"http://ns.adobe.com/xap/1.0/\0"
_LONGEST_SEGMENT = 65_533
_ICC_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _XMP_FLAG = 0x20, 0x10, 0x08, 0x04


def jpeg_splice(metadata: Metadata) -> Splice:
    """Segments behind the start of a JPEG.

    Each holds 64 KiB. EXIF that is longer loses its long fields (maker notes); of longer XMP only
    the software and the digital source type remain; longer IPTC is left out.
    """
    payloads: list[tuple[int, bytes]] = [(0xE0, _jfif(metadata.dpi))]
    for marker, whole, shortened in (
        (_EXIF_MARKER, metadata.exif, short_exif),
        (_XMP_MARKER, metadata.xmp, short_xmp),
    ):
        block = whole if whole is None or _fits(marker + whole) else shortened(whole)
        if block is not None:
            payloads.append((0xE1, marker + block))
    iptc = None if metadata.iptc is None else photoshop_segment(metadata.iptc)
    if iptc is not None:
        payloads.append((0xED, iptc))
    payloads += [(0xFE, note.data) for note in metadata.notes if note.kind == "COM"]
    segments = b"".join(
        bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload
        for marker, payload in payloads
        if _fits(payload)
    )

    def splice(start: bytes) -> bytes | None:
        if len(start) < 6:
            return None
        rest = 2
        if start[2:4] == b"\xff\xe0":  # libjpeg's own JFIF segment; ours replaces it
            rest = 4 + int.from_bytes(start[4:6], "big")
            if len(start) < rest:
                return None
        return start[:2] + segments + start[rest:]

    return splice


def _fits(payload: bytes) -> bool:
    return len(payload) <= _LONGEST_SEGMENT


def _jfif(dpi: tuple[float, float] | None) -> bytes:
    unit, x, y = (0, 1, 1) if dpi is None else (1, *(min(max(round(d), 1), 65535) for d in dpi))
    return b"JFIF\0\1\2" + bytes((unit,)) + x.to_bytes(2, "big") + y.to_bytes(2, "big") + b"\0\0"


def png_splice(metadata: Metadata) -> Splice:
    """Chunks before a PNG's pixels."""
    chunks: list[bytes] = []
    if metadata.dpi is not None:
        x, y = (round(d / 0.0254) for d in metadata.dpi)
        chunks.append(_chunk(b"pHYs", x.to_bytes(4, "big") + y.to_bytes(4, "big") + b"\1"))
    if metadata.exif is not None:
        chunks.append(_chunk(b"eXIf", metadata.exif))
    if metadata.xmp is not None:
        chunks.append(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    if metadata.iptc is not None:
        chunks.append(_chunk(b"zTXt", raw_iptc(metadata.iptc)))
    chunks += [_chunk(n.kind.encode(), n.data) for n in metadata.notes if n.kind != "COM"]
    new = b"".join(chunks)

    def splice(start: bytes) -> bytes | None:
        kept, at = start[:8], 8
        while len(start) >= at + 8:
            kind = start[at + 4 : at + 8]
            if kind == b"IDAT":
                return kept + new + start[at:]
            stop = at + 12 + int.from_bytes(start[at : at + 4], "big")
            if kind != b"pHYs":  # libvips writes 1 pixel per mm where it knows nothing
                kept += start[at:stop]
            at = stop
        return None

    return splice


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data).to_bytes(4, "big")
    return len(data).to_bytes(4, "big") + kind + data + check


def webp_with(metadata: Metadata, file: bytes, size: tuple[int, int]) -> bytes:
    """A WebP file with EXIF and XMP chunks. WebP has no place for IPTC.

    Args:
        metadata: as from `Metadata.for_result`.
        file: as written by libvips.
        size: (height, width).
    """
    chunks: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= len(file):
        length = int.from_bytes(file[at + 4 : at + 8], "little")
        chunks.append((file[at : at + 4], file[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    kept = [(kind, body) for kind, body in chunks if kind not in (b"VP8X", b"EXIF", b"XMP ")]
    flags = 0
    for kind, body in kept:
        flags |= _ICC_FLAG if kind == b"ICCP" else 0
        # Bit 28 of the lossless header says that alpha is used.
        lossless_alpha = kind == b"VP8L" and len(body) > 4 and body[4] & 0x10
        flags |= _ALPHA_FLAG if kind == b"ALPH" or lossless_alpha else 0
    if metadata.exif is not None:
        flags |= _EXIF_FLAG
        kept.append((b"EXIF", metadata.exif))
    if metadata.xmp is not None:
        flags |= _XMP_FLAG
        kept.append((b"XMP ", metadata.xmp))
    if flags:
        canvas = (size[1] - 1).to_bytes(3, "little") + (size[0] - 1).to_bytes(3, "little")
        kept.insert(0, (b"VP8X", bytes((flags, 0, 0, 0)) + canvas))
    body = b"WEBP" + b"".join(
        kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
        for kind, data in kept
    )
    return b"RIFF" + len(body).to_bytes(4, "little") + body
