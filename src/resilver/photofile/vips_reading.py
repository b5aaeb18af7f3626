"""JPEG, PNG, TIFF, WebP, AVIF and GIF through libvips."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyvips

from resilver.errors import PhotoError, PhotoUnreadable, PhotoUnsupported
from resilver.photofile.bands import Bands, one_band, split_bands, unsupported_depth
from resilver.photofile.boxes import is_monochrome
from resilver.photofile.colour_profile import (
    CLIPPED,
    ONE_WAY,
    ProfileError,
    builtin_profile,
    leaves_srgb,
    profile_channels,
    profile_of_codes,
    sampling_step,
    to_srgb,
    try_profile,
)
from resilver.photofile.copying import COPIED_FORMATS, StoredPicture
from resilver.photofile.damage import DAMAGED, tells_damage, warns_of_damage
from resilver.photofile.formats import animated
from resilver.photofile.headers import (
    ignored_gamma,
    is_animated_png,
    is_lossless_webp,
    jpeg_iptc,
    jpeg_pictures,
    notes_of,
    png_colour_codes,
    raw_profiles,
    stated_dpi,
)
from resilver.photofile.item_properties import PictureProperties, picture_properties
from resilver.photofile.metadata import COMPANIONS, Metadata, checked_metadata
from resilver.photofile.orientation import Turn
from resilver.photofile.png_profiles import RawProfiles
from resilver.photofile.reading import Scan, check_size
from resilver.photofile.tiff_tags import TiffTags, read_tiff_tags
from resilver.photofile.vips_runtime import (
    CUT_SHORT,
    VIPS_ERRORS,
    Samples,
    blob_field,
    cannot_decode,
    number_field,
    samples_of,
    unreadable,
)

_LOADERS = {
    "jpeg": pyvips.Image.jpegload_source,
    "png": pyvips.Image.pngload_source,
    "tiff": pyvips.Image.tiffload_source,
    "webp": pyvips.Image.webpload_source,
    "avif": pyvips.Image.heifload_source,
    "gif": pyvips.Image.gifload_source,
}
_STRIP_ROWS = 256


def read_with_vips(path: Path, descriptor: int, name: str, max_megapixels: float) -> Scan:
    """Read one photo; see `reading.read_scan`."""
    tags = read_tiff_tags(descriptor) if name == "tiff" else None
    if name == "png" and is_animated_png(descriptor):
        raise animated(path)
    if tags is not None:
        if tags.size is not None:
            check_size(path, tags.size, max_megapixels)
        if tags.strange_depth is not None:
            raise unsupported_depth(path, tags.strange_depth)
        if tags.strange_colour is not None:
            raise _unsupported_colour(path, tags.strange_colour)
        if tags.cut_short:
            raise PhotoUnreadable(path, CUT_SHORT.format("TIFF"))
    dpi = stated_dpi(descriptor, name)
    written = notes_of(descriptor, name)
    beside = raw_profiles(descriptor) if name == "png" else RawProfiles()
    if name == "jpeg":
        beside = RawProfiles(iptc=jpeg_iptc(descriptor))
    pictures = jpeg_pictures(descriptor) if name == "jpeg" else 1
    gamma = ignored_gamma(descriptor) if name == "png" else None
    heard = (
        () if gamma is None else (f"the file's gamma of {gamma:.3g} was ignored: sRGB is assumed",)
    )
    if beside.damaged:
        heard += ("a text of the PNG that holds EXIF, XMP or IPTC is damaged and was left out",)
    stored = StoredPicture.of(path, descriptor, name) if name in COPIED_FORMATS else None
    lossless = name == "webp" and is_lossless_webp(descriptor)
    one_channel = name == "avif" and is_monochrome(descriptor)
    if name == "avif":
        said = picture_properties(descriptor)
    else:
        codes = png_colour_codes(descriptor) if name == "png" else None
        said = PictureProperties(codes=codes)

    def read(fail_on: str) -> Scan:
        def load() -> pyvips.Image:
            os.lseek(descriptor, 0, os.SEEK_SET)
            source = pyvips.Source.new_from_descriptor(descriptor)
            loader = _LOADERS[name]
            if tags is not None:
                loader = partial(loader, page=tags.page)
            image = loader(source, access="sequential", fail_on=fail_on)
            return one_band(image) if one_channel else image

        image = load()
        pages = number_field(image, "n-pages", 1)
        check_size(path, (image.height, image.width), max_megapixels)
        if pages > 1 and name in ("webp", "gif"):
            raise animated(path)
        metadata, notices = _metadata_of(image, tags, dpi, beside)
        if pictures > 1 and COMPANIONS not in notices:
            notices += (f"only the first of {pictures} pictures in the file was opened",)
        described = _Described(
            replace(metadata, notes=written), notices + heard, tags, stored, said
        )
        scan = _decode(path, image, name, described, pages, load)
        return replace(scan, grey=scan.grey or one_channel, lossless=lossless)

    damage: tuple[str, ...] = ()
    if warns_of_damage(name, tags):
        try:
            return read("warning")
        except VIPS_ERRORS as error:  # only such a file is decoded once more
            if cannot_decode(error):  # of a TIFF in tiles it would come as black
                raise unreadable(path, error, name) from error
            damage = (DAMAGED,) if tells_damage(error, tags) else ()
    try:
        scan = read("error")
    except VIPS_ERRORS as error:
        raise unreadable(path, error, name) from error
    if damage and not scan.pixels.any():  # so does one whose tiles are all damaged
        raise PhotoUnreadable(path, f"the {name.upper()} data is damaged beyond decoding")
    scan = replace(scan, notices=(*scan.notices, *damage))
    return replace(scan, stored=None) if damage else scan


def stored_size(descriptor: int, name: str) -> tuple[int, int]:
    """(height, width) as the header of a photo file says.

    Raises:
        pyvips.Error: it cannot be read.
    """
    if name == "tiff":
        size = read_tiff_tags(descriptor).size
        if size is not None:
            return size
    os.lseek(descriptor, 0, os.SEEK_SET)
    image = _LOADERS[name](pyvips.Source.new_from_descriptor(descriptor), access="sequential")
    return image.height, image.width


def _decode(
    path: Path,
    image: pyvips.Image,
    name: str,
    described: _Described,
    pages: int,
    load: Callable[[], pyvips.Image],
) -> Scan:
    notes = list(described.notices)
    if pages > 1 and name == "tiff":
        page = 0 if described.tags is None else described.tags.page
        which = f"number {page + 1} (those before it are previews)" if page else "the first"
        notes.append(f"multi-page TIFF: only {which} of {pages} pages was opened")
    bands = split_bands(path, image, described.tags, notes)
    icc = blob_field(image, "icc-profile-data")
    if described.said.codes is not None and (icc is None or name == "png"):  # PNG 3, 4.3
        icc, heard = profile_of_codes(*described.said.codes)
        notes += heard
    working = _to_working(bands, icc, notes)
    left_out = icc is not None and working.profile is None  # a copy of the file would still have it
    size = (image.height, image.width)
    # libvips turns AVIF itself, as its standard asks; what EXIF says there is only a copy.
    done = described.said.turn
    turn = Turn.of(1 if name == "avif" else _orientation(image, name, described.metadata))
    pixels, alpha = _to_arrays(working.colour, working.alpha)
    if bands.channels == 3 and working.converted_by is not None:
        # Decoded anew, since the colours as they were are not held.
        look = _sampled(split_bands(path, load(), described.tags, []).colour)
        if leaves_srgb(look, working.converted_by):
            notes.append(CLIPPED)
    return Scan(
        pixels=turn.pixels(pixels),
        alpha=None if alpha is None else turn.pixels(alpha),
        grey=bands.channels == 1,
        profile=working.profile,
        metadata=described.metadata.turned(turn, size).turned(done, done.stored_size(size)),
        bit_depth=bands.bit_depth,
        format=name,
        notices=tuple(notes),
        # Inks would be copied as well, but the notices say that they pass through sRGB.
        stored=None if turn or bands.channels == 4 or left_out else described.stored,
    )


def _orientation(image: pyvips.Image, name: str, metadata: Metadata) -> int:
    stated = number_field(image, "orientation", 0)
    return stated if stated or name == "tiff" else metadata.orientation


@dataclass(frozen=True)
class _Described:
    """What a file says of its pixels."""

    metadata: Metadata
    notices: tuple[str, ...]
    tags: TiffTags | None  # of a TIFF
    stored: StoredPicture | None  # where it could be copied from, if it stands upright
    said: PictureProperties  # of an AVIF, and of a PNG the code points of its colours


@dataclass(frozen=True, eq=False)
class _Working:
    colour: pyvips.Image  # 3 bands, sRGB
    alpha: pyvips.Image | None  # same format
    profile: bytes | None  # to save in
    converted_by: bytes | None = None  # the same, if it is not sRGB's and these were its colours


def _unsupported_colour(path: Path, words: str) -> PhotoError:
    return PhotoUnsupported(
        path, f"{words} colours cannot be restored; save it as RGB or with 16-bit CIELab first"
    )


def _to_working(bands: Bands, icc: bytes | None, notes: list[str]) -> _Working:
    """sRGB with three bands, and the profile to save in.

    Pixels that need no conversion keep their depth and their values. Converted ones are held in 16
    bits, also those of 8-bit files, so that the way back loses nothing.
    """
    profile = None
    if icc is not None:
        try:
            profile = try_profile(icc, bands.channels)
        except ProfileError:
            kind = {0: "damaged", 1: "for grey", 3: "for RGB", 4: "for CMYK"}[profile_channels(icc)]
            why = kind if profile_channels(icc) != bands.channels else "damaged"
            notes.append(f"the colour profile is {why} and was left out; sRGB is assumed")
    if bands.channels == 4 and profile is None:
        notes.append(
            "CMYK without a colour profile: its colours are those of usual inks, a guess; "
            "the result is saved as sRGB"
        )
        colour = to_srgb(bands.colour, builtin_profile("cmyk"), bits=16)
        return _Working(colour, _widened(bands.alpha), None)
    kept = None if profile is None or not profile.leads_back else profile.icc
    if profile is not None and kept is None:
        notes.append(ONE_WAY)
    if profile is None or profile.is_srgb:
        colour = bands.colour
        if bands.channels == 1:
            colour = colour.bandjoin([colour, colour])
        return _Working(colour, bands.alpha, kept)
    colour = to_srgb(bands.colour, profile.icc, bits=16)
    if bands.channels == 1:
        grey = colour.extract_band(1)  # rounding must not tint a grey photo
        colour = grey.bandjoin([grey, grey])
    if bands.channels == 4 and kept is not None:
        notes.append("CMYK: the colours pass through sRGB and come back as a new mixture of inks")
    return _Working(colour, _widened(bands.alpha), kept, kept)


def _widened(alpha: pyvips.Image | None) -> pyvips.Image | None:
    if alpha is None or alpha.format == "ushort":
        return alpha
    return (alpha * 257).cast("ushort")


def _to_arrays(colour: pyvips.Image, alpha: pyvips.Image | None) -> tuple[Samples, Samples | None]:
    """Decode once: (H, W, 3) and (H, W), with no second copy of the photo at any time."""
    dtype = np.dtype(np.uint8 if colour.format == "uchar" else np.uint16)
    height, width = colour.height, colour.width
    if alpha is None:
        return samples_of(colour), None
    pixels: Samples = np.empty((height, width, 3), dtype)
    plane: Samples = np.empty((height, width), dtype)
    region = pyvips.Region.new(colour.bandjoin(alpha))
    for top in range(0, height, _STRIP_ROWS):
        rows = min(_STRIP_ROWS, height - top)
        strip = np.frombuffer(region.fetch(0, top, width, rows), dtype).reshape(rows, width, 4)
        pixels[top : top + rows] = strip[..., :3]
        plane[top : top + rows] = strip[..., 3]
    return pixels, plane


def _sampled(colour: pyvips.Image) -> Samples:
    """Some of the pixels, (h, w, C), on a grid.

    Row by row from the top, as a sequential image has to be read; libvips's own subsampling skips
    from thread to thread.
    """
    dtype = np.dtype(np.uint8 if colour.format == "uchar" else np.uint16)
    step = sampling_step((colour.height, colour.width))
    region = pyvips.Region.new(colour)
    rows = [
        np.frombuffer(region.fetch(0, top, colour.width, 1), dtype).reshape(-1, colour.bands)
        for top in range(0, colour.height, step)
    ]
    return np.stack([row[::step] for row in rows])


def _metadata_of(
    image: pyvips.Image,
    tags: TiffTags | None,
    dpi: tuple[float, float] | None,
    beside: RawProfiles,
) -> tuple[Metadata, tuple[str, ...]]:
    if tags is not None:
        return checked_metadata(exif=tags.exif, xmp=tags.xmp, iptc=tags.iptc, dpi=tags.dpi)
    return checked_metadata(
        exif=blob_field(image, "exif-data") or beside.exif,
        xmp=blob_field(image, "xmp-data") or beside.xmp,
        iptc=beside.iptc or blob_field(image, "iptc-data"),
        dpi=dpi,
    )
