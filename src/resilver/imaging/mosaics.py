"""Mosaics over faces: how much happens between the lines of the likeliest grid."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

_SMALLEST_BLOCK_PX, _FEWEST_BLOCKS = 3.0, 4
# Blocks are squares, or as much higher than wide as the face is that was cut into n by n of them.
_MOST_OBLONG = 1.7
_UPRIGHT = 0.012  # a grid that is turned by less (radians) is as good as upright


def part_of(box: Values, share: float) -> tuple[slice, slice]:
    """The middle of a box, as slices."""
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2 * share
    left, top = (max(int(value), 0) for value in np.round(middle - half))
    right, bottom = (max(int(value), 0) for value in np.round(middle + half))
    return slice(top, bottom), slice(left, right)


def between_edges(grey: Values, box: Values) -> float:
    """How much happens half-way between the edges of the likeliest mosaic, in what is on them.

    Of the face of this box (4,) in grey levels (H, W); 1 where there is no room for a mosaic.
    """
    face = part_of(box, 0.9)
    upright = grey[face]
    askew = _askew(upright)
    if abs(askew) < _UPRIGHT:
        return _off_any_grid(upright)
    x, y = ((box[:2] + box[2:]) / 2).tolist()
    turn = cv2.getRotationMatrix2D((x, y), float(np.rad2deg(askew)), 1.0)
    turned = cv2.warpAffine(
        grey, turn, grey.shape[::-1], None, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
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
