"""Stains of another colour taken off a print in one tone: what shows through gets its tone back.

A stain of colour C and opacity a over a photo J shows I = (1 - a) J + a C, so J = g I + o. Gain and
offset are those that give the pixels just inside the stain's border the mean and the spread of
those just outside (moments, as Reinhard et al., "Color Transfer between Images", 2001, match them).
What colour a pixel had follows from its brightness, since the print has one tone. Nothing is
invented.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.off_tone import LOOK_PX, border_bands, nearest_groups
from resilver.imaging.resizing import enlarged_part, shrunk
from resilver.imaging.tiles import Area, Pixels, to_float
from resilver.imaging.tone import Tone

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

_NEAR_PX = 8.0  # standard deviation of the window in which both sides of the border are compared
_LEAST_WEIGHT = 0.02  # of either side in that window; with less there is nothing to compare
# A small stain has a short border: so many pixels of its own weigh as much as all stains together
# when the spread is compared, and when the mean is.
_SHARED_PX, _SHARED_MEAN_PX = 1500.0, 400.0
_GAIN = (0.8, 3.0)
_NOISE = 1e-5  # variance below which there is nothing to compare
_SOFT_PX, AROUND_PX = 2.0, 11  # the rim, and the square that traces of colour lie in


@dataclass(frozen=True, eq=False)
class Bleach:
    """What takes the stains off one print, pixel by pixel; maps (h, w) of the copy looked at."""

    tone: Tone
    size: tuple[int, int]  # of the print: (height, width)
    strength: Values  # 1 in a stain, less where it is thinner, falling to 0 at its rim
    colour: Values  # the same a little farther out: traces of colour lie around it
    gain: Values
    lift: Values

    @classmethod
    def of(cls, pixels: Pixels, stains: Mask) -> Bleach | None:
        """For a print (H, W, 3), 8 or 16 bit, and its stains (H, W), see `off_tone_stains`.

        None where they are too small to be seen in the copy that is looked at.
        """
        size = (pixels.shape[0], pixels.shape[1])
        tone, copy = Tone.of(pixels), to_float(shrunk(pixels, LOOK_PX))
        bright = copy.mean(axis=2)
        height, width = bright.shape
        small = cv2.resize(stains.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        groups = np.asarray(small, np.uint8)
        if not groups.any():
            return None
        nearest, gains, lifts = _fit(bright, groups)
        around = np.asarray(cv2.dilate(groups, np.ones((AROUND_PX, AROUND_PX))), np.uint8)
        strength, colour = (_blurred(part, _SOFT_PX) for part in (groups, around))
        strength *= _opacity(_blurred(tone.unexplained(copy), _SOFT_PX), groups, nearest)
        return cls(tone, size, strength, colour, gains[nearest], lifts[nearest])

    def apply(self, tile: Values, area: Area) -> Values:
        """A part (h, w, 3) of the print in [0, 1], and where it lies -> the same without stains."""
        strength, colour, gain, lift = (
            enlarged_part(values, self.size, area)
            for values in (self.strength, self.colour, self.gain, self.lift)
        )
        bright = tile.mean(axis=2)
        bright += strength * ((gain - 1) * bright + lift)
        shown = np.clip(self.tone.colours(bright.clip(0.0, 1.0)), 0.0, 1.0)
        return (tile + colour[..., None] * (shown - tile)).astype(np.float32, copy=False)


def _fit(bright: Values, stained: NDArray[np.uint8]) -> tuple[NDArray[np.int32], Values, Values]:
    """Brightness and stains (h, w) -> the nearest stain (h, w); gain and offset of each."""
    count, connected = cv2.connectedComponents(stained, connectivity=8)
    labels = np.asarray(connected, np.int32)
    inside, outside = border_bands(stained)
    if not inside.any():
        inside = stained > 0
    within, without = _Local.of(bright, inside), _Local.of(bright, outside)
    seen = inside & (within.weight > _LEAST_WEIGHT) & (without.weight > _LEAST_WEIGHT)
    own_px = np.bincount(labels[seen], minlength=count)
    figures = (within.mean, without.mean, within.variance, without.variance)
    means = np.stack(
        [np.bincount(labels[seen], figure[seen], minlength=count) for figure in figures]
    ) / np.maximum(own_px, 1)
    shared = (means * own_px).sum(axis=1, keepdims=True) / max(int(own_px.sum()), 1)
    share = own_px / (own_px + _SHARED_PX)
    spread = share * means[2:] + (1.0 - share) * shared[2:]
    gains = np.clip(np.sqrt((spread[1] + _NOISE) / (spread[0] + _NOISE)), *_GAIN)
    share = own_px / (own_px + _SHARED_MEAN_PX)
    lifts = share * (means[1] - gains * means[0]) + (1.0 - share) * (shared[1] - gains * shared[0])
    return nearest_groups(stained, labels), gains.astype(np.float32), lifts.astype(np.float32)


def _opacity(colour: Values, stained: NDArray[np.uint8], nearest: NDArray[np.int32]) -> Values:
    """Colour off the tone (h, w, 2) -> how much of what is usual in its stain there is, 0..1."""
    strength = np.hypot(colour[..., 0], colour[..., 1])
    within = stained > 0
    area_px = np.bincount(nearest[within])
    usual = np.bincount(nearest[within], strength[within]) / np.maximum(area_px, 1)
    return np.clip(strength / np.maximum(usual[nearest], 1e-3), 0.0, 1.0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Local:
    """Mean and variance of some of the pixels of a picture, near each pixel; maps (h, w)."""

    weight: Values  # 0..1, how many of them are near
    mean: Values
    variance: Values

    @classmethod
    def of(cls, values: Values, chosen: Mask) -> _Local:
        kept = chosen.astype(np.float32)
        weight = _blurred(kept)
        near = np.maximum(weight, np.float32(1e-4))
        mean = np.asarray(_blurred(values * kept) / near, np.float32)
        square = np.asarray(_blurred(values * values * kept) / near, np.float32)
        return cls(weight, mean, np.asarray(np.maximum(square - mean * mean, 0), np.float32))


def _blurred(values: NDArray[np.float32 | np.uint8], by_px: float = _NEAR_PX) -> Values:
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), by_px), np.float32)
