"""How blurred a face is, by its sharpest edges.

After Zhuo and Sim, "Defocus map estimation from a single image" (2011): an edge that is blurred
once more loses the less of its slope, the more blurred it was already. The ratio of the slopes says
how much, whatever the edge's contrast.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.measures import LUMA

_SMOOTH_PX = 0.5  # grain is not to pass for an edge
_AGAIN_PX = 1.0
_EDGES = 0.95  # quantile of the slopes from which on a pixel lies on an edge
_MOST_PX = 50.0


def blur_px(face: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Sigma of the blur of a face (H, W, 3) in [0, 1], px: the median over its steepest edges.

    About 1 for a sharp picture. `where` (H, W): the pixels that count.
    """
    grey = face @ LUMA
    once = cv2.GaussianBlur(grey, (0, 0), _SMOOTH_PX)
    twice = cv2.GaussianBlur(once, (0, 0), _AGAIN_PX)
    slopes, slopes_after = (_slopes(np.asarray(one, np.float32))[where] for one in (once, twice))
    if slopes.size == 0 or slopes.max() <= 0.0:
        return _MOST_PX
    edges = slopes >= np.quantile(slopes, _EDGES)
    ratios = slopes[edges] / np.maximum(slopes_after[edges], 1e-6)
    sigmas = _AGAIN_PX / np.sqrt(np.maximum(np.square(ratios) - 1.0, _MOST_PX**-2))
    return float(np.median(sigmas))


def _slopes(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    down, across = np.gradient(grey)
    return np.hypot(down, across).astype(np.float32)
