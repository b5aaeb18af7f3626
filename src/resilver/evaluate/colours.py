"""How good guessed colours are: near the truth, of its hues, and inside the lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

HUES = 36  # bins of the histogram
_GREY = 0.5  # mean chroma up to which a picture has no hues: rounding gives grey some
_EDGE_L = 20.0  # a step of lightness over `_NEAR` that counts as a strong edge
_COLOUR_STEP = 15.0  # a*b* units between the sides of an edge between two colours
_EVEN_L = 5.0
_NEAR, _FAR = 0.006, 0.02  # from an edge, in longer sides of the photo

Picture = NDArray[np.float32]


def chroma_error(first: Picture, second: Picture) -> float:
    """Between two L*a*b* pictures (H, W, 3): the mean distance in a*b*."""
    return float(np.linalg.norm(first[..., 1:] - second[..., 1:], axis=2).mean())


def hue_distance(first: Picture, second: Picture) -> float:
    """Between two L*a*b* pictures: half the sum of differences of their hue histograms, 0..1.

    Each pixel counts by its chroma; a picture without any colour is at distance 1 from all others.
    """
    one, other = _hues(first), _hues(second)
    if not one.any() and not other.any():
        return 0.0
    return float(np.abs(one - other).sum() / (one.sum() + other.sum()))


def _hues(lab: Picture) -> NDArray[np.float64]:
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    turns = np.arctan2(lab[..., 2], lab[..., 1]) / (2 * np.pi)
    bins = np.floor((turns + 0.5) * HUES).astype(np.intp) % HUES
    counts = np.bincount(bins.ravel(), chroma.ravel(), minlength=HUES)
    return counts / counts.sum() if counts.sum() > _GREY * lab[..., 0].size else np.zeros(HUES)


def leak(lab: Picture) -> float:
    """How much of a step of colour lies beside the step of lightness it belongs to, 0..1.

    At every strong edge of lightness between two colours, the colours near it are held against
    those further off on the same side. 0: colour changes where lightness does. nan: no such edge.
    """
    longest = max(lab.shape[:2])
    near, far = max(round(_NEAR * longest), 2), max(round(_FAR * longest), 4)
    steps: list[NDArray[np.float32]] = []
    beside: list[NDArray[np.float32]] = []
    for picture in (lab, np.ascontiguousarray(lab.transpose(1, 0, 2))):
        places = picture[:, far:-far]
        width = picture.shape[1]
        left, right = (picture[:, far + d : width - far + d] for d in (-near, near))
        outer = [picture[:, far + d : width - far + d] for d in (-far, far)]
        if places.size == 0:
            continue
        step = np.linalg.norm(outer[1][..., 1:] - outer[0][..., 1:], axis=2)
        slope = np.abs(right[..., 0] - left[..., 0])
        # The edge itself, not all that lies near it.
        crest = np.abs(cv2.Sobel(picture[..., 0], cv2.CV_32F, 1, 0))
        top = cv2.dilate(crest, np.ones((1, 2 * near + 1), np.uint8))
        here = (crest >= top)[:, far:-far] & (slope > _EDGE_L) & (step > _COLOUR_STEP)
        # Both sides even, else what lies further off is another thing.
        for inner, beyond in zip((left, right), outer, strict=True):
            here &= np.abs(inner[..., 0] - beyond[..., 0]) < _EVEN_L
        off = [
            np.linalg.norm(inner[..., 1:] - beyond[..., 1:], axis=2)
            for inner, beyond in zip((left, right), outer, strict=True)
        ]
        steps.append(step[here])
        beside.append(((off[0] + off[1]) / 2)[here])
    total = float(sum(part.sum() for part in steps))
    return float(sum(part.sum() for part in beside)) / total if total > 0 else float("nan")
