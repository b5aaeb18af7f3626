"""Cut-outs: photos of which parts are hidden. Most programs leave black there, or anything."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import Pixels

Level = TypeVar("Level", bound=np.uint8 | np.uint16 | np.float32)
Mask = NDArray[np.bool_]


def hidden_in(alpha: Pixels | None) -> Mask | None:
    """Where (H, W) nobody sees a photo, by its alpha; None where that is nowhere, or everywhere."""
    if alpha is None:
        return None
    hidden = alpha == 0
    return hidden if hidden.any() and not hidden.all() else None


def continued(pixels: NDArray[Level], hidden: Mask, damaged: Mask | None = None) -> NDArray[Level]:
    """A photo (H, W, 3) as it may go on where it is hidden: mirrored, as beyond its borders.

    What is hidden (H, W) shows what lies as far on the other side of the nearest pixel that is
    neither hidden nor damaged (H, W); where that is unknown too, the pixel itself. Where no pixel
    is known, the photo comes back as it is.
    """
    unknown = hidden if damaged is None else hidden | damaged
    if not hidden.any() or unknown.all():
        return pixels
    _away, numbered = cv2.distanceTransformWithLabels(
        unknown.view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owners, known = np.asarray(numbered, np.int32), np.flatnonzero(~unknown)
    places = np.zeros(known.size + 1, np.intp)
    places[owners.ravel()[known]] = known
    here = np.flatnonzero(hidden)
    nearest = places[owners.ravel()[here]]
    (rows, columns), (near_rows, near_columns) = (
        np.unravel_index(flat, hidden.shape) for flat in (here, nearest)
    )
    beyond_rows, beyond_columns = 2 * near_rows - rows, 2 * near_columns - columns
    inside = (beyond_rows >= 0) & (beyond_rows < hidden.shape[0])
    inside &= (beyond_columns >= 0) & (beyond_columns < hidden.shape[1])
    beyond = np.where(inside, beyond_rows * hidden.shape[1] + beyond_columns, nearest)
    beyond = np.where(unknown.ravel()[beyond], nearest, beyond)
    shown = pixels.copy()
    flat = shown.reshape(-1, pixels.shape[2])
    flat[here] = flat[beyond]
    return shown
