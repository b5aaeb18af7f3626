"""What the boxes of an AVIF or HEIC file say of its picture: how it is turned, its colours.

libvips and libheif turn the pixels but not what names places in them, and leave the code points of
colours to us.

References: ISO/IEC 23008-12 (pitm, ipma, irot, imir); ISO/IEC 14496-12 (colr); ITU-T H.273.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from resilver.photofile.boxes import BoxError, boxes, find_box, read_boxes
from resilver.photofile.orientation import Turn

_UNTURNED = Turn.of(1)
# By how often a picture is turned a quarter against the clock.
_ROTATIONS = tuple(map(Turn.of, (1, 8, 3, 6)))


@dataclass(frozen=True)
class PictureProperties:
    """Of the main picture of a file."""

    turn: Turn = _UNTURNED  # what decoders do to its pixels
    codes: tuple[int, int] | None = None  # of its primaries and its transfer function


def picture_properties(descriptor: int) -> PictureProperties:
    """What is said of the main picture; nothing where the boxes are damaged."""
    data = read_boxes(descriptor)
    try:
        return _properties(data)
    except (BoxError, IndexError):
        return PictureProperties()


def _properties(data: bytearray) -> PictureProperties:
    meta = find_box(data, 0, len(data), b"meta")
    inside = meta[0] + 4, meta[1]
    main = find_box(data, *inside, b"pitm")[0]
    number = int.from_bytes(data[main + 4 : main + (6 if data[main] == 0 else 8)], "big")
    about = find_box(data, *inside, b"iprp")
    known = list(boxes(data, *find_box(data, *about, b"ipco")))
    said = PictureProperties()
    for index in _indices(data, find_box(data, *about, b"ipma"), number):
        if not 1 <= index <= len(known):
            continue
        kind, start, stop = known[index - 1]
        if kind == b"irot":
            said = replace(said, turn=_ROTATIONS[data[start] & 3])
        elif kind == b"imir":  # after any rotation
            rows = data[start] & 1 == 0
            turn = said.turn
            mirrored, flipped = turn.mirrored ^ (not rows), turn.flipped ^ rows
            said = replace(said, turn=Turn(turn.swapped, mirrored, flipped))
        elif kind == b"colr" and data.startswith(b"nclx", start) and stop - start >= 8:
            numbers = (data[start + 4 : start + 6], data[start + 6 : start + 8])
            primaries, transfer = (int.from_bytes(one, "big") for one in numbers)
            said = replace(said, codes=(primaries, transfer))
    return said


def _indices(data: bytearray, ipma: tuple[int, int], wanted: int) -> Iterator[int]:
    """Which properties, counted from 1, belong to an item, in their order."""
    at, stop = ipma
    number_bytes, index_bytes = (2 if data[at] == 0 else 4), (2 if data[at + 3] & 1 else 1)
    entries = int.from_bytes(data[at + 4 : at + 8], "big")
    at += 8
    for _ in range(entries):
        if at + number_bytes >= stop:
            return
        number = int.from_bytes(data[at : at + number_bytes], "big")
        count = data[at + number_bytes]
        at += number_bytes + 1
        for place in range(at, at + count * index_bytes, index_bytes) if number == wanted else ():
            index = int.from_bytes(data[place : place + index_bytes], "big")
            yield index & ((1 << (8 * index_bytes - 1)) - 1)  # the first bit says "essential"
        at += count * index_bytes
