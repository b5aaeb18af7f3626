"""What the recogniser sees of a whole photo, at several sizes, before anything is believed.

After Tencent Youtu (several colour spaces, see `resilver.nets.damage`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.off_tone import off_tone_stains
from resilver.imaging.tiles import (
    OVERLAP_PX,
    Area,
    Pixels,
    tile_areas,
    tile_count,
    tile_side,
    to_float,
)
from resilver.imaging.tone import TONED_255, colour_left
from resilver.models.session import Network
from resilver.stages.draft import Mark, Progress
from resilver.stages.looks import CERTAIN_BIT, LIKELY_BIT, SURE_BIT, Marks, marks_from_maps

Odds = NDArray[np.float32]

# A photo is old if it has faded with this probability (0.1 before; 0.07 took in more prints of our
# own ageing, F1 0.584 to 0.598, and of 537 sound photos none more was called damaged), ...
OLD_FADED = 0.07
OLD_CAST = 0.2  # ... or has a cast with this one, ...
LIVELY_COLOUR_255 = 21.0  # ... which says nothing beside more colour than this (a sunset), ...
OLD_COLOUR_255 = TONED_255  # ... and surely if it has less than this, see `colour_left`
# Of the area of the stains that the tone of a print does not explain, where the network has to see
# damage too. Of those of the suite `aged` it sees a tenth and more, of an otter's head in grey
# water, of a brown shawl on black cloth nothing.
AGREED_SHARE = 0.05
# How much of the log odds of damage at half a size is what the size itself says: the half alone
# sees more that is not there. When it got its say, and the looks became as open as that allows, F1
# rose from 0.690 to 0.697 on the suite `aged`, from 0.549 to 0.581 on 100 prints of our own ageing;
# of 886 sound photos 35 instead of 31 had more than a hundredth called damaged.
FINER_SAY = 0.4
SMALLEST_SIDE_PX = 192  # a photo is looked at again at half its size while it stays above this
# A larger photo (in pixels) is looked at from half its size on: marks of a print are many pixels
# wide in such a scan, and the look at full size would take three quarters of the time.
FINEST_PX = 8_000_000


@dataclass(frozen=True, eq=False)
class Sight:
    """A photo as the recogniser sees it, before anything is believed."""

    marks: Marks  # (H, W): kinds, and how probable they are in the upper bits, for `believed`
    faded: float  # probability that the photo has faded, ...
    cast: float  # ... and that it has a colour cast
    colour: float  # that the photo has beyond its tone, in levels of 255, see `colour_left`

    @property
    def is_old(self) -> bool:
        """Whether the photo looks like an old print."""
        has_cast = self.cast >= OLD_CAST and self.colour < LIVELY_COLOUR_255
        return self.colour < OLD_COLOUR_255 or self.faded >= OLD_FADED or has_cast


def see(
    network: Network,
    pixels: Pixels,
    tile_px: int | None,
    progress: Progress,
    alpha: Pixels | None = None,
) -> Sight:
    """Looks at a whole photo (H, W, 3) in detail and, halved again and again, whole.

    Where its alpha (H, W) is 0 there is nothing to be seen.

    A stain too wide to be in view at one size is a blot at the next, where the size before has its
    say. On a print in one tone those that its tone does not explain are seen by their colour as
    well. They are certain if the network sees damage in some of them: in brown things and brown
    papers it sees none.
    """
    size = (pixels.shape[0], pixels.shape[1])
    tile_px = tile_side(size, tile_px)
    marks = np.zeros(size, np.uint8)
    colour = colour_left(pixels, alpha)
    judged: list[NDArray[np.float64]] = []
    done, finer = 0.0, None
    whole = pixels
    if size[0] * size[1] > FINEST_PX:
        pixels = _halved(pixels)
    while True:
        share = 0.75 * (1.0 - done)  # each size has a quarter of the pixels of the one before
        part = _part(progress, done, share)
        seen, finer, conditions = _see_at_scale(network, pixels, tile_px, finer, part)
        done += share
        if seen.shape != size:
            enlarged = cv2.resize(seen, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
            seen = np.asarray(enlarged, np.uint8)
        marks |= seen
        judged.append(conditions)
        if min(pixels.shape[:2]) < 2 * SMALLEST_SIDE_PX:
            break
        pixels = _halved(pixels)
    stains = off_tone_stains(whole) if colour < TONED_255 else None
    if stains is not None and np.count_nonzero(marks[stains]) >= AGREED_SHARE * stains.sum():
        marks[stains] |= np.uint8(Mark.STAIN | LIKELY_BIT | SURE_BIT | CERTAIN_BIT)
    if alpha is not None:
        marks[alpha == 0] = 0
    progress(1.0)
    faded, cast = np.mean(judged, axis=0)
    return Sight(marks, float(faded), float(cast), colour)


def _halved(pixels: Pixels) -> Pixels:
    size = (max(pixels.shape[1] // 2, 1), max(pixels.shape[0] // 2, 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), pixels.dtype)


def _part(progress: Progress, start: float, share: float) -> Progress:
    return lambda done: progress(start + share * done)


def _see_at_scale(
    network: Network, pixels: Pixels, tile_px: int, finer: Odds | None, progress: Progress
) -> tuple[Marks, Odds, NDArray[np.float64]]:
    """Marks (H, W), log odds of any damage (H, W) and the mean conditions (2,) at one size.

    `finer`: the log odds at twice the size, if it was looked at; they have a say.
    """
    size = (pixels.shape[0], pixels.shape[1])
    marks, odds = np.zeros(size, np.uint8), np.zeros(size, np.float32)
    if finer is not None:
        finer = np.asarray(cv2.resize(finer, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    total = tile_count(size, tile_px)
    conditions = np.zeros(2)
    for index, area in enumerate(tile_areas(size, tile_px)):
        image = np.moveaxis(to_float(pixels[area.slices]), -1, 0)[None]
        maps, judged = network.run(image)
        conditions += judged[0] / total
        top = (OVERLAP_PX // 2) if area.top else 0
        left = (OVERLAP_PX // 2) if area.left else 0
        inner = Area(area.top + top, area.bottom, area.left + left, area.right)
        odds[inner.slices] = _log_odds(maps[0, 4, top:, left:])
        if finer is not None:
            both = (1.0 - FINER_SAY) * odds[inner.slices] + FINER_SAY * finer[inner.slices]
            maps[0, 4, top:, left:] = 1.0 / (1.0 + np.exp(-both))
        marks[inner.slices] = marks_from_maps(maps[0, :, top:, left:])
        progress((index + 1) / total)
    return marks, odds, conditions


def _log_odds(probability: NDArray[np.float32]) -> Odds:
    """Of probabilities (h, w) in [0, 1], kept from infinity."""
    known = np.clip(probability, 1e-4, 1.0 - 1e-4)
    return np.log(known / (1.0 - known))
