"""Stains by their colour: where a print in one tone has a colour that its tone does not explain.

In a black and white print, toned or not, brightness decides the colour. Rust, foxing, mould, coffee
and old water are brown or yellow, and lie on it with an edge. Both hold for little else: paper that
yellows from its border inwards has no edge, and what was coloured by hand has more than one hue.
On the prints in one tone of the suite `aged` 86 % of the stained pixels are found, at a precision
of 96 %.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import Pixels, to_float
from resilver.imaging.tone import Tone

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# All colours in grey levels of 255: red against green, and blue against both.
WEAK, STRONG = 4.0, 6.0  # a group of pixels is off the tone by the first, and by the second once
# How much more than the photo around it a group is so. Of 135 real prints without stains that the
# recogniser learned or was looked at with, none has a hundredth of its area called a stain.
EDGE = 5.5
# Less is enough on a print whose sound parts keep strictly to its tone: by this factor where they
# do so exactly, rising to 1 with what they usually miss it by, in levels.
CALM = 0.6
BORDER = 0.4  # of a stain's usual colour, at its border
VIVID = 100.0  # more than this no stain has: a thing that was left its colour, or given one
YELLOW = 0.6  # cosine to yellow, from which on a colour is brown or yellow
MEANT_SHARE = 0.25  # other colours, of the stains' area, from which on all of them are meant
# Share of the borders along rows and columns beyond which they are those of JPEG's blocks, of paper
# or of a second print. Stains of the suite `aged` have up to 0.35, and all but one up to 0.37 after
# JPEG of quality 75; what that quality makes of sound prints in one tone mostly has 0.38 to 0.57.
STRAIGHT_SHARE = 0.37
MOST_SHARE = 0.2  # of the photo; more than this is two prints in one scan, not a stain
SMALLEST_PX = 40  # of a group, in the copy that is looked at
LOOK_PX = 1600  # longest side of that copy
_BLUR_PX = 2.5  # traces of compression are smaller
# Once a stain is known, its border is looked for in finer detail, so far out, against its colour so
# near.
_FINE_BLUR_PX, _REACH_PX, _NEAR_PX = 1.2, 6, 10.0
_INSIDE_PX, _OUTSIDE_PX = (3, 8), (4, 10)  # from the border of a group, where its edge is
_RIM_PX = 7  # side of the square that a border lies in
_STRAIGHT_SLOPE = 0.21  # tangent of the angle (12 degrees) up to which a border is straight


def off_tone_stains(pixels: Pixels) -> Mask | None:
    """Stains that differ from the tone of a print by their colour.

    Args:
        pixels: (H, W, 3), 8 or 16 bit, of a print in one tone (`resilver.imaging.tone`).

    Returns:
        (H, W); None where there are none, or where the colours are meant.
    """
    colour = Tone.of(pixels).unexplained(to_float(shrunk(pixels, LOOK_PX)))
    strength, yellow = _seen(colour, _BLUR_PX)
    strength /= np.float32(min(1.0, CALM + float(np.median(strength))))
    if not (yellow & (strength > STRONG)).any():
        return None
    brown = np.where(yellow, strength, np.float32(0))
    stains, *others = (*_with_an_edge(brown), *_with_an_edge(strength - brown))
    meant = sum(int(other.sum()) for other in others)
    if not 0 < stains.mean() <= MOST_SHARE or meant > MEANT_SHARE * stains.sum():
        return None
    if _straight_share(stains, brown) > STRAIGHT_SHARE:
        return None
    stains = _bordered(stains, *_seen(colour, _FINE_BLUR_PX))
    size = (pixels.shape[1], pixels.shape[0])
    full = cv2.resize(stains.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(full, np.uint8).view(np.bool_)


def _seen(colour: Values, blur_px: float) -> tuple[Values, Mask]:
    """Colours off the tone (H, W, 2) -> how strong they are (H, W), and whether they are yellow."""
    calm = np.asarray(cv2.GaussianBlur(colour, (0, 0), blur_px), np.float32)
    strength = np.hypot(calm[..., 0], calm[..., 1])
    return strength, -calm[..., 1] >= YELLOW * strength


def _straight_share(stains: Mask, strength: Values) -> float:
    """How much of the slope at the stains' borders runs along rows or columns, 0..1."""
    across, down = (cv2.Sobel(strength, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    slope = np.hypot(across, down)
    square = np.ones((_RIM_PX, _RIM_PX), np.uint8)
    whole = stains.view(np.uint8)
    rim = (cv2.dilate(whole, square) > 0) & (cv2.erode(whole, square) == 0)
    less, more = np.minimum(abs(across), abs(down)), np.maximum(abs(across), abs(down))
    straight = less < _STRAIGHT_SLOPE * more
    return float(slope[rim & straight].sum() / max(float(slope[rim].sum()), 1e-6))


def _bordered(stains: Mask, strength: Values, yellow: Mask) -> Mask:
    """Stains (H, W) that end where their colour has fallen to a part of what it is near by."""
    kept = stains.astype(np.float32)
    near = cv2.GaussianBlur(kept, (0, 0), _NEAR_PX)
    usual = cv2.GaussianBlur(kept * strength, (0, 0), _NEAR_PX) / np.maximum(near, 1e-3)
    reached = _dilated(stains.view(np.uint8), _REACH_PX)
    inside = (reached & yellow & (strength > BORDER * usual)).view(np.uint8)
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, _disc(2))
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disc(1)), np.uint8) > 0


def _with_an_edge(strength: Values) -> tuple[Mask, Mask]:
    """Groups of pixels off the tone with an edge (H, W): as strong as stains, and vivid ones."""
    weak = (strength > WEAK).view(np.uint8)
    count, connected, stats, _centres = cv2.connectedComponentsWithStats(weak, connectivity=8)
    labels = np.asarray(connected, np.int32)
    strong = np.zeros(count, np.bool_)
    strong[labels[strength > STRONG]] = True
    strong &= stats[:, cv2.CC_STAT_AREA] >= SMALLEST_PX
    groups = strong[labels]
    if not groups.any():
        return groups, groups
    inside, outside = border_bands(groups.view(np.uint8))
    within = _medians(strength[groups], labels[groups], count)
    at_rim = _medians(strength[inside], labels[inside], count)
    thin = np.bincount(labels[inside], minlength=count) == 0  # all of it is rim
    owner = nearest_groups(groups.view(np.uint8), labels)
    around = _medians(strength[outside], owner[outside], count)
    stained = strong & (np.where(thin, within, at_rim) - around >= EDGE)
    vivid = within > VIVID
    return (stained & ~vivid)[labels], (stained & vivid)[labels]


def _medians(values: Values, labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    """Of values (n,) of `count` groups the (upper) median of each; 0 of those without any."""
    order = np.lexsort((values, labels))
    members = np.bincount(labels, minlength=count)
    middle = np.cumsum(members) - members + members // 2
    medians = np.zeros(count)
    medians[members > 0] = values[order][middle[members > 0]]
    return medians


def nearest_groups(groups: NDArray[np.uint8], labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Of every pixel the label of the group (h, w) in {0, 1} that is nearest; one at least."""
    _away, numbered = cv2.distanceTransformWithLabels(
        1 - groups, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP
    )
    owner = np.asarray(numbered, np.int32)
    # OpenCV numbers the groups here in an order of its own.
    known = np.zeros(int(owner.max()) + 1, np.int32)
    known[owner[groups > 0]] = labels[groups > 0]
    return known[owner]


def border_bands(groups: NDArray[np.uint8]) -> tuple[Mask, Mask]:
    """Groups (h, w) in {0, 1} -> bands (h, w) along their borders, inside and outside of them."""
    inside = _eroded(groups, _INSIDE_PX[0]) & ~_eroded(groups, _INSIDE_PX[1])
    outside = _dilated(groups, _OUTSIDE_PX[1]) & ~_dilated(groups, _OUTSIDE_PX[0])
    return inside, outside


def _eroded(group: NDArray[np.uint8], by_px: int) -> Mask:
    return np.asarray(cv2.erode(group, _disc(by_px), borderValue=1), np.uint8) > 0


def _dilated(group: NDArray[np.uint8], by_px: int) -> Mask:
    return np.asarray(cv2.dilate(group, _disc(by_px)), np.uint8) > 0


def _disc(radius_px: int) -> NDArray[np.uint8]:
    side = 2 * radius_px + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
