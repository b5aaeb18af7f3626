"""Bars over the eyes of faces: bands of next to one level, and what borders on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

LEAST_SPREAD_255 = 0.5  # less is one level, rounded
_BLACK_255, _WHITE_255 = 1.5, 253.5  # beyond them everything is of one level
# Lengths across a face are in distances of its eyes.
_UP = (-0.4, -0.2, 0.0, 0.2, 0.4)  # where a flat band is looked for: up and down from the eyes
_FRAMED_UP = (-0.2, 0.0, 0.2)  # where one with edges is: a forehead has them too
_HALF, _ROW = 0.15, 0.03  # half its height; and from one of its rows to the next
_BAR = 0.45  # half the height of a bar; farther away is the rest of the face
_LOST_SHARE = (0.05, 0.9)  # of the rest: so much of it is lost to light or shadow, not painted over
_EDGES_AT = (0.12, 0.55)  # from the middle of a band to the edges of its bar
_STEP_ROWS, _COLUMNS = 4, 0.75  # a step is one over so many rows, in so many columns at least
# A see-through bar has at most so much of the face's spread, and at least such steps in it.
_THROUGH, _STEP = 0.25, 0.3


@dataclass(frozen=True, eq=False)
class Face:
    """A face as bars are looked for in it."""

    grey: Values  # (H, W), levels of 255: the face and its surroundings
    points: Values  # (5, 2), px
    inside: NDArray[np.bool_]  # (H, W): the pixels of the face
    spread_255: float  # of all its levels
    noise_255: float  # its grain

    @property
    def _ends_255(self) -> tuple[float, float]:
        """Where light and shadow have left one level; grain that was cut off has moved them."""
        return _BLACK_255 + self.noise_255, _WHITE_255 - self.noise_255

    def shows(self, level: float) -> bool:
        """Whether light and shadow leave this level as it was."""
        black, white = self._ends_255
        return black < level < white

    def has_lost(self, band: _Band) -> bool:
        """Whether light or shadow has left other parts no level either, as this band."""
        black, white = self._ends_255
        rest = self.grey[self.inside & band.away(self.grey.shape)]
        lost = rest <= black if band.level <= black else rest >= white
        least, most = _LOST_SHARE
        return bool(rest.size and least < float(lost.mean()) < most)


def flattest_255(face: Face) -> float:
    """How far the levels of a band across both eyes lie from its median: the 70th percentile.

    Of the flattest of several bands: as the eyes lie and level, there and a little up and down. One
    that light or shadow has left no level counts only where they have spared the rest of the face.
    """
    spreads = (
        band.spread_255
        for band in _bands(face, _UP)
        if face.shows(band.level) or not face.has_lost(band)
    )
    return min(spreads, default=np.inf)


def framed(face: Face) -> float:
    """The steps at the edges of the likeliest see-through bar, in its spread; 0 where is none."""
    steps = (
        band.step_255 / max(band.spread_255, LEAST_SPREAD_255)
        for band in _bands(face, _FRAMED_UP)
        if face.shows(band.level)
        and band.spread_255 <= _THROUGH * face.spread_255
        and band.step_255 >= _STEP * face.spread_255
    )
    return max(steps, default=0.0)


@dataclass(frozen=True, eq=False)
class _Band:
    """A band across a face, about as high as eyes are, and what borders on it."""

    middle: Values  # (2,): between the eyes
    across: Values  # (2,): down from there, as long as the eyes are apart, px
    up: float  # from there to the middle of the band; positive is down
    level: float  # its median
    spread_255: float  # how far its levels lie from that: the 70th percentile
    step_255: float  # at both of its edges, from a band that is darker than both sides or lighter

    def away(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """(H, W): what is too far away to be of its bar."""
        y, x = np.indices(shape, np.float32)
        places = np.stack((x, y), axis=-1) - self.middle
        apart = places @ self.across / max(float(self.across @ self.across), 1e-6)
        return np.abs(apart - self.up) > _BAR


def _bands(face: Face, up: tuple[float, ...]) -> Iterator[_Band]:
    along = face.points[1] - face.points[0]
    level = np.array([np.hypot(*along), 0.0], np.float32)
    for direction in (along, level):
        yield from _bands_along(face, direction, up)


def _bands_along(face: Face, along: Values, ups: tuple[float, ...]) -> Iterator[_Band]:
    across = np.array([-along[1], along[0]], np.float32)
    middle = (face.points[0] + face.points[1]) / 2
    nearest, farthest = _EDGES_AT
    beyond = farthest + _STEP_ROWS * _ROW
    places = np.arange(min(ups) - beyond, max(ups) + beyond, _ROW)
    x, y = np.meshgrid(np.linspace(-0.75, 0.75, 48), places)
    spots = (middle + x[..., None] * along + y[..., None] * across).astype(np.float32)
    rows = cv2.remap(
        face.grey, spots[..., 0], spots[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    steps = rows[_STEP_ROWS:] - rows[:-_STEP_ROWS]
    at = places[_STEP_ROWS:] - _STEP_ROWS * _ROW / 2
    lighter, darker = (np.quantile(side, 1.0 - _COLUMNS, axis=1) for side in (steps, -steps))
    for up in ups:
        band = rows[np.abs(places - up) <= _HALF + _ROW / 4]
        level = float(np.median(band))
        over = (at > up - farthest) & (at < up - nearest)
        under = (at > up + nearest) & (at < up + farthest)
        step = max(
            min(darker[over].max(), lighter[under].max()),
            min(lighter[over].max(), darker[under].max()),
        )
        spread = float(np.quantile(np.abs(band - level), 0.7))
        yield _Band(middle, across, up, level, spread, float(step))
