"""How blurred a face is, by its sharpest edges.

After Zhuo and Sim, "Defocus map estimation from a single image" (2011): an edge that is blurred
once more loses the less of its slope, the more blurred it was already. The ratio of the slopes says
how much, whatever the edge's contrast. Grain has slopes of its own, as sharp as can be: where it
lies over the face (measured after Immerkaer, "Fast Noise Variance Estimation", 1996) it is smoothed
away first, and what the smoothing adds is taken off again.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.measures import LUMA

_SMOOTH_PX, _AGAIN_PX = 0.5, 1.0
# From so much noise on. Of faces blurred by 0 to 3 px, with noise of up to 16 levels, the blur is
# then found within half a pixel of what it is without noise; with the above, 3 px pass for 0.7.
_NOISY_255 = 2.0
_SMOOTH_NOISY_PX, _ADDED = 1.5, 2.6
_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
_EDGES = 0.95  # quantile of the slopes from which on a pixel lies on an edge
_MOST_PX = 50.0


def blur_px(face: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Sigma of the blur of a face (H, W, 3) in [0, 1], px: the median over its steepest edges.

    About 1 for a sharp picture. `where` (H, W): the pixels that count.
    """
    grey = face @ LUMA
    noisy = noise_255(grey, where) >= _NOISY_255
    smooth, again = (_SMOOTH_NOISY_PX,) * 2 if noisy else (_SMOOTH_PX, _AGAIN_PX)
    once = cv2.GaussianBlur(grey, (0, 0), smooth)
    twice = cv2.GaussianBlur(once, (0, 0), again)
    slopes, slopes_after = (_slopes(np.asarray(one, np.float32))[where] for one in (once, twice))
    if slopes.size == 0 or slopes.max() <= 0.0:
        return _MOST_PX
    edges = slopes >= np.quantile(slopes, _EDGES)
    ratios = slopes[edges] / np.maximum(slopes_after[edges], 1e-6)
    sigmas = again / np.sqrt(np.maximum(np.square(ratios) - 1.0, _MOST_PX**-2))
    blur = float(np.median(sigmas))
    return float(np.sqrt(max(blur**2 - _ADDED, 0.0))) if noisy else blur


def noise_255(grey: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Standard deviation of the noise of (H, W) in [0, 1], in grey levels of 255.

    By second differences both ways, which edges hardly have; their median, so that what has them
    does not count. `where` (H, W): the pixels that count.
    """
    left = np.abs(cv2.filter2D(grey, -1, _SECOND_DIFFERENCES))[where]
    return 255.0 * float(np.median(left)) / 0.6745 if left.size else 0.0


def _slopes(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    down, across = np.gradient(grey)
    return np.hypot(down, across).astype(np.float32)
