"""Colour apart from lightness: CIE L*a*b* (D65), and the bins that a*b* colours are sorted into.

Reference: CIE 15 (L*a*b*); Zhang, Isola and Efros, "Colorful Image Colorization" (2016) for the
bins: colours are guessed as odds over a grid, since the mean of red and green is grey.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

STEP = 12.0  # a*b* units between neighbouring bins
REACH = 10  # the grid runs from -REACH to REACH steps along each axis

Plane = NDArray[np.float32]


def to_lab(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB (H, W, 3) in [0, 1] -> L*a*b* (H, W, 3), L in [0, 100]."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB), np.float32).reshape(rgb.shape)


@cache
def bins() -> NDArray[np.float32]:
    """The a*b* colours (bins, 2) of the grid that sRGB can show at some lightness."""
    levels = np.linspace(0.0, 1.0, 33, dtype=np.float32)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    places = np.rint(to_lab(cube.reshape(1, -1, 3))[0, :, 1:] / STEP).astype(np.int32)
    found = np.unique(places, axis=0).astype(np.float32) * np.float32(STEP)
    found.flags.writeable = False
    return found


@cache
def grid() -> NDArray[np.int64]:
    """Number of the bin at each place of the grid, (2 * REACH + 1, 2 * REACH + 1).

    Rows are a*, columns b*. A place that sRGB cannot show has the number of the nearest bin.
    """
    steps = np.arange(-REACH, REACH + 1, dtype=np.float32) * np.float32(STEP)
    places = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
    away = np.square(places[:, :, None] - bins()).sum(axis=-1)
    numbers = away.argmin(axis=-1)
    numbers.flags.writeable = False
    return numbers


def nearest_bin(ab: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of the bin nearest to each colour, (..., 2) -> (...)."""
    places = np.clip(np.rint(ab / np.float32(STEP)).astype(np.int64), -REACH, REACH) + REACH
    return grid()[places[..., 0], places[..., 1]]


# Linear sRGB to XYZ divided by the D65 white point; luminance is its second row.
_TO_XYZ = np.array(
    [
        [0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047],
        [0.2126729, 0.7151522, 0.0721749],
        [0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883],
    ]
)
_FROM_XYZ = np.linalg.inv(_TO_XYZ).astype(np.float32)
_LUMINANCE = _TO_XYZ[1].astype(np.float32)
_LEVELS = 1 << 16


def luminance(pixels: NDArray[np.uint8 | np.uint16]) -> Plane:
    """Relative luminance (H, W) in [0, 1] of sRGB pixels (H, W, 3), linear in light."""
    table = _to_linear(int(np.iinfo(pixels.dtype).max))
    light = _LUMINANCE[0] * table[pixels[..., 0]]
    for channel in (1, 2):
        light += _LUMINANCE[channel] * table[pixels[..., channel]]
    return light


def lightness(light: Plane) -> Plane:
    """L* in [0, 100] of relative luminance, any shape."""
    return np.where(
        light > np.float32(0.008856452),
        np.float32(116) * np.cbrt(light) - np.float32(16),
        np.float32(903.2963) * light,
    ).astype(np.float32)


def with_colours(light: Plane, ab: NDArray[np.float32]) -> NDArray[np.uint16]:
    """sRGB pixels (H, W, 3), 16 bit, of luminance (H, W) and colours a*b* (H, W, 2).

    Their luminance is the one given. A colour that sRGB cannot show at this luminance is greyed
    until it can: cutting off its channels would change how light it is.
    """
    root = (lightness(light) + np.float32(16)) / np.float32(116)
    x = _cubed(np.asarray(root + ab[..., 0] / np.float32(500), np.float32))
    z = _cubed(np.asarray(root - ab[..., 1] / np.float32(200), np.float32))
    grey = np.minimum(light, np.float32(1))
    channels = [row[0] * x + row[1] * light + row[2] * z - grey for row in _FROM_XYZ]
    kept = np.ones_like(light)  # share of the colour
    for away in channels:
        room = np.where(away > 0, np.float32(1) - grey, grey)
        np.minimum(kept, room / np.maximum(np.abs(away), np.float32(1e-6)), out=kept)
    table = _from_roots()
    out = np.empty((*light.shape, 3), np.uint16)
    for channel, away in enumerate(channels):
        linear = np.maximum(grey + kept * away, np.float32(0))
        places = (np.sqrt(linear) * np.float32(_LEVELS - 1) + np.float32(0.5)).astype(np.int32)
        out[..., channel] = table[np.minimum(places, _LEVELS - 1)]
    return out


def colourfulness(photo: NDArray[np.float32]) -> float:
    """Of a photo (H, W, 3) in [0, 1], in grey levels of 255: 0 grey, 33 moderate, 82 high.

    Reference: Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003).
    """
    red, green, blue = np.moveaxis(photo * np.float32(255), -1, 0)
    across, along = red - green, (red + green) / 2 - blue
    spread = float(np.hypot(across.std(), along.std()))
    return spread + 0.3 * float(np.hypot(across.mean(), along.mean()))


def _cubed(root: Plane) -> Plane:
    """The inverse of the cube root that L*a*b* bends straight near black."""
    straight = (root - np.float32(16 / 116)) * np.float32(3 * (6 / 29) ** 2)
    return np.where(root > np.float32(6 / 29), root * root * root, straight)


@cache
def _to_linear(top: int) -> Plane:
    """Linear light of every level of sRGB, (top + 1,)."""
    level = np.arange(top + 1) / top
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


@cache
def _from_roots() -> NDArray[np.uint16]:
    """16-bit sRGB levels of linear light, by its square root: dark tones need the finer steps."""
    linear = np.square(np.arange(_LEVELS) / (_LEVELS - 1))
    curved = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )
    return np.rint(curved * 65535).astype(np.uint16)
