"""How far a hint of colour reaches: over the thing it lies on, and not across its edges.

Reference: Yatziv and Sapiro, "Fast Image and Video Colorization Using Chrominance Blending" (2006):
two places are near if a way leads from one to the other over which lightness hardly changes. Here a
way is long as well where it is lighter or darker than at the hint.
"""

from __future__ import annotations

from collections import defaultdict

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.colouring import ColourHint

_FLAT = 0.6  # over even ground a hint has half of its weight so far away, in longer sides
_STEP_L = 50.0  # a step of lightness that is as long as that way
_OTHER_L = 20.0  # lighter or darker by so much, ground is twice as wide
_LEVELS_L = 10.0  # hints whose places differ by less than this are looked at together
_BLUR_PX = 1.5  # grain is no edge

Values = NDArray[np.float32]


def hint_reach(hints: tuple[ColourHint, ...], light: Values, size: tuple[int, int]) -> Values:
    """What the nearest hint has to say everywhere: 1 at the hints, falling to 0.

    Args:
        hints: at least one, in pixels of the photo.
        light: (h, w) lightness of the photo made small, 0..100.
        size: (height, width) of the photo.

    Returns:
        (h, w) in [0, 1].
    """
    from skimage.graph import MCP_Geometric  # noqa: PLC0415 (0.1 s to import)

    height, width = light.shape
    calm = cv2.GaussianBlur(light, (0, 0), _BLUR_PX)
    across, down = (cv2.Scharr(calm, cv2.CV_32F, *way) / 32.0 for way in ((1, 0), (0, 1)))
    steps = np.hypot(across, down) / _STEP_L
    levels: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for hint in hints:
        point = hint.place(size, (height, width))
        levels[int(calm[point] / _LEVELS_L)].add(point)
    ways = np.full(light.shape, np.inf)
    for points in levels.values():
        own = np.mean([calm[point] for point in points])
        other = 1.0 + np.square((calm - own) / _OTHER_L)
        costs = other / (_FLAT * max(height, width)) + steps
        found, _ = MCP_Geometric(costs.astype(np.float64)).find_costs(sorted(points))
        ways = np.minimum(ways, found)
    return np.exp2(-np.power(ways, 4)).astype(np.float32)
