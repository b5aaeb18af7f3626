"""The channels of an image as libvips opens it: colour, alpha, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyvips

from resilver.errors import PhotoError, PhotoUnsupported
from resilver.photofile.colour_profile import profile_channels
from resilver.photofile.tiff_tags import TiffTags
from resilver.photofile.vips_runtime import blob_field, number_field, tagged

_DEPTH_WORDS = {
    "char": "signed 8-bit",
    "short": "signed 16-bit",
    "int": "signed 32-bit",
    "uint": "32-bit",
    "float": "32-bit floating-point",
    "double": "64-bit floating-point",
    "complex": "complex",
    "dpcomplex": "complex",
}


@dataclass(frozen=True, eq=False)
class Bands:
    """One image, taken apart."""

    colour: pyvips.Image  # 1, 3 or 4 bands, uchar or ushort
    alpha: pyvips.Image | None
    bit_depth: int  # 8 or 16

    @property
    def channels(self) -> int:
        return self.colour.bands


def split_bands(path: Path, image: pyvips.Image, tags: TiffTags | None, notes: list[str]) -> Bands:
    """Colour and alpha apart; depths and channel counts that mean nothing here are refused.

    Args:
        tags: of a TIFF, which says what its further channels are; in every other format the first
            of them is alpha.
        notes: gets what a person should know.
    """
    if image.interpretation in ("lab", "labs"):
        notes.append("Lab colour: the result is saved as sRGB")
        image = _lab_as_srgb(image)
    if image.format not in ("uchar", "ushort"):
        words = _DEPTH_WORDS.get(str(image.format), str(image.format))
        raise unsupported_depth(path, words)
    bit_depth = 8 if image.format == "uchar" else 16
    significant = number_field(image, "bits-per-sample", bit_depth)
    if bit_depth == 16 and significant in (10, 12):
        # libvips shifts 10 and 12 bits up and leaves zeros below: white would not be white.
        image = image | (image >> significant)
    if image.interpretation == "cmyk":
        channels = 4
    elif image.interpretation in ("b-w", "grey16") or image.bands < 3:
        channels = 1
    else:
        channels = 3
    if image.bands < channels:
        raise PhotoUnsupported(path, f"{image.bands} channels are not a photo")
    extra = image.bands - channels
    if tags is not None and tags.samples == channels:
        extra = 0  # what libtiff turns into RGB itself, it gives an alpha
    alpha_at = 0 if tags is None else tags.alpha_at
    alpha = None
    if alpha_at is not None and alpha_at < extra:
        alpha = image.extract_band(channels + alpha_at)
        extra -= 1
    if extra > 0:
        notes.append(f"{extra} extra channel{'s were' if extra > 1 else ' was'} left out")
    colour = image if image.bands == channels else image.extract_band(0, n=channels)
    return Bands(tagged(colour, cmyk=channels == 4), alpha, bit_depth)


def _lab_as_srgb(image: pyvips.Image) -> pyvips.Image:
    """CIELab of a TIFF as sRGB of 16 bits, with what further bands it has."""
    # Its white is D50, as in profiles (TIFF technical note 4); libvips's own way takes it for D65.
    colour = image.extract_band(0, n=3).colourspace("lab")
    colour = colour.icc_export(
        output_profile="srgb", intent="relative", black_point_compensation=True, depth=16
    )
    if image.bands == 3:
        return colour
    rest = image.extract_band(3, n=image.bands - 3)
    # a* and b* are signed, and so libvips takes the whole picture for signed.
    return colour.bandjoin(rest.copy(format="ushort") if rest.format == "short" else rest)


def unsupported_depth(path: Path, words: str) -> PhotoError:
    return PhotoUnsupported(
        path, f"{words} samples cannot be restored; save it with 8 or 16 bits per channel first"
    )


def one_band(image: pyvips.Image) -> pyvips.Image:
    """A grey AVIF as one band, which libvips opens as three; as it is if its profile is for RGB."""
    icc = blob_field(image, "icc-profile-data")
    if image.bands < 3 or (icc is not None and profile_channels(icc) == 3):
        return image
    grey = image.extract_band(0)
    return tagged(grey if image.bands < 4 else grey.bandjoin(image.extract_band(3)))
