"""What a file says about a photo, as one value: EXIF, XMP, IPTC, resolution and written notes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from resilver.photofile.directories import DirectoryError
from resilver.photofile.exif import (
    bare_exif,
    check_exif,
    exif_dpi,
    exif_orientation,
    freshen_exif,
    move_subject,
)
from resilver.photofile.iptc import iptc_records
from resilver.photofile.orientation import Turn
from resilver.photofile.xmp import (
    PacketError,
    enlarge_xmp,
    has_extended_part,
    merge_xmp,
    names_companions,
    parse_xmp,
    turn_xmp,
    xmp_orientation,
)

# What EXIF says where the resolution is unknown (Exif 3.0, XResolution).
_UNKNOWN_DPI = (72.0, 72.0)
COMPANIONS = "a gain map, depth map or clip inside the file was left out"


@dataclass(frozen=True)
class Note:
    """A text of a PNG or JPEG as it stands there; only a file of the same format can hold it."""

    kind: str  # "tEXt", "zTXt" or "iTXt" of PNG, "COM" of JPEG
    data: bytes


@dataclass(frozen=True)
class Metadata:
    """EXIF, XMP and IPTC as the source holds them, its resolution and its notes."""

    exif: bytes | None = None  # a TIFF structure, without the "Exif" marker of JPEG
    xmp: bytes | None = None  # the packet
    iptc: bytes | None = None  # IIM records, which start with 0x1C
    dpi: tuple[float, float] | None = None  # dots per inch (x, y)
    notes: tuple[Note, ...] = ()

    @property
    def orientation(self) -> int:
        """1-8 as EXIF states it, else XMP; 1 where neither does."""
        stated = None if self.exif is None else exif_orientation(self.exif)
        if stated is None and self.xmp is not None:
            stated = xmp_orientation(self.xmp)
        return 1 if stated is None else stated

    def turned(self, turn: Turn, size: tuple[int, int]) -> Metadata:
        """Of a picture whose pixels were turned: what names places in it follows them.

        Args:
            size: (height, width) as stored.
        """
        if not turn:
            return self
        exif = None if self.exif is None else move_subject(self.exif, turn, size, 1)
        xmp = None if self.xmp is None else turn_xmp(self.xmp, turn, size)
        dpi = self.dpi[::-1] if self.dpi is not None and turn.swapped else self.dpi
        return replace(self, exif=exif, xmp=xmp, dpi=dpi)

    def enlarged(self, factor: int) -> Metadata:
        """Of a picture made larger: its print stays as large as it was, places follow."""
        dpi = None if self.dpi is None else (factor * self.dpi[0], factor * self.dpi[1])
        exif = None if self.exif is None else move_subject(self.exif, Turn.of(1), (0, 0), factor)
        xmp = None if self.xmp is None else enlarge_xmp(self.xmp, factor)
        return replace(self, dpi=dpi, exif=exif, xmp=xmp)

    def for_result(
        self, size: tuple[int, int], software: str | None, digital_source_type: str | None
    ) -> Metadata:
        """What belongs into the restored file.

        Orientation 1, the pixel dimensions of the result, no thumbnail of the old picture, and the
        software and the IPTC digital source type if given. The EXIF block is None only when there
        is nothing to say. A note that names another software goes where one is given.
        """
        exif = self.exif
        if exif is not None or software is not None or self.dpi is not None:
            exif = freshen_exif(exif, size=size, dpi=self.dpi, software=software)
        xmp = merge_xmp(
            self.xmp,
            size=size,
            dpi=self.dpi,
            software=software,
            digital_source_type=digital_source_type,
        )
        named = () if software is None else (b"Software\0",)
        notes = tuple(note for note in self.notes if not note.data.startswith(named))
        return replace(self, exif=exif, xmp=xmp, notes=notes)


def checked_metadata(
    *,
    exif: bytes | None,
    xmp: bytes | None,
    iptc: bytes | None,
    dpi: tuple[float, float] | None,
) -> tuple[Metadata, tuple[str, ...]]:
    """Metadata from the blocks of a file; damaged blocks are left out, with a notice for each.

    Args:
        dpi: as the header states it. What EXIF states, other than "unknown", goes before it: many
            programs write 72 into the header whatever the scan had.
    """
    notices: list[str] = []
    if exif is not None:
        exif = bare_exif(exif)
        try:
            check_exif(exif)
        except DirectoryError:
            exif = None
            notices.append("the EXIF block is damaged and was left out")
    if xmp is not None:
        try:
            root, _ = parse_xmp(xmp)
        except PacketError:
            xmp = None
            notices.append("the XMP packet is damaged and was left out")
        else:
            if has_extended_part(root):
                notices.append("the extended part of the XMP was left out")
            if names_companions(root):
                notices.append(COMPANIONS)
    if iptc is not None:
        iptc = iptc_records(iptc)
    stated = None if exif is None else exif_dpi(exif)
    if stated is not None and (dpi is None or stated != _UNKNOWN_DPI):
        dpi = stated
    return Metadata(exif, xmp, iptc, dpi), tuple(notices)
