"""Pixels, profile and metadata -> the bytes of one file, written to a descriptor."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from resilver.photofile.boxes import BoxError, avif_with_exif
from resilver.photofile.colour_profile import from_srgb, profile_channels, try_profile, with_profile
from resilver.photofile.containers import jpeg_splice, png_splice, webp_with
from resilver.photofile.copying import StoredPicture
from resilver.photofile.formats import WritableFormat
from resilver.photofile.metadata import Metadata
from resilver.photofile.streaming import Streaming
from resilver.photofile.tiff_tags import add_tiff_tags, write_all
from resilver.photofile.vips_runtime import (
    Samples,
    blob_field,
    image_of,
    samples_of,
    tagged,
    with_blob,
)

DEFAULT_QUALITY = {"jpeg": 95, "webp": 95, "avif": 90, "heic": 90}
_KEEP_NOTHING, _KEEP_EXIF, _KEEP_XMP, _KEEP_ICC = 0, 1, 2, 8  # VipsForeignKeep
# Optimal Huffman tables save a few per cent, but libjpeg then holds 12 bytes a pixel at once.
_OPTIMISED_PIXELS = 16_000_000
_BIG_TIFF_BYTES = 3_900_000_000  # offsets of a plain TIFF are 32 bits


@dataclass(frozen=True, eq=False)
class Picture:
    """What is to be written."""

    pixels: Samples  # (H, W, 3) sRGB
    alpha: Samples | None  # (H, W), same dtype
    grey: bool
    profile: bytes | None
    bit_depth: int
    metadata: Metadata  # as from Metadata.for_result
    stored: StoredPicture | None = None  # a file that holds these very pixels
    lossless: bool = False  # from a WebP without loss

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[0], self.pixels.shape[1]


def encode(
    picture: Picture,
    form: WritableFormat,
    descriptor: int,
    quality: int | None,
    stop: threading.Event,
) -> None:
    """Write a picture as a file of one format.

    Args:
        descriptor: an empty file, open for reading and writing.
        quality: 1-100 for JPEG, WebP, AVIF and HEIC (100 is lossless in WebP and AVIF); None = 95
            for JPEG and WebP (100 if it was a lossless WebP), 90 for AVIF and HEIC, and what is
            stored in that format already is copied. PNG and TIFF are always lossless.
        stop: set from another thread to end early (JPEG, PNG, TIFF); the file is then worthless.

    Raises:
        OSError: the file cannot be written.
        pyvips.Error, ValueError, RuntimeError: the encoder refuses.
    """
    if picture.stored is not None and picture.stored.format == form.name and quality is None:
        copied = picture.stored.with_metadata(picture.metadata, picture.size)
        if copied is not None:
            write_all(descriptor, copied)
            return
    image = to_file_colours(picture, form)
    level = DEFAULT_QUALITY.get(form.name, 100) if quality is None else quality
    if quality is None and picture.lossless and form.name == "webp":
        level = 100
    keep = _KEEP_ICC if image.get_typeof("icc-profile-data") else _KEEP_NOTHING
    match form.name:
        case "jpeg":
            with Streaming(descriptor, jpeg_splice(picture.metadata), stop) as target:
                tidy = image.width * image.height <= _OPTIMISED_PIXELS
                image.jpegsave_target(target, Q=level, optimize_coding=tidy, keep=keep)
        case "png":
            with Streaming(descriptor, png_splice(picture.metadata), stop) as target:
                image.pngsave_target(target, keep=keep)
        case "tiff":
            with Streaming(descriptor, None, stop) as target:
                image.tiffsave_target(
                    target,
                    compression="lzw",
                    predictor="horizontal",
                    bigtiff=picture.pixels.nbytes * 4 // 3 > _BIG_TIFF_BYTES,
                    keep=keep,
                )
            add_tiff_tags(descriptor, picture.metadata)
        case "webp":
            file = image.webpsave_buffer(Q=level, lossless=level == 100, exact=True, keep=keep)
            write_all(descriptor, webp_with(picture.metadata, file, picture.size))
        case "avif":
            write_all(descriptor, _encode_avif(image, picture, level))
        case _:
            from resilver.photofile.heic import encode_heic  # noqa: PLC0415 (slow import, rare)

            icc = blob_field(image, "icc-profile-data")
            write_all(descriptor, encode_heic(samples_of(image), picture.metadata, icc, level))


def to_file_colours(picture: Picture, form: WritableFormat) -> pyvips.Image:
    """The picture in the colour space, channels and depth that the file will have."""
    bits = min(picture.bit_depth, form.bits)
    image = image_of(picture.pixels)
    alpha = None if picture.alpha is None else image_of(picture.alpha[..., None])
    if alpha is not None and not form.alpha:
        image = image.bandjoin(alpha).flatten(background=[_full(image)] * 3)
        alpha = None
    icc = _usable_profile(picture, form)
    if picture.grey:  # a stage may have tinted it
        neutral = image.bandmean()
        image = neutral.bandjoin([neutral, neutral])
    if icc is not None and not try_profile(icc, profile_channels(icc)).is_srgb:
        image = from_srgb(tagged(image), icc, bits=bits)
    else:
        image = _at_depth(image, bits)
    if picture.grey and form.one_channel and image.bands == 3:
        image = image.bandmean()
    cmyk = image.bands == 4
    if alpha is not None:
        image = image.bandjoin(_at_depth(alpha, bits))
    return with_profile(tagged(image, cmyk=cmyk), icc)


def _usable_profile(picture: Picture, form: WritableFormat) -> bytes | None:
    """The source's profile, unless picture or format cannot be in its space: then sRGB, untagged.

    A grey photo that was coloured has outgrown its grey profile, and a format that holds three
    channels only has no use for one; PNG and WebP know no CMYK.
    """
    if picture.profile is None:
        return None
    channels = profile_channels(picture.profile)
    if channels == 1:
        return picture.profile if picture.grey and form.one_channel else None
    if channels == 4:
        return picture.profile if form.cmyk and not picture.grey else None
    # An RGB profile on a one-channel file is refused by most readers.
    return None if picture.grey and form.one_channel else picture.profile


def preview_of(pixels: Samples, longest_px: int) -> NDArray[np.uint8]:
    """A small 8-bit copy of (H, W, 3) pixels, its longer side at most `longest_px`."""
    image = image_of(pixels)
    scale = longest_px / max(image.width, image.height)
    if scale < 1:
        image = image.resize(scale)
    return cast("NDArray[np.uint8]", samples_of(_at_depth(image, 8)))


def _encode_avif(image: pyvips.Image, picture: Picture, level: int) -> bytes:
    metadata = picture.metadata
    marked = None if metadata.exif is None else b"Exif\0\0" + metadata.exif
    keep = _KEEP_ICC | (_KEEP_EXIF if marked else 0) | (_KEEP_XMP if metadata.xmp else 0)
    image = with_blob(with_blob(image, "exif-data", marked), "xmp-data", metadata.xmp)
    file: bytes = image.heifsave_buffer(
        compression="av1",
        Q=level,
        lossless=level == 100,
        bitdepth=8 if image.format == "uchar" else 12,
        keep=keep,
    )
    if metadata.exif is None:
        return file
    try:
        return avif_with_exif(file, metadata.exif)
    except BoxError:
        return file  # EXIF as libexif wrote it: every standard tag, no private ones


def _full(image: pyvips.Image) -> int:
    return 255 if image.format == "uchar" else 65535


def _at_depth(image: pyvips.Image, bits: int) -> pyvips.Image:
    """Samples at 8 or 16 bits, rounded; those at that depth already stay as they are."""
    if bits == 8 and image.format == "ushort":
        return (image / 257).rint().cast("uchar")
    if bits == 16 and image.format == "uchar":
        return (image * 257).cast("ushort")
    return image
