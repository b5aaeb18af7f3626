"""ICC profiles: to sRGB for work, back to the source's profile for saving.

Relative colorimetric with black point compensation both ways: what lies inside both gamuts comes
back as it was, and black stays black. Colours outside sRGB (a wide-gamut source) are clipped to its
edge. Reference: ICC.1:2022; IEC 61966-2-1 (sRGB).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyvips
from numpy.typing import NDArray

from resilver.photofile.depth import ONE_LEVEL, widen
from resilver.photofile.vips_runtime import (
    VIPS_ERRORS,
    Samples,
    image_of,
    samples_of,
    tagged,
    with_blob,
)

# Code points of ITU-T H.273.
_DISPLAY_P3, _BT_2020 = 12, 9  # primaries
_HDR_TRANSFERS = (16, 18)  # PQ, HLG

_CHANNELS = {b"GRAY": 1, b"RGB ": 3, b"CMYK": 4}
_INTENT = "relative"
# One of 255 levels. Every "sRGB" profile in circulation stays under it, no other RGB space does.
_SAME_COLOUR_LEVELS_16 = ONE_LEVEL
# What inside both gamuts gets lost there and back stays under it.
_MOVED_LEVELS_16 = 2 * ONE_LEVEL
_LOOK_PX = 512
_ONE_WAY_TABLE, _MOST_TAGS = b"A2B0", 100
# XYZ of white, and of sRGB's primaries adapted to it (IEC 61966-2-1, ICC.1 annex E).
_D50 = (0.9642, 1.0, 0.8249)
_SRGB_COLORANTS = {
    b"rXYZ": (0.43607, 0.22249, 0.01392),
    b"gXYZ": (0.38515, 0.71687, 0.09708),
    b"bXYZ": (0.14307, 0.06061, 0.71410),
}

ONE_WAY = "the colour profile leads only one way, like a scanner's: the result is saved as sRGB"
CLIPPED = "colours outside sRGB were brought to its edge: less vivid in all that is encoded anew"


class ProfileError(ValueError):
    """Not a profile that can convert these pixels."""


@dataclass(frozen=True, eq=False)
class SourceProfile:
    """A profile that has been tried on the kind of pixels it came with."""

    icc: bytes
    channels: int  # 1 grey, 3 RGB, 4 CMYK
    is_srgb: bool  # converts nothing: pixels stay as they are
    leads_back: bool  # from sRGB as well; a scanner's profile of tables need not (ICC.1, 8.3)


@cache
def builtin_profile(name: str) -> bytes:
    """A profile that libvips carries: "srgb", "p3" or "cmyk"."""
    return bytes(pyvips.Operation.call("profile_load", name))


def profile_channels(icc: bytes) -> int:
    """How many channels the pixels of a profile have; 0 if it is of no kind that is used here."""
    return _CHANNELS.get(icc[16:20], 0) if icc[36:40] == b"acsp" else 0


def profile_of_codes(primaries: int, transfer: int) -> tuple[bytes | None, tuple[str, ...]]:
    """The profile that code points name (None: take it for sRGB), and what has to be told.

    Reference: ITU-T H.273, as in the nclx of AVIF and HEIC and in the cICP of PNG.
    """
    notices: tuple[str, ...] = ()
    if transfer in _HDR_TRANSFERS:
        notices += ("high dynamic range: shown without tone mapping, colours may look flat",)
    if primaries == _BT_2020:
        notices += ("the colours are those of BT.2020 and were taken for sRGB: less vivid",)
    return builtin_profile("p3") if primaries == _DISPLAY_P3 else None, notices


def try_profile(icc: bytes, channels: int) -> SourceProfile:
    """Try a profile on a few colours, there and, if it can, back.

    Args:
        icc: the profile as it stands in the file.
        channels: 1, 3 or 4, of the pixels it came with.

    Raises:
        ProfileError: damaged, or made for another number of channels.
    """
    if profile_channels(icc) != channels:
        raise ProfileError("the profile is not for this kind of pixels")
    if int.from_bytes(icc[:4], "big") > len(icc):
        raise ProfileError("the profile is cut short")
    probe = _probe(channels)
    image = image_of(probe, cmyk=channels == 4)
    try:
        converted = to_srgb(image, icc, bits=16)
        seen = samples_of(converted)
    except VIPS_ERRORS as error:
        raise ProfileError("the profile cannot convert colours") from error
    if seen.shape[-1] != 3 or np.ptp(seen.astype(np.int32)) == 0:
        raise ProfileError("the profile maps every colour to one")
    difference = np.abs(seen.astype(np.int32) - probe) if channels == 3 else np.array([1 << 16])
    is_srgb = bool(difference.max() <= _SAME_COLOUR_LEVELS_16)
    leads_back = _leads_back(icc, converted)
    if not leads_back and _tag(icc, _ONE_WAY_TABLE) is None:
        # In place of what cannot be read libvips takes sRGB on the way in, without a word.
        raise ProfileError("the profile cannot convert colours")
    return SourceProfile(icc, channels, is_srgb, leads_back)


def _tag(icc: bytes, name: bytes) -> bytes | None:
    """The content of one tag; None where there is none."""
    return next((icc[at : at + size] for tag, at, size in _tags(icc) if tag == name), None)


def _tags(icc: bytes) -> list[tuple[bytes, int, int]]:
    """(name, offset, length) of the tags that lie within a profile."""
    count = min(int.from_bytes(icc[128:132], "big"), _MOST_TAGS)
    entries = (icc[at : at + 12] for at in range(132, 132 + 12 * count, 12))
    places = ((e[:4], int.from_bytes(e[4:8], "big"), int.from_bytes(e[8:], "big")) for e in entries)
    return [(name, at, length) for name, at, length in places if at > 0 and at + length <= len(icc)]


def _grey_as_rgb(icc: bytes) -> bytes | None:
    """A grey profile's curve as a profile for RGB with the colours of sRGB; None of any other.

    Little CMS samples a grey curve so coarsely that the shadows of a linear scan come out at half
    of their value; three equal curves of an RGB profile it takes as they are.
    """
    if profile_channels(icc) != 1 or icc[20:24] != b"XYZ ":
        return None
    curve = _tag(icc, b"kTRC")
    # Tables count for more than the curve.
    if curve is None or any(name[:3] in (b"A2B", b"B2A") for name, _, _ in _tags(icc)):
        return None
    tags = {b"wtpt": _xyz(_D50), **{name: _xyz(of) for name, of in _SRGB_COLORANTS.items()}}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    at = 132 + 12 * len(tags)
    table, data = len(tags).to_bytes(4, "big"), b""
    for name, content in tags.items():
        table += name + (at + len(data)).to_bytes(4, "big") + len(content).to_bytes(4, "big")
        data += content + bytes(-len(content) % 4)
    size = (at + len(data)).to_bytes(4, "big")
    # Made for no device of the one it stands for, and with no digest of that one.
    return size + icc[4:12] + b"mntrRGB " + icc[20:84] + bytes(44) + table + data


def _xyz(values: tuple[float, float, float]) -> bytes:
    """An XYZType of one colour (ICC.1, 10.31)."""
    numbers = (round(65536 * value).to_bytes(4, "big") for value in values)
    return b"XYZ " + bytes(4) + b"".join(numbers)


def _leads_back(icc: bytes, converted: pyvips.Image) -> bool:
    try:
        samples_of(from_srgb(converted, icc, bits=16))
    except VIPS_ERRORS:
        return False
    return True


def leaves_srgb(samples: Samples, icc: bytes) -> bool:
    """Whether colours get clipped on their way to sRGB.

    They do where the result lies at the edge of sRGB and does not lead back to where it came from.

    Args:
        samples: (H, W, 3) in the profile's space; a part of the photo will do.
        icc: an RGB profile that `try_profile` has passed, and that leads back.
    """
    wide = widen(samples)
    converted = to_srgb(image_of(wide), icc, bits=16)
    inside = samples_of(converted)
    back = samples_of(from_srgb(converted, icc, bits=16)).astype(np.int32)
    at_edge = ((inside == 0) | (inside == 65535)).any(axis=-1)
    moved = (np.abs(back - wide) > _MOVED_LEVELS_16).any(axis=-1)
    return bool((at_edge & moved).any())


def sampling_step(size: tuple[int, ...]) -> int:
    """Of a photo of this (height, width), which rows and columns are enough to look at."""
    return max(1, max(size) // _LOOK_PX)


def to_srgb(image: pyvips.Image, icc: bytes, *, bits: int) -> pyvips.Image:
    """Pixels in a profile's space, without alpha, as sRGB of 8 or 16 bits (3 bands)."""
    if (as_rgb := _grey_as_rgb(icc)) is not None:
        icc, image = as_rgb, tagged(image.bandjoin([image, image]))
    return with_profile(image, icc).icc_transform(
        "srgb", embedded=True, intent=_INTENT, black_point_compensation=True, depth=bits
    )


def from_srgb(image: pyvips.Image, icc: bytes, *, bits: int) -> pyvips.Image:
    """sRGB pixels, without alpha, in a profile's space with 8 or 16 bits (1, 3 or 4 bands)."""
    connection = image.icc_import(
        embedded=False, input_profile="srgb", intent=_INTENT, black_point_compensation=True
    )
    as_rgb = _grey_as_rgb(icc)
    # With no output profile named, libvips exports to the one the image carries.
    exported = with_profile(connection, as_rgb or icc).icc_export(
        intent=_INTENT, black_point_compensation=True, depth=bits
    )
    return exported if as_rgb is None else tagged(exported.extract_band(1))


def with_profile(image: pyvips.Image, icc: bytes | None) -> pyvips.Image:
    """The image tagged with a profile (None: with none), pixels as they are."""
    return with_blob(image, "icc-profile-data", icc)


def _probe(channels: int) -> NDArray[np.uint16]:
    """Colours on a grid of 5 per channel, and for RGB a ramp of greys, (1, n, channels)."""
    steps = np.linspace(0, 65535, 5).astype(np.uint16)
    grid = np.stack(np.meshgrid(*[steps] * channels, indexing="ij"), axis=-1).reshape(-1, channels)
    if channels == 3:
        ramp = np.linspace(0, 65535, 64).astype(np.uint16)
        grid = np.concatenate([grid, np.repeat(ramp[:, None], 3, axis=1)])
    return grid[None]
