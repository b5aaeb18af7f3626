"""What a photo's colours say about it as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import Pixels, to_float

TONED_255 = 2.5  # with less colour than this left a photo is monochrome, toned or not
_STRONGEST_255 = 130.0  # more colour than any toner or any yellowing gives a print
_LOOK_PX = 256  # longest side of the copy that is looked at
_REFITS = 4
# A print with a mount of another paper has up to 2.0 so, of photos in colours few have less.
_MUCH = 0.4
_FIT_PX = 128  # longest side of the copy that a tone is fitted to
_DEGREE, _TRUSTED, _TONE_REFITS = 5, 0.75, 6
_BEYOND = 0.05  # of brightness, that a tone holds for beyond where it is known
# What this share of the pixels have in brightness, within some levels of 255, is no part of a print
# but the lid of the scanner around it, a backdrop, or nothing at all; if so much is left besides.
_GROUND_SHARE, _GROUND_LEVELS, _LEAST_SHARE = 0.3, 4, 0.03

Values = NDArray[np.float32]


def is_monochrome(pixels: Pixels, alpha: Pixels | None = None) -> bool:
    """Whether a photo is black and white, toned or not; arguments as `colour_left`."""
    return colour_left(pixels, alpha) < TONED_255


def is_bilevel(pixels: Pixels) -> bool:
    """Whether a photo (H, W, 3) is made of two levels alone, as a fax or a dithered scan is."""
    values = pixels.reshape(-1, 3)
    some = values[:: max(len(values) // _LOOK_PX**2, 1)]
    # Of each channel apart: rows of three are sorted ten times as slowly.
    if any(len(np.unique(some[:, channel])) > 2 for channel in range(3)):
        return False
    kinds = np.unique(some, axis=0)
    return len(kinds) == 2 and bool(((values == kinds[0]) | (values == kinds[1])).all())


def colour_left(pixels: Pixels, alpha: Pixels | None = None) -> float:
    """How much colour a photo has beyond a tone laid over it, in grey levels of 255.

    In a black and white print, toned or not, brightness decides the colour. So colour is fitted as
    a parabola of brightness, and what the fit does not explain is left: the larger of red against
    green, and blue against both. The fit is repeated on the half of the pixels that it explains
    best (least trimmed squares, Rousseeuw 1984), so that stains in another colour do not move it.

    Of what is left at every pixel the median counts, and 0.4 of what a fifth of them exceed: else
    a subject in colours before a grey wall would count for nothing. Stains on less than a fifth of
    a print do. A brightness that three tenths of them share is left out. About 0 for a monochrome
    print whatever its tone, 5 and more for most photos in colour.

    A single plain colour is explained by any fit; where most of it is stronger than a print's tone
    gets, that itself is the colour.

    Args:
        pixels: (H, W, 3), 8 or 16 bit.
        alpha: (H, W), likewise: what is hardly opaque is left out, where anything is opaque.
    """
    seen = to_float(shrunk(pixels, _LOOK_PX)).reshape(-1, 3)
    if alpha is not None:
        opaque = shrunk(alpha, _LOOK_PX).ravel() > 0.5 * alpha.max()
        seen = seen[opaque] if opaque.any() else seen
    bright, against = _without_ground(*_split(seen))
    strength = float(255.0 * np.median(np.abs(against).max(axis=1)))
    if strength > _STRONGEST_255:
        return strength
    _powers, left, _best = _fitted(bright, against, 2, 0.5, _REFITS + 1)
    usual, much = np.quantile(left, (0.5, 0.8))
    return float(255.0 * max(usual, _MUCH * much))


@dataclass(frozen=True, eq=False)
class Tone:
    """The colour of a print in one tone, toned or grey: a polynomial of its brightness.

    Fitted again and again to the three quarters of the pixels that it explains best (least trimmed
    squares, as above), so that stains do not move it.
    """

    powers: Values  # (degree + 1, 2), of red against green, and of blue against both
    darkest: float  # brightness in [0, 1] between which the fit holds; beyond it ends are kept
    lightest: float

    @classmethod
    def of(cls, pixels: Pixels) -> Tone:
        """Of a print (H, W, 3), 8 or 16 bit."""
        bright, against = _split(to_float(shrunk(pixels, _FIT_PX)).reshape(-1, 3))
        powers, _left, best = _fitted(bright, against, _DEGREE, _TRUSTED, _TONE_REFITS)
        darkest, lightest = np.quantile(bright[best], (0.01, 0.99)).tolist()
        return cls(powers, darkest, lightest)

    def unexplained(self, pixels: Values) -> Values:
        """(H, W, 3) in [0, 1] -> (H, W, 2): what the tone does not explain, in levels of 255.

        0 where the print is brighter or darker than where its tone is known: of a print that lies
        on the white lid of a scanner, the lid's tone says nothing.
        """
        bright, against = _split(pixels)
        known = (bright >= self.darkest - _BEYOND) & (bright <= self.lightest + _BEYOND)
        return np.asarray(255 * known[..., None] * (against - self._against(bright)), np.float32)

    def colours(self, bright: Values) -> Values:
        """Brightness (H, W) in [0, 1] -> the print's colours of it (H, W, 3), not clipped."""
        against = self._against(bright)
        both = 2 * (bright - against[..., 1] / 3)  # red + green
        red = (both + against[..., 0]) / 2
        colours = (red, both - red, against[..., 1] + both / 2)
        return np.stack(colours, axis=-1).astype(np.float32, copy=False)

    def _against(self, bright: Values) -> Values:
        known = bright.clip(self.darkest, self.lightest)
        explained = np.empty((*bright.shape, 2), np.float32)
        for channel, (highest, *lower) in enumerate(self.powers[::-1].T):  # after Horner
            value = np.full_like(bright, highest)
            for power in lower:
                value *= known
                value += power
            explained[..., channel] = value
        return explained


def _fitted(
    bright: Values, against: Values, degree: int, trusted: float, fits: int
) -> tuple[Values, Values, NDArray[np.bool_]]:
    """Colours (n, 2) as a polynomial of brightness (n,), of the share `trusted` it explains best.

    Returns:
        Its powers (degree + 1, 2), how far off each pixel is (n,), and which were trusted (n,).
    """
    known = np.stack([bright**power for power in range(degree + 1)], axis=1)
    powers, left = np.zeros((degree + 1, 2), np.float32), np.zeros_like(bright)
    best = np.ones(bright.shape, np.bool_)
    for _ in range(fits):
        best = left <= np.quantile(left, trusted)
        solved, *_ = np.linalg.lstsq(known[best], against[best], rcond=None)
        powers = np.asarray(solved, np.float32)
        left = np.abs(against - known @ powers).max(axis=1)
    return powers, left, best


def _without_ground(bright: Values, against: Values) -> tuple[Values, Values]:
    """Brightness (n,) and colours (n, 2) but for those of a brightness that too many have."""
    level = np.rint(255 * bright).astype(np.intp)
    counts = np.bincount(level, minlength=256)
    near = np.convolve(counts, np.ones(2 * _GROUND_LEVELS + 1), mode="same")
    kept = (near < _GROUND_SHARE * bright.size)[level]
    if np.count_nonzero(kept) < _LEAST_SHARE * bright.size:
        return bright, against
    return bright[kept], against[kept]


def _split(pixels: Values) -> tuple[Values, Values]:
    """(..., 3) -> brightness (...), and (..., 2): red - green, blue - the mean of both."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    against = np.stack((red - green, blue - (red + green) / 2), axis=-1)
    bright = np.asarray((red + green + blue) / 3, np.float32)
    return bright, against.astype(np.float32, copy=False)
