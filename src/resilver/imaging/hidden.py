"""Faces that somebody hid on purpose: pixelated, blacked out, or blurred.

Three measures, each of which tells the deed from what time and lenses do:

- A mosaic's edges lie on a grid, and between them is nothing. So across the rows and across the
  columns, the mean step from one small square to the next is large at some period and phase, and
  small half-way. Squares of a third of the period, not pixels: grain averages out in them. Of a
  grid that lies askew, as on a tilted head or a scan that was straightened, most edges have one
  direction or the one across it, and along those it is looked for as well.
- A bar leaves no eyes: a band across the face, there or near by, is of one level. (A detector that
  sees no eyes puts them a little off.) Where light or shadow has left no more than one level, it
  has done so in other parts of the face as well. One that lets a little through is a band of few
  levels between two straight edges, both darker or both lighter on its side, from end to end.
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

from resilver.imaging.bars import LEAST_SPREAD_255, Face, flattest_255, framed
from resilver.imaging.measures import LUMA
from resilver.imaging.mosaics import between_edges, part_of
from resilver.imaging.sharpness import noise_255
from resilver.imaging.tiles import Pixels, to_float

HiddenHow = Literal["pixelated", "blacked out", "blurred"]
Values = NDArray[np.float32]

BETWEEN = 0.37  # steps half-way between the edges of a mosaic, in steps on them, at most
BAND_SHARE = 0.04  # spread of a bar in the whole face's own, at most
FRAMED = 4.0  # steps at the edges of a bar that lets a little through, in its spread, at least
DETAIL = 0.2  # fine detail of a blurred face, in coarse detail, at most ...
DETAIL_SHARE, EDGE_SHARE = 0.47, 0.22  # ... and in its surroundings' own, or in their best edges
_MOSAIC_PX, _LOOK_PX = 160, 80  # side of the face's box at which the measures look
_AROUND = 1.3  # half the side of what is looked at, in sides of the box
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
    framed: float  # see `FRAMED`; 0 where no band is framed
    detail: float  # fine detail of the face, in its coarse detail, ...
    around: float  # ... and of its surroundings; 0 where there are none
    edges: float  # the steepest edges of the face, in those of its surroundings

    @property
    def how(self) -> HiddenHow | None:
        """How the face was hidden; None if it was not."""
        flat = self.band_255 <= max(LEAST_SPREAD_255, BAND_SHARE * self.spread_255)
        if flat or self.framed >= FRAMED:
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
    inside[part_of(near, 0.7)] = True
    outside = np.ones(grey.shape, np.bool_)
    outside[part_of(near, 1.4)] = False
    fine, coarse = (_band(grey, low * side, high * side) for low, high in (_FINE, _COARSE))
    whole = grey[part_of(near, 1.0)]
    inner, outer = (_spread(coarse, where) for where in (inside, outside))
    spread_255 = float(whole.std()) if whole.size else 0.0
    face = Face(grey, view.points, inside, spread_255, view.noise_255)
    return Concealment(
        between=between_edges(finer.grey, finer.box),
        band_255=flattest_255(face),
        spread_255=spread_255,
        framed=framed(face),
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
