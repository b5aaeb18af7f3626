"""A restored face goes back into its photo: without a seam, without a tint, and nowhere else.

Not what a network painted is laid into the photo but what it changed. So grain finer than the
network's frame stays as it lies over the rest of the photo, and a face that the network left alone
comes back to the bit. Of the change, what varies slowly is taken out: it would be a tint, or a
brightness that the neck does not have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.alignment import Matrix, inverse, laid
from resilver.imaging.measures import LUMA
from resilver.imaging.tiles import Area, to_float, to_u16

Frame = NDArray[np.float32]  # (side, side, 3)
Weights = NDArray[np.float32]

# The part of a frame that is laid back, an ellipse from the hair to the chin, in sides.
_MIDDLE = (0.5, 0.52)
_RADII = (0.43, 0.46)
_FEATHER = 0.35  # over this share of the radii it fades out
_SLOW = 1 / 8  # what varies over more than this of the frame's side is colour, not detail
_LOOK_PX = 64  # side at which that is measured
_STRIP_ROWS = 256


@dataclass(frozen=True, eq=False)
class Placed:
    """The place of a face's frame in a photo."""

    matrix: Matrix  # from pixels of the photo to those of the frame, as `frame_of` gives it
    side_px: int  # of the frame

    def area(self, size: tuple[int, int]) -> Area | None:
        """The part of a photo (height, width) within which something changes; None if empty."""
        back = inverse(self.matrix)
        middle = np.array(_MIDDLE) * self.side_px - 0.5
        x, y = back[:, :2] @ middle + back[:, 2]
        wide, high = np.hypot(*(back[:, :2] * (np.array(_RADII) * self.side_px)).T)
        left, right = max(int(np.floor(x - wide)), 0), min(int(np.ceil(x + wide)) + 1, size[1])
        top, bottom = max(int(np.floor(y - high)), 0), min(int(np.ceil(y + high)) + 1, size[0])
        return Area(top, bottom, left, right) if top < bottom and left < right else None

    def weights(self, area: Area) -> Weights:
        """(h, w) over an area of the photo: 1 in the face, fading to exactly 0 around it."""
        columns = np.arange(area.left, area.right, dtype=np.float32)[None, :]
        rows = np.arange(area.top, area.bottom, dtype=np.float32)[:, None]
        apart = np.zeros((area.bottom - area.top, area.right - area.left), np.float32)
        for axis in (0, 1):
            across, down, shift = (np.float32(value) for value in self.matrix[axis])
            place = (across * columns + down * rows + shift + np.float32(0.5)) / self.side_px
            apart += np.square((place - _MIDDLE[axis]) / _RADII[axis])
        inwards = np.clip((1.0 - np.sqrt(apart)) / _FEATHER, 0.0, 1.0)
        return (inwards * inwards * (3.0 - 2.0 * inwards)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Patch:
    """What is to change in one face."""

    place: Placed
    change: Frame  # (side, side, 3), or (side, side, 1) for all channels alike: see `matched`


def matched(shown: Frame, restored: Frame, *, toned: bool) -> Frame:
    """What a restored face changes of the face as the photo shows it, its colour left alone.

    Args:
        shown: (side, side, 3) in [0, 1], the face in its frame.
        restored: the same, restored.
        toned: the photo is monochrome, toned or not. Its colours follow its brightness, so only a
            change of brightness is taken, with the tone's own share in each channel.

    Returns:
        (side, side, 3); of a face whose channels are equal (side, side, 1), so that grey stays grey
        to the bit.
    """
    change = restored - shown
    grey = bool((shown[..., :1] == shown).all())
    if grey or toned:
        change = (change @ LUMA)[..., None]
    detail = change - _slow(change)
    return detail if grey or not toned else detail * _tone(shown)


def lay(
    out: NDArray[np.uint16],
    patches: Sequence[Patch],
    spared: Sequence[Placed],
    strength: float,
) -> Iterator[tuple[Area, NDArray[np.bool_]]]:
    """Lays patches into a 16-bit photo (H, W, 3), in place, strip by strip.

    Where two patches overlap they share the change; faces that are `spared` are not touched.

    Yields:
        Each strip's area, and which of its pixels (h, w) a patch reaches.
    """
    size = (out.shape[0], out.shape[1])
    places = [patch.place for patch in patches]
    for index, patch in enumerate(patches):
        whole = patch.place.area(size)
        others = _meeting(whole, places[:index] + places[index + 1 :], size)
        left_alone = _meeting(whole, spared, size)
        for area in _strips(whole):
            weights = _shared(patch.place, others, left_alone, area)
            reached = weights > 0.0
            if not reached.any():
                continue
            change = laid(patch.change, patch.place.matrix, area)
            change *= (np.float32(strength) * weights)[..., None]
            there = out[area.slices]
            new = to_u16(to_float(there) + change)
            there[reached] = new[reached]
            yield area, reached


def _meeting(area: Area | None, places: Sequence[Placed], size: tuple[int, int]) -> list[Placed]:
    """Those of the places that reach into an area of a photo."""
    if area is None:
        return []
    theirs = ((place, place.area(size)) for place in places)
    return [
        place
        for place, other in theirs
        if other is not None
        and max(area.top, other.top) < min(area.bottom, other.bottom)
        and max(area.left, other.left) < min(area.right, other.right)
    ]


def _shared(
    place: Placed, others: Sequence[Placed], spared: Sequence[Placed], area: Area
) -> Weights:
    """The weights of one face over an area, less what its neighbours need."""
    weights = place.weights(area)
    total = weights.copy()
    for other in others:
        total += other.weights(area)
    weights *= weights / np.maximum(total, np.float32(1e-6))
    for other in spared:
        weights *= np.float32(1.0) - other.weights(area)
    return weights


def _strips(area: Area | None) -> Iterator[Area]:
    if area is None:
        return
    for top in range(area.top, area.bottom, _STRIP_ROWS):
        yield Area(top, min(top + _STRIP_ROWS, area.bottom), area.left, area.right)


def _tone(shown: Frame) -> NDArray[np.float32]:
    """(3,): by how much each channel rises where the brightness of a monochrome face rises by 1."""
    bright = (shown @ LUMA).ravel()
    apart = bright - bright.mean()
    power = float(apart @ apart)
    if power < 1e-6:
        return np.ones(3, np.float32)
    channels = shown.reshape(-1, 3)
    return ((channels - channels.mean(axis=0)).T @ apart / power).astype(np.float32)


def _slow(change: Frame) -> Frame:
    """The part of a change that varies slowly over the face; what lies around it does not count."""
    side = change.shape[0]
    place = Placed(np.eye(2, 3), side)
    weights = place.weights(Area(0, side, 0, side))[..., None]
    look = (_LOOK_PX, _LOOK_PX)
    small = cv2.resize(change * weights, look, interpolation=cv2.INTER_AREA)
    counted = cv2.resize(weights, look, interpolation=cv2.INTER_AREA)
    sigma = _SLOW * _LOOK_PX
    sums = cv2.GaussianBlur(small, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    counts = cv2.GaussianBlur(counted, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    counts = np.maximum(np.asarray(counts), np.float32(1e-6))[..., None]
    slow = np.asarray(sums).reshape(_LOOK_PX, _LOOK_PX, -1) / counts
    slow = cv2.resize(slow, (side, side), interpolation=cv2.INTER_LINEAR)
    return np.asarray(slow, np.float32).reshape(change.shape)
