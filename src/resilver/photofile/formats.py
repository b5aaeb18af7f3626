"""What kinds of file there are: how each is recognised by its first bytes, what each can carry.

A file is recognised by its content, never by its name; the one exception is camera RAW, much of
which is TIFF inside, so that the name decides between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resilver.errors import PhotoError, PhotoUnreadable, PhotoUnsupported


@dataclass(frozen=True)
class WritableFormat:
    """What a format can carry when we write it."""

    name: str
    suffixes: tuple[str, ...]
    bits: int  # most bits per sample that reach the file (AVIF and HEIC keep 12 and 10 of 16)
    alpha: bool
    one_channel: bool  # grey is stored as one channel
    cmyk: bool
    longest_px: int


FORMATS = {
    entry.name: entry
    for entry in (
        WritableFormat("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), 8, False, True, True, 65_500),
        WritableFormat("png", (".png",), 16, True, True, False, 1_000_000),
        WritableFormat("tiff", (".tif", ".tiff"), 16, True, True, True, 1_000_000),
        WritableFormat("webp", (".webp",), 8, True, False, False, 16_383),
        WritableFormat("avif", (".avif",), 16, True, False, False, 65_535),
        WritableFormat("heic", (".heic", ".heif"), 16, True, True, False, 16_384),
    )
}
WRITABLE_FORMATS: dict[str, str] = {
    suffix: entry.name for entry in FORMATS.values() for suffix in entry.suffixes
}
RAW_SUFFIXES = frozenset(
    (
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc"),
        *(".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl"),
        *(".sr2", ".srf", ".srw", ".x3f"),
    )
)
READABLE_SUFFIXES = frozenset(WRITABLE_FORMATS) | RAW_SUFFIXES | {".gif", ".mpo"}

# What a photo is saved as by default when its own format is not one we write.
FALLBACK_SUFFIX = {"raw": ".tif", "gif": ".png"}

_RAW_MAGIC = (
    b"IIRO",  # Olympus
    b"IIRS",
    b"MMOR",
    b"IIU\0",  # Panasonic
    b"FUJIFILMCCD-RAW",
    b"FOVb",  # Sigma
    b"\0MRM",  # Minolta
    b"II\x1a\0\0\0HEAPCCDR",  # Canon CRW
)
_KNOWN_BUT_NOT_READ = (
    (b"BM", "a BMP image"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance HDR image"),
    (b"\0\0\1\0", "an icon"),
)
_SEQUENCE_BRANDS = (b"avis", b"hevc", b"hevx", b"msf1")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"MiHE")


def recognise_format(path: Path, head: bytes) -> str:
    """The format of a file: "jpeg", "png", "tiff", "webp", "gif", "avif", "heic" or "raw".

    Args:
        path: where the file is; its suffix tells camera RAW from other TIFF.
        head: the first 64 bytes or more.

    Raises:
        PhotoUnreadable: not an image.
        PhotoUnsupported: an image, a video or a document of a kind that is not restored.
    """
    for magic, name in (
        (b"\xff\xd8\xff", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF87a", "gif"),
        (b"GIF89a", "gif"),
    ):
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        is_raw = path.suffix.lower() in RAW_SUFFIXES or head[8:10] == b"CR"
        return "raw" if is_raw else "tiff"
    if head.startswith(_RAW_MAGIC):
        return "raw"
    if head[4:8] == b"ftyp":
        return _recognise_boxes(path, head)
    for magic, what in _KNOWN_BUT_NOT_READ:
        if head.startswith(magic):
            raise PhotoUnsupported(path, f"{what} cannot be opened; save it as TIFF or PNG first")
    raise PhotoUnreadable(path, "the file is not an image")


def _recognise_boxes(path: Path, head: bytes) -> str:
    """AVIF, HEIC or Canon CR3 by the brands of an ISO base media file (ISO/IEC 14496-12)."""
    length = int.from_bytes(head[:4], "big")
    brand = head[8:12]
    compatible = [head[i : i + 4] for i in range(16, min(length, len(head)), 4)]
    if brand == b"crx ":
        return "raw"
    if brand in _SEQUENCE_BRANDS:
        raise animated(path)
    if brand == b"avif" or (brand in (b"mif1", b"miaf") and b"avif" in compatible):
        return "avif"
    if brand in _HEIC_BRANDS:
        return "heic"
    raise PhotoUnsupported(path, "a video cannot be restored")


def animated(path: Path) -> PhotoError:
    """The error for a file of several frames."""
    return PhotoUnsupported(path, "an animated image cannot be restored; save one frame of it")
