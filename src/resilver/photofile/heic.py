"""HEIC through pillow-heif (libheif with libde265 and x265), both ways."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif

from resilver.errors import PhotoError, PhotoUnreadable, PhotoUnsupported
from resilver.photofile.boxes import is_monochrome
from resilver.photofile.colour_profile import (
    CLIPPED,
    ONE_WAY,
    ProfileError,
    leaves_srgb,
    profile_channels,
    profile_of_codes,
    sampling_step,
    to_srgb,
    try_profile,
)
from resilver.photofile.depth import widen
from resilver.photofile.item_properties import picture_properties
from resilver.photofile.metadata import Metadata, checked_metadata
from resilver.photofile.orientation import Turn
from resilver.photofile.reading import Scan, check_size
from resilver.photofile.vips_runtime import Samples, image_of, samples_of

_LOSSLESS = -1


def read_heic(path: Path, descriptor: int, max_megapixels: float) -> Scan:
    """Read one photo; see `reading.read_scan`. libheif turns it upright itself."""
    grey = is_monochrome(descriptor)  # pillow-heif opens grey with alpha as RGB with alpha
    turn = picture_properties(descriptor).turn
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        try:
            opened = pillow_heif.open_heif(file, convert_hdr_to_8bit=False)
            check_size(path, (opened.size[1], opened.size[0]), max_megapixels)
            mode, info = str(opened.mode), dict[str, Any](opened.info)
            pixels = _samples_of(opened)
        except (PhotoError, MemoryError):
            raise
        except Exception as error:  # pillow-heif meets damage with errors of many kinds
            raise PhotoUnreadable(path, "the HEIC data is truncated or damaged") from error
    depth = int(info.get("bit_depth", 8))
    if mode.partition(";")[0] not in ("L", "I", "LA", "RGB", "RGBA"):  # "I;16" is grey
        raise PhotoUnsupported(path, f"HEIC pixels of kind {mode} cannot be restored")
    if len(opened) > 1:
        pages: tuple[str, ...] = (f"only the main one of {len(opened)} pictures was opened",)
    else:
        pages = ()
    if grey and pixels.ndim == 3 and pixels.shape[-1] > 2:
        pixels = pixels[..., 2:]
    return _to_scan(pixels, depth, info, turn, pages)


def _samples_of(opened: Any) -> Samples:
    """(H, W) or (H, W, C), uint8 or uint16; decodes."""
    return np.asarray(opened)


def _to_scan(
    samples: Samples, depth: int, info: dict[str, Any], turn: Turn, notices: tuple[str, ...]
) -> Scan:
    metadata, damaged = checked_metadata(
        exif=info.get("exif") or None, xmp=info.get("xmp") or None, iptc=None, dpi=None
    )
    notes = [*notices, *damaged]
    if samples.ndim == 2:
        samples = samples[..., None]
    if samples.dtype == np.uint16 and depth < 16:
        # Bits are shifted up with zeros below; repeat the top bits there, so that white is white.
        shifted = samples.astype(np.uint16, copy=False)
        samples = shifted | (shifted >> np.uint16(depth))
    channels = 1 if samples.shape[-1] < 3 else 3
    alpha = np.ascontiguousarray(samples[..., channels]) if samples.shape[-1] > channels else None
    colour = samples[..., :channels]
    icc, kept = _profile_of(info, notes), None
    if icc is not None:
        if channels == 1 and profile_channels(icc) == 3:  # unlike TIFF, HEIC has grey in RGB spaces
            colour = np.repeat(colour, 3, axis=-1)
        try:
            profile = try_profile(icc, colour.shape[-1])
        except ProfileError:
            notes.append("the colour profile cannot be used and was left out; sRGB is assumed")
        else:
            kept = profile.icc if profile.leads_back else None
            if kept is None:
                notes.append(ONE_WAY)
            if not profile.is_srgb:
                step = sampling_step(colour.shape[:2])
                told = channels == 3 and kept is not None
                if told and leaves_srgb(colour[::step, ::step], profile.icc):
                    notes.append(CLIPPED)
                colour = samples_of(to_srgb(image_of(colour), profile.icc, bits=16))
                if alpha is not None:
                    alpha = widen(alpha)
    if channels == 1:
        # One of the three, if it was converted: rounding must not tint a grey photo.
        colour = np.repeat(colour[..., :1], 3, axis=-1)
    return Scan(
        pixels=np.ascontiguousarray(colour),
        alpha=alpha,
        grey=channels == 1,
        profile=kept,
        metadata=metadata.turned(turn, turn.stored_size(samples.shape[:2])),
        bit_depth=8 if samples.dtype == np.uint8 else 16,
        format="heic",
        notices=tuple(notes),
    )


def _profile_of(info: dict[str, Any], notes: list[str]) -> bytes | None:
    """The embedded profile, or the built-in one that the colour code points name."""
    icc = info.get("icc_profile")
    if icc:
        return bytes(icc)
    codes: dict[str, int] = info.get("nclx_profile") or {}
    named, heard = profile_of_codes(
        codes.get("color_primaries", 0), codes.get("transfer_characteristics", 0)
    )
    notes.extend(heard)
    return named


def encode_heic(samples: Samples, metadata: Metadata, icc: bytes | None, quality: int) -> bytes:
    """A HEIC file.

    Args:
        samples: (H, W, C), grey or RGB, each also with alpha, in the space of `icc`; 16 bits keep
            10 of them.
        metadata: as from `Metadata.for_result`.
        icc: the profile to embed, or None for sRGB.
        quality: 1-100; 100 is as near to lossless as HEVC in YCbCr gets.

    Raises:
        ValueError, RuntimeError, OSError: libheif refuses.
    """
    height, width, channels = samples.shape
    kind = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
    mode = kind + (";16" if samples.dtype == np.uint16 else "")
    picture = pillow_heif.from_bytes(mode, (width, height), samples.tobytes())
    out = io.BytesIO()
    picture.save(
        out,
        quality=_LOSSLESS if quality == 100 else quality,
        exif=None if metadata.exif is None else b"Exif\0\0" + metadata.exif,
        xmp=metadata.xmp,
        icc_profile=icc,
        chroma=444 if quality >= 90 else 420,
    )
    return out.getvalue()
