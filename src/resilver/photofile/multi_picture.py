"""Several pictures in one JPEG file: what stereo and panorama cameras write (`.mpo`).

Reference: CIPA DC-007-2009, Multi-Picture Format: the index directory and its picture entries.
"""

from __future__ import annotations

from resilver.photofile.directories import DirectoryError, read_directory, read_header

MARKER = b"MPF\0"
_ENTRIES = 0xB002
_ENTRY_BYTES = 16
_PREVIEW = 0x01  # of a type: the first picture once more, smaller


def pictures_in(segment: bytes) -> int:
    """How many pictures the file of an APP2 segment holds, previews not counted; 0 = none told.

    `segment`: `MARKER` and what follows. The gain map of a phone's photo is a picture, too.
    """
    structure = segment[len(MARKER) :]

    def read_at(offset: int, count: int) -> bytes:
        return structure[offset : offset + count]

    try:
        layout, offset = read_header(read_at)
        fields, _following = read_directory(read_at, layout, offset)
    except DirectoryError:
        return 0
    entries = next((field.data for field in fields if field.tag == _ENTRIES), b"")
    kinds = entries[1::_ENTRY_BYTES] if layout.order == ">" else entries[2::_ENTRY_BYTES]
    return len(kinds) - kinds.count(_PREVIEW)
