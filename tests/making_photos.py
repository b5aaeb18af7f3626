"""Photo files made from nothing, for the tests of Photo: pixels, ICC profiles, EXIF, a DNG."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from resilver.photo import Photo

SOFTWARE = "resilver 0.1.0"
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
EVERY_SUFFIX = (".jpg", ".png", ".tif", ".webp", ".avif", ".heic")
MAKER_NOTE = b"maker note \x01\x02\xff with offsets of its own"
THUMBNAIL = b"\xff\xd8\xff\xe0 the old picture \xff\xd9"
IPTC = b"\x1c\x02\x78\x00\x0eOn the terrace"  # record 2, dataset 120: caption, 14 bytes
XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6">'
    b"<dc:subject><rdf:Bag><rdf:li>grandmother</rdf:li></rdf:Bag></dc:subject>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
    b'<?xpacket end="w"?>'
)


def picture(height: int = 48, width: int = 64, seed: int = 1) -> NDArray[np.uint8]:
    """A smooth colour picture with a little grain, (H, W, 3), no two corners alike."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 9 + k) * np.cos(y / 7 - k) * 60 + 60 + 30 * k + x * 0.5 for k in range(3)]
    grain = np.random.default_rng(seed).normal(0, 3, (height, width, 3))
    return np.clip(np.stack(waves, -1) + grain, 2, 253).astype(np.uint8)


def picture16(height: int = 48, width: int = 64) -> NDArray[np.uint16]:
    """The same in 16 bits, with low bytes that 8 bits could not hold."""
    low = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint16)
    return picture(height, width).astype(np.uint16) * 256 + low


def difference(a: NDArray[np.generic], b: NDArray[np.generic]) -> int:
    """The largest difference of any sample, in levels of the arrays' own depth."""
    return int(np.abs(a.astype(np.int64) - b.astype(np.int64)).max())


def opened(path: Path, content: bytes) -> Photo:
    path.write_bytes(content)
    return Photo.open(path)


def pillow_bytes(image: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _description(text: bytes) -> bytes:
    body = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0"
    return body + bytes(4 + 4 + 2 + 1 + 67)


def _profile(
    space: bytes, kind: bytes, tags: Sequence[tuple[bytes, bytes]], connection: bytes = b"XYZ "
) -> bytes:
    """An ICC version 2 profile (ICC.1:2001)."""
    table, values, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags:
        padded = data + b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", at + len(values), len(data))
        values += padded
    body = struct.pack(">I", len(tags)) + table + values
    header = struct.pack(">I4s", 128 + len(body), b"test")
    header += b"\x02\x10\0\0" + kind + space + connection
    header += struct.pack(">6H", 2025, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    header += _fixed(0.9642) + _fixed(1.0) + _fixed(0.8249)
    return header.ljust(128, b"\0") + body


_WHITE = b"XYZ \0\0\0\0" + _fixed(0.9642) + _fixed(1.0) + _fixed(0.8249)


def wide_profile() -> bytes:
    """An RGB profile with the primaries and gamma of Adobe RGB (1998)."""
    columns = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    tags = [(b"desc", _description(b"wide")), (b"cprt", b"text\0\0\0\0none\0"), (b"wtpt", _WHITE)]
    tags += [(name, b"XYZ \0\0\0\0" + b"".join(map(_fixed, xyz))) for name, xyz in columns.items()]
    tags += [(name, _curve(2.19921875)) for name in (b"rTRC", b"gTRC", b"bTRC")]
    return _profile(b"RGB ", b"mntr", tags)


def scanner_profile() -> bytes:
    """An RGB profile of tables that lead to Lab and not back, as those of calibrated scanners do.

    Its colours are those of `wide_profile` with a gamma of 1.8, on a grid of 9.
    """
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 9)] * 3, indexing="ij"), axis=-1) ** 1.8
    columns = np.array(
        [[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]]
    )
    xyz = grid.reshape(-1, 3) @ columns.T / (0.9642, 1.0, 0.8249)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    lightness, a, b = 116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])
    lab = np.stack([lightness / 100 * 65280, (a + 128) * 256, (b + 128) * 256], axis=-1)
    straight = np.array([0, 65535] * 3, ">u2").tobytes()
    unchanged = b"".join(map(_fixed, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table = b"mft2\0\0\0\0" + bytes((3, 3, 9, 0)) + unchanged + b"\0\2\0\2" + straight
    table += lab.round().clip(0, 65535).astype(">u2").tobytes() + straight
    tags = [(b"desc", _description(b"scan")), (b"cprt", b"text\0\0\0\0none\0"), (b"wtpt", _WHITE)]
    return _profile(b"RGB ", b"scnr", [*tags, (b"A2B0", table)], connection=b"Lab ")


def grey_profile(gamma: float = 1.8) -> bytes:
    tags = [(b"desc", _description(b"grey")), (b"cprt", b"text\0\0\0\0none\0"), (b"wtpt", _WHITE)]
    return _profile(b"GRAY", b"mntr", [*tags, (b"kTRC", _curve(gamma))])


Entry = tuple[int, int, int, bytes]  # tag, type, count, values


def directory(order: str, entries: Sequence[Entry], at: int, following: int = 0) -> bytes:
    """A TIFF directory at an offset, its long values behind it."""
    out, values = struct.pack(order + "H", len(entries)), b""
    values_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, data in sorted(entries):
        inline = data.ljust(4, b"\0")
        if len(data) > 4:
            inline = struct.pack(order + "I", values_at + len(values))
            values += data + b"\0" * (len(data) % 2)
        out += struct.pack(order + "HHI", tag, kind, count) + inline
    return out + struct.pack(order + "I", following) + values


def exif_block(
    order: str = "<",
    orientation: int = 6,
    thumbnail: bytes = THUMBNAIL,
    note: bytes = MAKER_NOTE,
) -> bytes:
    """EXIF with make, orientation, dimensions, a maker note, a private tag, GPS, a thumbnail."""

    def short(value: int) -> bytes:
        return struct.pack(order + "H", value)

    def long(value: int) -> bytes:
        return struct.pack(order + "I", value)

    def build(exif_at: int, gps_at: int, second_at: int, thumbnail_at: int) -> list[bytes]:
        first: list[Entry] = [
            (0x010F, 2, 12, b"Camera & Co\0"),
            (0x0112, 3, 1, short(orientation)),
            (0x4746, 3, 1, short(5)),
            (0x8298, 2, 8, b"(c) Ada\0"),
            (0x8769, 4, 1, long(exif_at)),
            (0x8825, 4, 1, long(gps_at)),
            (0xFDE8, 2, 8, b"private\0"),
        ]
        exif: list[Entry] = [
            (0x9003, 2, 20, b"1931:05:17 12:00:00\0"),
            (0x927C, 7, len(note), note),
            (0xA002, 3, 1, short(64)),
            (0xA003, 3, 1, short(48)),
        ]
        gps: list[Entry] = [
            (1, 2, 2, b"N\0"),
            (2, 5, 3, struct.pack(order + "6I", 48, 1, 8, 1, 5, 1)),
        ]
        second: list[Entry] = [
            (0x0103, 3, 1, short(6)),
            (0x0201, 4, 1, long(thumbnail_at)),
            (0x0202, 4, 1, long(len(thumbnail))),
        ]
        return [
            directory(order, first, 8, second_at),
            directory(order, exif, exif_at),
            directory(order, gps, gps_at),
            directory(order, second, second_at),
            thumbnail,
        ]

    places, at = [0, 0, 0, 0], 8
    for i, part in enumerate(build(*places)[:-1]):
        at += len(part)
        places[i] = at
    head = (b"II*\0" if order == "<" else b"MM\0*") + long(8)
    return head + b"".join(build(*places))


def tiff_bytes(entries: Sequence[Entry], strip: bytes, order: str = "<", pages: int = 1) -> bytes:
    """A TIFF of one uncompressed strip, from the fields that describe it (offsets are added)."""
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(strip))
    out += strip
    for page in range(pages):
        fields = [
            *entries,
            (273, 4, 1, struct.pack(order + "I", 8)),
            (279, 4, 1, struct.pack(order + "I", len(strip))),
        ]
        alone = directory(order, fields, len(out))
        following = len(out) + len(alone) if page + 1 < pages else 0
        out += directory(order, fields, len(out), following)
    return out


def tiff_of(
    pixels: NDArray[np.generic],
    photometric: int,
    *,
    extra: Sequence[Entry] = (),
    sample_format: int = 1,
    order: str = "<",
    pages: int = 1,
) -> bytes:
    """A TIFF of (H, W, C) samples of any type."""
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8

    def shorts(*values: int) -> bytes:
        return struct.pack(f"{order}{len(values)}H", *values)

    entries: list[Entry] = [
        (256, 4, 1, struct.pack(order + "I", width)),
        (257, 4, 1, struct.pack(order + "I", height)),
        (258, 3, channels, shorts(*[bits] * channels)),
        (259, 3, 1, shorts(1)),
        (262, 3, 1, shorts(photometric)),
        (277, 3, 1, shorts(channels)),
        (278, 4, 1, struct.pack(order + "I", height)),
        (339, 3, channels, shorts(*[sample_format] * channels)),
        *extra,
    ]
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    return tiff_bytes(entries, data + b"\0" * (len(data) % 2), order, pages)


def dng_bytes(height: int = 48, width: int = 64, orientation: int = 1) -> bytes:
    """A digital negative (DNG 1.4): RGGB mosaic of a red-to-grey ramp, 12 bits of light.

    The left half is neutral under the camera's white, the right half is red; it gets brighter from
    top to bottom.
    """
    y, x = np.mgrid[0:height, 0:width]
    light = 0.02 + 0.9 * y / height
    neutral = np.stack([light * 0.5, light, light * 0.7], -1)  # AsShotNeutral undoes this
    red = neutral * np.array([1.0, 0.2, 0.2])
    scene = np.where((x < width // 2)[..., None], neutral, red)
    channel = np.where(y % 2 == 0, np.where(x % 2 == 0, 0, 1), np.where(x % 2 == 0, 1, 2))
    mosaic = np.take_along_axis(scene, channel[..., None], -1)
    samples = (256 + mosaic * (4095 - 256)).astype(np.uint16)

    def ratios(*values: float) -> bytes:
        return b"".join(struct.pack("<ii", round(v * 10_000), 10_000) for v in values)

    # XYZ (D65) -> camera: the inverse of the sRGB primaries, so that camera colours are sRGB's.
    matrix = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
    entries: list[Entry] = [
        (271, 2, 12, b"Camera & Co\0"),
        (272, 2, 6, b"One A\0"),
        (274, 3, 1, struct.pack("<H", orientation)),
        (284, 3, 1, struct.pack("<H", 1)),
        (33421, 3, 2, struct.pack("<2H", 2, 2)),
        (33422, 1, 4, bytes((0, 1, 1, 2))),
        (50706, 1, 4, bytes((1, 4, 0, 0))),
        (50708, 2, 6, b"One A\0"),
        (50714, 4, 1, struct.pack("<I", 256)),
        (50717, 4, 1, struct.pack("<I", 4095)),
        (50721, 10, 9, ratios(*matrix)),
        (50728, 5, 3, ratios(0.5, 1.0, 0.7)),
        (50778, 3, 1, struct.pack("<H", 21)),
        (700, 1, len(XMP), XMP),
    ]
    return tiff_of(samples, 32803, extra=entries)
