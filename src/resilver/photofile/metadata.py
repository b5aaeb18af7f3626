"""What a file says about a photo, as one value: EXIF, XMP, IPTC and resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

from resilver.photofile.directories import DirectoryError
from resilver.photofile.exif import bare_exif, check_exif, exif_dpi, freshen_exif
from resilver.photofile.iptc import iptc_records
from resilver.photofile.xmp import PacketError, merge_xmp, parse_xmp


@dataclass(frozen=True)
class Metadata:
    """EXIF, XMP and IPTC as the source holds them, and its resolution."""

    exif: bytes | None = None  # a TIFF structure, without the "Exif" marker of JPEG
    xmp: bytes | None = None  # the packet
    iptc: bytes | None = None  # IIM records, which start with 0x1C
    dpi: tuple[float, float] | None = None  # dots per inch (x, y)

    def for_result(
        self, size: tuple[int, int], software: str | None, digital_source_type: str | None
    ) -> Metadata:
        """What belongs into the restored file.

        Orientation 1, the pixel dimensions of the result, no thumbnail of the old picture, and the
        software and the IPTC digital source type if given. The EXIF block is None only when there
        is nothing to say.
        """
        exif = self.exif
        if exif is not None or software is not None or self.dpi is not None:
            exif = freshen_exif(exif, size=size, dpi=self.dpi, software=software)
        xmp = merge_xmp(
            self.xmp, size=size, software=software, digital_source_type=digital_source_type
        )
        return replace(self, exif=exif, xmp=xmp)


def checked_metadata(
    *,
    exif: bytes | None,
    xmp: bytes | None,
    iptc: bytes | None,
    dpi: tuple[float, float] | None,
) -> tuple[Metadata, tuple[str, ...]]:
    """Metadata from the blocks of a file; damaged blocks are left out, with a notice for each."""
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
            parse_xmp(xmp)
        except PacketError:
            xmp = None
            notices.append("the XMP packet is damaged and was left out")
    if iptc is not None:
        iptc = iptc_records(iptc)
    if dpi is None and exif is not None:
        dpi = exif_dpi(exif)
    return Metadata(exif, xmp, iptc, dpi), tuple(notices)
