"""Joins coarse colours to a photo's own lightness: no detail is lost, no colour crosses an edge.

References: Gastal and Oliveira, "Domain Transform for Edge-Aware Image and Video Processing" (2011)
for smoothing that stops at edges; He and Sun, "Fast Guided Filter" (2015) for the way to full size:
near every place colour is a straight line over lightness, and lines are enlarged, not colours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.chroma import lightness, luminance
from resilver.imaging.colouring import ColourHint
from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import Pixels

MIDDLE_PX = 640  # longest side of the picture that colours are fitted to
_PASSES = 2  # of the smoothing, each finer than the one before
_REACH_CELLS = 1.0  # how far colours are smoothed, in cells of the coarse ones
_EDGE_L = 8.0  # a step of lightness that counts as much as the whole reach of colours
_DOUBT_L = 3.0  # a step within a cell that makes its colour doubtful
_LINE_PX, _LINE_L = 2, 3.0  # of the guided filter: half its window, and the noise it is deaf to
_HINT_REACH = 0.06  # how far a hint reaches by itself, in longer sides of the photo
_HINT_FADES = 0.25  # of its strength at the point: from here on a hint grows weaker
_HINT_ROUNDS, _HINT_CLOSE = 6, 1.0  # until its point has its colour, a*b* units

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class JoinedColours:
    """Colours as straight lines over lightness, for every place of a photo of any size."""

    lines: Values  # (h, w, 6): slopes of a* and b*, their values at L = 0, least and largest L seen
    size: tuple[int, int]  # of the photo, (height, width)

    def strip(self, top: int, light: Values) -> Values:
        """a*b* (rows, W, 2) for the lightness (rows, W), 0..100, of the rows from `top` on."""
        lines = self._at(np.arange(top, top + len(light)), np.arange(self.size[1]))
        return _on_lines(lines, light)

    def at(self, x: int, y: int, light: float) -> Values:
        """a*b* (2,) of one place with this lightness."""
        lines = self._at(np.array([y]), np.array([x]))
        return _on_lines(lines, np.full((1, 1), light, np.float32))[0, 0]

    def _at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Values:
        above, below, down = _between(rows, self.size[0], self.lines.shape[0])
        low, high, part = _between(columns, self.size[1], self.lines.shape[1])
        # Few rows of lines lie under a strip: those are widened first.
        few = self.lines[above[0] : below[-1] + 1]
        wide = few[:, low] + part[:, None] * (few[:, high] - few[:, low])
        upper = wide[above - above[0]]
        lines = upper + down[:, None, None] * (wide[below - above[0]] - upper)
        return np.asarray(lines, np.float32)


def join(coarse: Values, pixels: Pixels, hints: tuple[ColourHint, ...] = ()) -> JoinedColours:
    """Colours a*b* (h, w, 2) of a few cells, joined to the photo's pixels (H, W, 3).

    Every hint has its colour at its point, and around it as far as no edge stands between.
    """
    size = (pixels.shape[0], pixels.shape[1])
    middle = shrunk(pixels, MIDDLE_PX)
    light = lightness(luminance(middle))
    height, width = light.shape
    ab = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    cell = max(height / coarse.shape[0], width / coarse.shape[1])
    # A cell on an edge has mixed the colours of both sides: those beside it are asked instead.
    side = max(round(cell) | 1, 3)
    window = np.ones((side, side), np.uint8)
    calm = cv2.GaussianBlur(light, (0, 0), max(cell / 6, 0.5))
    step = cv2.dilate(calm, window) - cv2.erode(calm, window)
    trust = np.asarray(1.0 / (1.0 + np.square(step / _DOUBT_L)), np.float32)[..., None]
    trusted = np.concatenate((ab * trust, trust), axis=2, dtype=np.float32)
    smooth = smoothed(trusted, light, _REACH_CELLS * cell)
    ab = np.asarray(smooth[..., :2] / np.maximum(smooth[..., 2:], np.float32(1e-6)), np.float32)
    joined = JoinedColours(_lines(ab, light), size)
    return _with_hints(joined, ab, light, pixels, hints) if hints else joined


def _with_hints(
    joined: JoinedColours,
    ab: Values,
    light: Values,
    pixels: Pixels,
    hints: tuple[ColourHint, ...],
) -> JoinedColours:
    """The same colours moved until each hint's point has the hint's colour."""
    height, width = light.shape
    size = joined.size
    points = [hint.place(size, (height, width)) for hint in hints]
    own = [
        float(lightness(luminance(pixels[hint.y : hint.y + 1, hint.x : hint.x + 1]))[0, 0])
        for hint in hints
    ]
    reach = _HINT_REACH * max(height, width)
    # Wide enough to outlast the fitting of lines.
    spots = [
        tuple(slice(max(place - _LINE_PX, 0), place + _LINE_PX + 1) for place in point)
        for point in points
    ]
    where = np.zeros((height, width, 1), np.float32)
    for spot in spots:
        where[spot] += 1.0
    near = smoothed(where, light, reach)
    # 1 around every hint, less further off.
    unit = np.maximum(near, _HINT_FADES * min(float(near[point][0]) for point in points))
    for _ in range(_HINT_ROUNDS):
        off = [
            hint.ab - joined.at(hint.x, hint.y, tone) for hint, tone in zip(hints, own, strict=True)
        ]
        if max(float(np.abs(one).max()) for one in off) < _HINT_CLOSE:
            break
        wanted = np.zeros((height, width, 2), np.float32)
        for spot, one in zip(spots, off, strict=True):
            wanted[spot] += one
        ab = np.asarray(ab + smoothed(wanted, light, reach) / unit, np.float32)
        joined = JoinedColours(_lines(ab, light), size)
    return joined


def smoothed(values: Values, light: Values, reach_px: float) -> Values:
    """Values (H, W, C) smoothed over about `reach_px`, across no step of `light` (H, W)."""
    out = np.ascontiguousarray(values.transpose(1, 0, 2))  # (W, H, C): runs along the first axis
    ratio = np.float32(reach_px / _EDGE_L)
    across = 1.0 + ratio * np.abs(np.diff(light, axis=1)).T[..., None]  # (W - 1, H, 1)
    along = 1.0 + ratio * np.abs(np.diff(light, axis=0))[..., None]  # (H - 1, W, 1)
    for index in range(_PASSES):
        share = math.sqrt(3) * 2.0 ** (_PASSES - index - 1) / math.sqrt(4.0**_PASSES - 1)
        decay = np.float32(math.exp(-math.sqrt(2) / max(reach_px * share, 1e-3)))
        _run(out, np.power(decay, across))
        out = np.ascontiguousarray(out.transpose(1, 0, 2))
        _run(out, np.power(decay, along))
        out = np.ascontiguousarray(out.transpose(1, 0, 2))
    return np.ascontiguousarray(out.transpose(1, 0, 2))


def _run(values: Values, kept: Values) -> None:
    """There and back along the first axis, in place; `kept` of the neighbour's value at a step."""
    for index in range(1, len(values)):
        values[index] += kept[index - 1] * (values[index - 1] - values[index])
    for index in range(len(values) - 2, -1, -1):
        values[index] += kept[index] * (values[index + 1] - values[index])


def _lines(ab: Values, light: Values) -> Values:
    """Straight lines of colour over lightness, (H, W, 6), fitted around every place."""
    side = 2 * _LINE_PX + 1

    def mean(values: NDArray[np.floating]) -> Values:
        blurred = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred, np.float32)

    middle, colour = mean(light)[..., None], mean(ab)
    spread = mean(np.square(light))[..., None] - middle * middle
    together = mean(ab * light[..., None]) - colour * middle
    slope = together / (spread + np.float32(_LINE_L**2))
    start = colour - slope * middle
    window = np.ones((3, 3), np.uint8)
    ends = [np.asarray(end(light, window), np.float32) for end in (cv2.erode, cv2.dilate)]
    return np.concatenate((mean(slope), mean(start), np.stack(ends, axis=2)), axis=2)


def _on_lines(lines: Values, light: Values) -> Values:
    # Beyond the lightness that the line was fitted to, it says nothing.
    seen = np.clip(light, lines[..., 4], lines[..., 5])[..., None]
    return lines[..., :2] * seen + lines[..., 2:4]


def _between(
    places: NDArray[np.intp], length: int, cells: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Values]:
    """For pixels of a side: the cells before and after each, and how far it is between them."""
    spots = np.clip((places + 0.5) * (cells / length) - 0.5, 0.0, cells - 1.0)
    low = spots.astype(np.intp)
    return low, np.minimum(low + 1, cells - 1), (spots - low).astype(np.float32)
