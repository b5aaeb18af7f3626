"""IPTC-IIM records and the Photoshop resource blocks that JPEG wraps them in.

Reference: IPTC-NAA Information Interchange Model 4.2; Adobe Photoshop File Formats, "Image
Resource Blocks".
"""

from __future__ import annotations

from collections.abc import Sequence

PHOTOSHOP_MARKER = b"Photoshop 3.0\0"
_IPTC_RESOURCE = 0x0404
_LONGEST_SEGMENT = 65_000


def iptc_records(data: bytes) -> bytes | None:
    """The bare records, which start with 0x1C, from whatever a file wraps them in."""
    if data.startswith(PHOTOSHOP_MARKER):
        data = data[len(PHOTOSHOP_MARKER) :]
    if data[:1] == b"\x1c":
        return data
    at = 0
    while data[at : at + 4] == b"8BIM" and len(data) >= at + 12:
        resource = int.from_bytes(data[at + 4 : at + 6], "big")
        name_bytes = 1 + data[at + 6]
        start = at + 6 + name_bytes + name_bytes % 2
        length = int.from_bytes(data[start : start + 4], "big")
        body = data[start + 4 : start + 4 + length]
        if resource == _IPTC_RESOURCE and len(body) == length and body[:1] == b"\x1c":
            return body
        at = start + 4 + length + length % 2
    return None


def records_of_segments(segments: Sequence[bytes]) -> bytes | None:
    """The records in the APP13 segments of a JPEG: in any of them, or running over several."""
    joined = b"".join(segment.removeprefix(PHOTOSHOP_MARKER) for segment in segments)
    found = (iptc_records(data) for data in (joined, *segments))
    return next((records for records in found if records is not None), None)


def photoshop_segment(records: bytes) -> bytes | None:
    """The payload of a JPEG APP13 segment; None if the records are too long for one."""
    if len(records) > _LONGEST_SEGMENT:
        return None
    resource = b"8BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records
    return PHOTOSHOP_MARKER + resource + b"\0" * (len(records) % 2)
