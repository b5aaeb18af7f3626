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
    """A photo (H, W, 3) as it would go on where it is hidden.

    What is hidden (H, W) has the colour of the nearest pixel that is neither hidden nor damaged
    (H, W). Where no pixel is, the photo comes back as it is.
    """
    unknown = hidden if damaged is None else hidden | damaged
    if not hidden.any() or unknown.all():
        return pixels
    _away, numbered = cv2.distanceTransformWithLabels(
        unknown.view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owners = np.asarray(numbered, np.int32)
    colours = np.empty((int(owners.max()) + 1, 3), pixels.dtype)
    colours[owners[~unknown]] = pixels[~unknown]
    shown = pixels.copy()
    shown[hidden] = colours[owners[hidden]]
    return shown
