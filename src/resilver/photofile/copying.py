"""A picture that nothing has changed is not encoded again: its data are copied.

Encoding a JPEG anew would lose a little each time and mostly make it larger; only what is written
beside the picture is written afresh.

References: JPEG ITU-T T.81, B.1; JFIF 1.02; Adobe, "Supporting the DCT Filters in PostScript
Level 2" (APP14).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from resilver.photofile.containers import jpeg_splice, webp_with
from resilver.photofile.metadata import Metadata

COPIED_FORMATS = ("jpeg", "webp")
_ICC, _ADOBE, _JFIF = b"ICC_PROFILE\0", b"Adobe", b"JFIF\0"
_APP0, _APP2, _APP14, _COMMENT = 0xE0, 0xE2, 0xEE, 0xFE
_START_OF_SCAN, _END = 0xDA, 0xD9
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0-15 without DHT, JPG, DAC
_WITHIN_SCANS = frozenset((0x00, *range(0xD0, 0xD8)))  # a stuffed byte, RST0-7
_PICTURE_CHUNKS = (b"VP8 ", b"VP8L", b"ALPH", b"ICCP")


@dataclass(frozen=True)
class StoredPicture:
    """The file that holds a picture as it is: upright and undamaged."""

    path: Path
    format: str  # one of COPIED_FORMATS
    stamp: tuple[int, int]  # bytes and time of change (ns) when it was read

    @classmethod
    def of(cls, path: Path, descriptor: int, name: str) -> StoredPicture:
        """Of a file that is open."""
        return cls(path, name, _stamp(os.fstat(descriptor)))

    def with_metadata(self, metadata: Metadata, size: tuple[int, int]) -> bytes | None:
        """The same picture in a new file; None where it has to be encoded.

        Args:
            metadata: as from `Metadata.for_result`.
            size: (height, width).
        """
        try:
            with self.path.open("rb") as file:
                if _stamp(os.fstat(file.fileno())) != self.stamp:
                    return None
                data = file.read()
        except OSError:
            return None
        if self.format == "webp":
            return webp_with(metadata, _bare_webp(data), size)
        bare = _bare_jpeg(data)
        return None if bare is None else jpeg_splice(metadata)(bare)


def _stamp(status: os.stat_result) -> tuple[int, int]:
    return status.st_size, status.st_mtime_ns


def _bare_jpeg(data: bytes) -> bytes | None:
    """The first picture of a JPEG with its colour profile, and without all else it says.

    None for one without an end, and for colours that are RGB: what says so would be outvoted by the
    JFIF segment that the copy gets.
    """
    kept: list[bytes] = [data[:2]]
    jfif, transform, ids = False, None, b""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : stop]
        if marker == _APP0:
            jfif = jfif or body.startswith(_JFIF)
        elif marker == _APP14 and body.startswith(_ADOBE) and len(body) >= 12:
            transform = body[11]
        elif marker in _FRAMES:
            ids = body[6::3]
        if _is_picture(marker, body):
            kept.append(data[at:stop])
        if marker == _START_OF_SCAN:
            end = _end_of_scans(data, stop)
            as_rgb = len(ids) == 3 and not jfif and (transform == 0 or ids == b"RGB")
            return None if end is None or as_rgb else b"".join((*kept, data[stop:end]))
        at = stop
    return None


def _is_picture(marker: int, body: bytes) -> bool:
    if marker == _APP2:
        return body.startswith(_ICC)
    if marker == _APP14:
        return body.startswith(_ADOBE)
    return not (_APP0 <= marker <= 0xEF or marker == _COMMENT)


def _end_of_scans(data: bytes, at: int) -> int | None:
    """Behind the marker that ends the picture; between scans there may be tables."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 2 > len(data):
            return None
        marker = data[at + 1]
        if marker == _END:
            return at + 2
        if marker == 0xFF:
            at += 1
        elif marker in _WITHIN_SCANS:
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _bare_webp(data: bytes) -> bytes:
    """The chunks of a still WebP that are its picture."""
    kept, at = data[:12], 12
    while at + 8 <= len(data):
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        stop += stop % 2
        if data[at : at + 4] in _PICTURE_CHUNKS:
            kept += data[at:stop]
        at = stop
    return kept
