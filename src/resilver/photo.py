"""Photo: the pixels of one photograph and everything its file said about them.

    photo = Photo.open("attic/grandmother.tif")
    photo.save("attic/grandmother_restored.tif")

Reads JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF (still) and camera RAW; writes the first six.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from resilver.errors import ArrayError, OptionError
from resilver.photofile.copying import StoredPicture
from resilver.photofile.depth import widen
from resilver.photofile.encoding import Picture, preview_of
from resilver.photofile.formats import (
    FALLBACK_SUFFIX,
    FORMATS,
    READABLE_SUFFIXES,
    WRITABLE_FORMATS,
)
from resilver.photofile.metadata import Metadata
from resilver.photofile.reading import read_scan
from resilver.photofile.vips_runtime import Samples
from resilver.photofile.writing import write_picture

__all__ = [
    "DEFAULT_MAX_MEGAPIXELS",
    "READABLE_SUFFIXES",
    "WRITABLE_FORMATS",
    "Metadata",
    "Photo",
    "PhotoChanges",
]

DEFAULT_MAX_MEGAPIXELS = 500.0
_STRIP_ROWS = 256
_DTYPES = ("uint8", "uint16")
_NOTHING_SAID = Metadata()
_BESIDE_THE_PICTURE = {"metadata", "notices"}


class PhotoChanges(TypedDict, total=False):
    """What `Photo.evolve` takes: any of the photo's fields."""

    pixels: Samples
    alpha: Samples | None
    grey: bool
    profile: bytes | None
    metadata: Metadata
    bit_depth: int
    source: Path | None
    format: str
    notices: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Photo:
    """One photograph, held once.

    Pixels are sRGB and upright, whatever the file's colour space and orientation were. `save`
    brings them back into the space, the channels and the depth that the source had. The arrays are
    read-only: a change makes a new photo.
    """

    pixels: Samples = field(repr=False)  # (H, W, 3) sRGB
    alpha: Samples | None = field(
        default=None, repr=False
    )  # (H, W), straight, same dtype as pixels
    grey: bool = False  # the source had one colour channel; the result gets one
    profile: bytes | None = field(
        default=None, repr=False
    )  # ICC profile of the source, in which the result is saved
    metadata: Metadata = field(default=_NOTHING_SAID, repr=False)
    bit_depth: int = 8  # 8 or 16, of the source; the result gets as many where its format can
    source: Path | None = None  # never written to
    format: str = "array"  # "jpeg", "tiff", ... as opened
    notices: tuple[str, ...] = ()  # what a person should know about the opening
    stored: StoredPicture | None = field(
        default=None, repr=False
    )  # the file that holds these very pixels, where `save` may copy them
    lossless: bool = False  # a WebP that was compressed without loss; so is its result

    def __post_init__(self) -> None:
        pixels, alpha = self.pixels, self.alpha
        if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
            raise ValueError(f"pixels are (H, W, 3), not {pixels.shape}")
        if str(pixels.dtype) not in _DTYPES:
            raise ValueError(f"pixels are uint8 or uint16, not {pixels.dtype}")
        if self.bit_depth not in (8, 16):
            raise ValueError(f"the bit depth is 8 or 16, not {self.bit_depth}")
        if alpha is not None and (alpha.shape != pixels.shape[:2] or alpha.dtype != pixels.dtype):
            raise ValueError(f"alpha is {pixels.shape[:2]} {pixels.dtype} like the pixels")
        object.__setattr__(self, "pixels", _read_only(pixels))
        object.__setattr__(self, "alpha", None if alpha is None else _read_only(alpha))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)"""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def colourless(self) -> bool:
        """Whether no pixel has a colour; the file may have three channels all the same."""
        red, green, blue = np.moveaxis(self.pixels, -1, 0)
        return self.grey or (np.array_equal(red, green) and np.array_equal(green, blue))

    @property
    def megapixels(self) -> float:
        return self.size[0] * self.size[1] / 1e6

    @property
    def suffix(self) -> str:
        """The suffix a result is saved under by default: the source's own, else of its format.

        Camera RAW becomes ".tif" (16 bits), a GIF or an array ".png".
        """
        own = "" if self.source is None else self.source.suffix.lower()
        if WRITABLE_FORMATS.get(own) == self.format:
            return own
        if self.format in FORMATS:
            return FORMATS[self.format].suffixes[0]
        return FALLBACK_SUFFIX.get(self.format, ".png")

    def evolve(self, **changes: Unpack[PhotoChanges]) -> Photo:
        """A photo with some fields changed; unknown names raise TypeError.

        Where pixels of 8 bits become ones of 16, transparency follows.
        """
        stored = self.stored if changes.keys() <= _BESIDE_THE_PICTURE else None
        deep = "pixels" in changes and changes["pixels"].dtype == np.uint16
        kept = None if "alpha" in changes else self.alpha
        if deep and kept is not None and kept.dtype == np.uint8:
            changes["alpha"] = widen(kept)
        return replace(self, **changes, stored=stored)

    @classmethod
    def open(cls, path: Path | str, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> Photo:
        """Open a photo file.

        The format is recognised by content. Colours are converted to sRGB (relative colorimetric,
        black point compensation), without a profile they are taken as sRGB; colours outside sRGB
        are clipped to its edge, with a notice. Orientation is applied. Of a file with several pages
        the first is opened, with a notice. So is a file with damage that its decoder notices and
        passes over; much damage is noticed by none.

        Args:
            path: a JPEG, PNG, TIFF, WebP, AVIF, HEIC, still GIF or camera RAW file.
            max_megapixels: refuse anything larger, judged by the header.

        Raises:
            PhotoMissing, PhotoDenied, PhotoUnreadable, PhotoUnsupported, PhotoTooLarge
        """
        path = Path(path)
        scan = read_scan(path, max_megapixels)
        return cls(
            pixels=scan.pixels,
            alpha=scan.alpha,
            grey=scan.grey,
            profile=scan.profile,
            metadata=scan.metadata,
            bit_depth=scan.bit_depth,
            source=path,
            format=scan.format,
            notices=scan.notices,
            stored=scan.stored,
            lossless=scan.lossless,
        )

    @classmethod
    def from_array(cls, array: NDArray[Any]) -> Photo:
        """A photo from sRGB values.

        Args:
            array: (H, W) or (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGB with straight alpha;
                uint8, uint16, or floating-point in [0, 1] (kept as 16 bits). A (H, W, 3) array of
                uint8 or uint16 is not copied: leave it alone afterwards.

        Raises:
            ArrayError: no array, another shape or type, or floating-point values outside [0, 1].
        """
        given = cast("object", array)
        if not isinstance(given, np.ndarray):
            raise ArrayError(
                f"a photo is the path of a file or an array, not {type(given).__name__}; "
                "numpy.asarray(image) makes an array of a Pillow image"
            )
        array = np.asarray(array)  # a matrix would not give up its second axis
        if array.ndim not in (2, 3) or 0 in array.shape:
            raise ArrayError(f"a photo is (H, W) or (H, W, C), not {array.shape}")
        planes = array[..., None] if array.ndim == 2 else array
        channels = planes.shape[2]
        if channels not in (1, 3, 4):
            raise ArrayError(f"a photo has 1, 3 or 4 channels, not {channels}")
        samples = _to_samples(planes)
        pixels = np.repeat(samples, 3, axis=2) if channels == 1 else samples[..., :3]
        return cls(
            pixels=np.ascontiguousarray(pixels),
            alpha=np.ascontiguousarray(samples[..., 3]) if channels == 4 else None,
            grey=channels == 1,
            bit_depth=8 if samples.dtype == np.uint8 else 16,
        )

    def save(
        self,
        path: Path | str,
        *,
        overwrite: bool = False,
        quality: int | None = None,
        software: str | None = None,
        digital_source_type: str | None = None,
    ) -> None:
        """Save as the format of the path's suffix; the file appears whole or not at all.

        The result has the source's profile, channels and bit depth where the format can: JPEG and
        WebP hold 8 bits, AVIF 12, HEIC 10; JPEG holds no alpha (the photo is laid on white); PNG,
        WebP, AVIF and HEIC hold no CMYK, WebP and AVIF no single channel (then sRGB, grey as three
        equal channels). EXIF, XMP and resolution go into every format, IPTC into JPEG, PNG and
        TIFF; of EXIF, a TIFF takes the standard descriptive tags. Texts of a PNG go into PNG,
        comments of a JPEG into JPEG. Orientation, dimensions and thumbnail are corrected. What does
        not fit into the 64 KiB of a JPEG's segment is shortened: EXIF to its fields of at most 1
        KiB, XMP to the software and the digital source type; IPTC is left out.

        A JPEG or WebP that stood upright and was not changed is not encoded again: the new file has
        the very picture of the source.

        Args:
            path: where to; .jpg .png .tif .webp .avif .heic.
            overwrite: replace an existing file. The source itself is refused all the same.
            quality: 1-100 for JPEG, WebP (both 95 if None), AVIF, HEIC (both 90); 100 is lossless
                in WebP and AVIF. Where it is given, every picture is encoded. PNG and TIFF are
                always lossless, and so is, if None, a WebP made of a lossless one.
            software: goes into EXIF Software and xmp:CreatorTool.
            digital_source_type: URI of IPTC's digital source type NewsCodes, goes into XMP.

        Raises:
            PhotoNotWritten, PhotoDenied
            OptionError: a quality that is none of 1-100, or what is no path or no text.
        """
        _check_saving(path, quality, software, digital_source_type)
        picture = Picture(
            pixels=self.pixels,
            alpha=self.alpha,
            grey=self.grey,
            profile=self.profile,
            bit_depth=self.bit_depth,
            metadata=self.metadata.for_result(self.size, software, digital_source_type),
            stored=self.stored,
            lossless=self.lossless,
        )
        write_picture(picture, Path(path), source=self.source, overwrite=overwrite, quality=quality)

    def tile_float(self, rows: slice, cols: slice) -> NDArray[np.float32]:
        """A tile as float32 (h, w, 3) in [0, 1]; the array is the caller's own."""
        return self.pixels[rows, cols] * np.float32(1.0 / np.iinfo(self.pixels.dtype).max)

    def as_mask(self) -> NDArray[np.uint8]:
        """Read as a mask painted by hand: (H, W) uint8, white = damaged.

        The brightest channel counts, so that a mark in any colour on black is seen; what is
        transparent is not marked. Whatever is not black stays so in 8 bits, so that `Options` can
        tell a mask in which 1 was to mean damaged from an empty one.
        """
        planes = self.pixels.max(axis=2)
        if self.alpha is not None:
            planes = np.minimum(planes, self.alpha)
        if planes.dtype == np.uint8:
            return planes
        return np.maximum(planes >> 8, planes > 0).astype(np.uint8)

    def preview(self, longest_px: int) -> NDArray[np.uint8]:
        """A small copy, uint8 (h, w, 3) sRGB, its longer side at most `longest_px`.

        Made strip by strip, without a second copy of the whole. A photo that is small already
        keeps its size.
        """
        return preview_of(self.pixels, longest_px)


def _check_saving(path: object, quality: object, *texts: object) -> None:
    if not isinstance(path, str | Path):
        raise OptionError(f"a photo is saved under a path, not {type(path).__name__}")
    if quality is not None:
        whole = isinstance(quality, int | np.integer) and not isinstance(quality, bool)
        if not whole or quality not in range(1, 101):
            raise OptionError(f"quality is 1-100, not {quality!r}")
    for text in texts:
        if text is not None and not isinstance(text, str):
            raise OptionError(f"software and digital source type are texts, not {text!r}")


def _read_only(array: Samples) -> Samples:
    view = array.view()
    view.flags.writeable = False
    return view


def _to_samples(planes: NDArray[Any]) -> Samples:
    """uint8 and uint16 as they are, floating-point as uint16, strip by strip."""
    if planes.dtype.newbyteorder("=").name in _DTYPES:
        return planes.astype(planes.dtype.newbyteorder("="), copy=False)
    if not np.issubdtype(planes.dtype, np.floating):
        raise ArrayError(f"a photo is uint8, uint16 or floating-point, not {planes.dtype}")
    samples = np.empty(planes.shape, np.uint16)
    for top in range(0, planes.shape[0], _STRIP_ROWS):
        strip = planes[top : top + _STRIP_ROWS]
        if not (strip.min() >= 0.0 and strip.max() <= 1.0):  # not a number fails as well
            raise ArrayError("floating-point photos lie in [0, 1]")
        samples[top : top + _STRIP_ROWS] = np.rint(strip.astype(np.float64) * 65535.0)
    return samples
