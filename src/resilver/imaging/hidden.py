"""Faces that somebody hid on purpose: pixelated, blacked out, or blurred.

Three measures, each of which tells the deed from what time and lenses do:

- A mosaic's edges lie on a grid, and between them is nothing. So across the rows and across the
  columns, the mean step from one small square to the next is large at some period and phase, and
  small half-way. Squares of a third of the period, not pixels: grain averages out in them. Of a
  grid that lies askew, as on a tilted head or a scan that was straightened, most edges have one
  direction or the one across it, and along those it is looked for as well.
- A bar leaves no eyes: a band across the face, there or near by, is of one level. (A detector that
  sees no eyes puts them a little off.) Where light or shadow has left no more than one level, it
  has done so in other parts of the face as well.
- A blurred face has lost its fine detail while its surroundings have theirs, or at least an edge.
  A photo that is blurred or small as a whole has lost it everywhere.

Grain that came afterwards passes for detail. Where there is any, a face that does not seem hidden
is looked at once more without it (Buades et al., "A Non-Local Algorithm for Image Denoising",
2005).

The thresholds lie between what was measured on faces of the training packs hidden in these ways,
saved as JPEG and rescaled afterwards, and what was measured on the same faces not hidden: as they
are, aged, reduced, blurred as a whole. `benchmarks/hidden.py` measures on others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.measures import LUMA
from resilver.imaging.sharpness import noise_255
from resilver.imaging.tiles import Pixels, to_float

HiddenHow = Literal["pixelated", "blacked out", "blurred"]
Values = NDArray[np.float32]

BETWEEN = 0.37  # steps half-way between the edges of a mosaic, in steps on them, at most
BAND_255, BAND_SHARE = 0.5, 0.04  # spread of a bar: grey levels, and in the whole face's own
DETAIL = 0.2  # fine detail of a blurred face, in coarse detail, at most ...
DETAIL_SHARE, EDGE_SHARE = 0.47, 0.22  # ... and in its surroundings' own, or in their best edges
_MOSAIC_PX, _LOOK_PX = 160, 80  # side of the face's box at which the measures look
_AROUND = 1.3  # half the side of what is looked at, in sides of the box
_BANDS = (-0.4, -0.2, 0.0, 0.2, 0.4)  # where a bar is looked for: up and down, in eyes' distances
_BLACK_255, _WHITE_255 = 1.5, 253.5  # beyond them everything is of one level
_BAR = 0.45  # half the height of a bar, in eyes' distances; farther away is the rest of the face
_LOST_SHARE = (0.05, 0.9)  # of the rest: so much of it is lost to light or shadow, not painted over
_SMALLEST_BLOCK_PX, _FEWEST_BLOCKS = 3.0, 4
# Blocks are squares, or as much higher than wide as the face is that was cut into n by n of them.
_MOST_OBLONG = 1.7
_UPRIGHT = 0.012  # a grid that is turned by less (radians) is as good as upright
_FINE, _COARSE = (0.0125, 0.025), (0.05, 0.1)  # sigmas of bands of detail, in sides of the box
# What a face has at least of coarse detail: this share of its surroundings', and so many levels.
_LEAST_COARSE, _LEAST_255 = 0.3, 2.0
_NOISY_255 = 0.7  # from so much grain on, in the reduced face; ...
_STRENGTH, _PATCH_PX, _SEARCH_PX = 1.6, 5, 15  # ... it is taken off by non-local means


@dataclass(frozen=True)
class Concealment:
    """What was measured of one face."""

    between: float  # see `BETWEEN`; 1 where there is no room for a mosaic
    band_255: float  # spread of the flattest band across the eyes, grey levels of 255, ...
    spread_255: float  # ... and of the whole face
    detail: float  # fine detail of the face, in its coarse detail, ...
    around: float  # ... and of its surroundings; 0 where there are none
    edges: float  # the steepest edges of the face, in those of its surroundings

    @property
    def how(self) -> HiddenHow | None:
        """How the face was hidden; None if it was not."""
        if self.band_255 <= max(BAND_255, BAND_SHARE * self.spread_255):
            return "blacked out"
        if self.between <= BETWEEN:
            return "pixelated"
        blurred_alone = self.detail <= DETAIL_SHARE * self.around or self.edges <= EDGE_SHARE
        if self.detail <= DETAIL and blurred_alone:
            return "blurred"
        return None


def measure_concealment(pixels: Pixels, box: Values, points: Values) -> Concealment:
    """Measures the face of a photo (H, W, 3) with this box (4,) and these points (5, 2), px.

    As it is if it seems hidden then, or has no grain; else without its grain.
    """
    views = (_view(pixels, box, points, _MOSAIC_PX), _view(pixels, box, points, _LOOK_PX))
    measured = _measured(*views)
    if measured.how is not None or all(view.noise_255 < _NOISY_255 for view in views):
        return measured
    return _measured(*(view.without_grain() for view in views))


@dataclass(frozen=True, eq=False)
class _View:
    """A face and its surroundings, reduced; box and points in there."""

    grey: Values  # (h, w), levels of 255
    box: Values
    points: Values
    noise_255: float

    @property
    def black_255(self) -> float:
        """Up to here shadow has left one level; grain that was cut off there has raised it."""
        return _BLACK_255 + self.noise_255

    @property
    def white_255(self) -> float:
        """From here on light has left one level."""
        return _WHITE_255 - self.noise_255

    def without_grain(self) -> _View:
        levels = np.clip(np.rint(self.grey), 0, 255).astype(np.uint8)
        smooth = cv2.fastNlMeansDenoising(
            levels, None, _STRENGTH * self.noise_255, _PATCH_PX, _SEARCH_PX
        )
        return replace(self, grey=np.asarray(smooth, np.float32))


def _measured(finer: _View, view: _View) -> Concealment:
    grey, near = view.grey, view.box
    side = float(np.sqrt(np.maximum(near[2:] - near[:2], 1.0).prod()))
    inside = np.zeros(grey.shape, np.bool_)
    inside[_part(near, 0.7)] = True
    outside = np.ones(grey.shape, np.bool_)
    outside[_part(near, 1.4)] = False
    fine, coarse = (_band(grey, low * side, high * side) for low, high in (_FINE, _COARSE))
    whole = grey[_part(near, 1.0)]
    inner, outer = (_spread(coarse, where) for where in (inside, outside))
    return Concealment(
        between=_between_edges(finer),
        band_255=_band_spread(view, inside),
        spread_255=float(whole.std()) if whole.size else 0.0,
        # A face that is blurred beyond measure has no coarse detail to compare with either.
        detail=_spread(fine, inside) / max(inner, _LEAST_COARSE * outer, _LEAST_255),
        around=_spread(fine, outside) / max(outer, _LEAST_255),
        edges=_steepest(fine, inside) / max(_steepest(fine, outside), _LEAST_255),
    )


def _view(pixels: Pixels, box: Values, points: Values, side_px: int) -> _View:
    """Reduced so that the face has this side at most."""
    side = max(float(np.sqrt(np.maximum(box[2:] - box[:2], 1.0).prod())), 1.0)
    middle = (box[:2] + box[2:]) / 2
    size = np.array([pixels.shape[1], pixels.shape[0]])
    low = np.clip(np.floor(middle - _AROUND * side), 0, size - 1).astype(int)
    high = np.clip(np.ceil(middle + _AROUND * side), low + 1, size).astype(int)
    part = pixels[low[1] : high[1], low[0] : high[0]]
    scale = min(1.0, side_px / side)
    if scale < 1.0:
        wanted = (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1))
        part = np.asarray(cv2.resize(part, wanted, interpolation=cv2.INTER_AREA), pixels.dtype)
    grey = to_float(part) @ LUMA
    return _View(
        grey * np.float32(255.0),
        ((box.reshape(2, 2) - low) * scale).reshape(4),
        ((points - low) * scale).astype(np.float32),
        noise_255(grey, np.ones(grey.shape, np.bool_)),
    )


def _part(box: Values, share: float) -> tuple[slice, slice]:
    """The middle of a box, as slices."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * share
    left, top = (max(int(value), 0) for value in np.round(middle - half))
    right, bottom = (max(int(value), 0) for value in np.round(middle + half))
    return slice(top, bottom), slice(left, right)


def _between_edges(view: _View) -> float:
    """How much happens half-way between the edges of the likeliest mosaic, in what is on them."""
    face = _part(view.box, 0.9)
    upright = view.grey[face]
    askew = _askew(upright)
    if abs(askew) < _UPRIGHT:
        return _off_any_grid(upright)
    x, y = ((view.box[:2] + view.box[2:]) / 2).tolist()
    turn = cv2.getRotationMatrix2D((x, y), float(np.rad2deg(askew)), 1.0)
    turned = cv2.warpAffine(
        view.grey, turn, view.grey.shape[::-1], None, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    )
    return min(_off_any_grid(upright), _off_any_grid(np.asarray(turned, np.float32)[face]))


def _askew(grey: Values) -> float:
    """By how much most edges are turned from upright and level ones: radians, up to an eighth."""
    calm = cv2.GaussianBlur(grey, (0, 0), 0.8)
    across, down = (cv2.Sobel(calm, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    # Four times the angle is the same for all four directions of a grid.
    steep = np.asarray(across, np.float64) + 1j * np.asarray(down, np.float64)
    return float(np.angle((steep**4 / np.maximum(np.abs(steep) ** 2, 1e-9)).sum()) / 4.0)


def _off_any_grid(grey: Values) -> float:
    """The steps half-way between a grid's lines, in those on them, for the likeliest grid."""
    most = min(grey.shape) / _FEWEST_BLOCKS
    if most <= _SMALLEST_BLOCK_PX:
        return 1.0
    periods = np.arange(_SMALLEST_BLOCK_PX, most, 0.25)
    # Over as much of a block as there is beside its edge and beside its middle: grain averages out.
    widths = np.maximum(np.rint(periods / 3), 1).astype(int)
    steps = {width: _steps(grey, width) for width in np.unique(widths).tolist()}
    across, down = (
        np.array(
            [
                _off_grid(steps[width][axis], period)
                for period, width in zip(periods.tolist(), widths.tolist(), strict=True)
            ]
        )
        for axis in (0, 1)
    )
    oblong = np.abs(np.log(periods[:, None] / periods))
    both = np.where(
        oblong <= np.log(_MOST_OBLONG), np.maximum(across[:, None], down), np.float64(np.inf)
    )
    return float(both.min())


def _steps(grey: Values, width_px: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean squared steps between neighbouring squares of this width: along the rows, the columns.

    For every place between two columns (or rows) that has room for a square on either side.
    """
    squares = cv2.boxFilter(grey, cv2.CV_64F, (width_px, width_px), borderType=cv2.BORDER_REFLECT)
    whole = squares[:, width_px // 2 :]  # of squares that begin at column 0, 1, ...
    whole = whole[:, : grey.shape[1] - width_px + 1]
    high = squares[width_px // 2 :][: grey.shape[0] - width_px + 1]
    across = whole[:, width_px:] - whole[:, :-width_px]
    down = high[width_px:] - high[:-width_px]
    return np.square(across).mean(axis=0), np.square(down).mean(axis=1)


def _off_grid(squares: NDArray[np.float64], period: float) -> float:
    """The steps half-way between a grid's lines, in those on them, at the best phase."""
    phases = np.arange(0.0, period, 0.5)[:, None]
    lines = phases + np.arange(0.0, len(squares), period)
    places = np.arange(len(squares))
    on, off = (
        np.where(at <= len(squares) - 1, np.interp(at, places, squares), np.nan)
        for at in (lines, lines + period / 2)
    )
    ratios = np.nanmean(off, axis=1) / np.maximum(np.nanmean(on, axis=1), 1e-3)
    return float(np.sqrt(ratios.min()))


def _band_spread(view: _View, face: NDArray[np.bool_]) -> float:
    """How far the levels of a band across both eyes lie from its median: the 70th percentile.

    Of the flattest of several bands: as the eyes lie and level, there and a little up and down.
    `face` (H, W): the pixels of the face.
    """
    along = view.points[1] - view.points[0]
    level = np.array([np.hypot(*along), 0.0], np.float32)
    return min(_band_at(view, direction, up, face) for direction in (along, level) for up in _BANDS)


def _band_at(view: _View, along: Values, up: float, face: NDArray[np.bool_]) -> float:
    grey, middle = view.grey, (view.points[0] + view.points[1]) / 2
    across = np.array([-along[1], along[0]], np.float32)
    x, y = np.meshgrid(np.linspace(-0.75, 0.75, 48), np.linspace(-0.15, 0.15, 10) + up)
    places = (middle + x[..., None] * along + y[..., None] * across).astype(np.float32)
    band = cv2.remap(
        grey, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    level = float(np.median(band))
    if not view.black_255 < level < view.white_255:
        y, x = np.nonzero(face)
        apart = (np.stack((x, y), axis=1) - middle) @ across / max(float(across @ across), 1e-6)
        rest = grey[face][np.abs(apart - up) > _BAR]
        dark = level <= view.black_255
        lost = rest <= view.black_255 if dark else rest >= view.white_255
        least, most = _LOST_SHARE
        if rest.size and least < float(lost.mean()) < most:
            return np.inf
    return float(np.quantile(np.abs(band - level), 0.7))


def _band(grey: Values, low: float, high: float) -> Values:
    """Detail between two sigmas, px."""
    finer, coarser = (cv2.GaussianBlur(grey, (0, 0), max(sigma, 0.3)) for sigma in (low, high))
    return np.asarray(finer - coarser, np.float32)


def _spread(detail: Values, where: NDArray[np.bool_]) -> float:
    """Standard deviation of detail; 0 where there is too little to look at."""
    return float(detail[where].std()) if np.count_nonzero(where) >= 30 else 0.0


def _steepest(fine: Values, where: NDArray[np.bool_]) -> float:
    """What only one pixel in fifty of fine detail exceeds; 0 where there is too little."""
    return float(np.quantile(np.abs(fine[where]), 0.98)) if np.count_nonzero(where) >= 30 else 0.0
