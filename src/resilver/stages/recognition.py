"""Recognition of damage in a whole photo: what is seen, and how much of it is believed.

After Tencent Youtu (several colour spaces, see `resilver.nets.damage`), with hysteresis after Canny
(1986): a faint pixel counts only where it hangs together with certain ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import OVERLAP_PX, Area, Pixels, tile_areas, tile_count, to_float
from resilver.models.session import Network
from resilver.stages.draft import Mark, Progress

Marks = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Look:
    """How much of what is seen is believed; probabilities and shares in [0, 1].

    One certain pixel is enough for Canny; here a twig or a letter often has one, and damage many.
    """

    weak: float  # a pixel counts from this probability on, if ...
    certain: float  # ... pixels from this probability on ...
    share: float  # ... make up this share of the connected group it belongs to; one at least


# What the recogniser is unsure of is damage on a ruined print, and a twig or a letter on a sound
# one. So where an open look would call much of a photo damaged, it is believed; elsewhere only what
# a strict look finds. Chosen on photos-varied, people-street and a fifth of the larger
# photos-clean, aged and as they are.
STRICT = Look(0.7, 0.98, 0.5)
OPEN = Look(0.4, 0.9, 0.2)
TOLD = Look(OPEN.weak, OPEN.certain, 0.0)  # where the person says that the photo is damaged
EVIDENCE_SHARE = 0.025  # of the photo, from which on the open look is believed
SMALLEST_GROUP_PX = 5  # smaller groups are grain, not dust
SMALLEST_SIDE_PX = 192  # a photo is looked at again at half its size while it stays above this

KIND_MARKS = (Mark.SCRATCH, Mark.MISSING, Mark.STAIN, Mark.DUST)  # in the network's order
# Beside the kind, how probable: only between `see` and `keep`.
_LIKELY_BIT, _SURE_BIT, _CERTAIN_BIT = 32, 64, 128


def see(network: Network, pixels: Pixels, tile_px: int, progress: Progress) -> Marks:
    """Marks (H, W) of a whole photo, seen in detail and, halved again and again, whole.

    A stain too wide to be in view at one size is a blot at the next. The marks say how probable
    they are in their upper bits, for `believed`; `keep` makes them plain `Mark`s.
    """
    height, width = pixels.shape[:2]
    marks = _see_at_scale(network, pixels, tile_px, lambda share: progress(0.75 * share))
    done = 0.75  # each size has a quarter of the pixels of the one before
    while min(pixels.shape[:2]) >= 2 * SMALLEST_SIDE_PX:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), pixels.dtype)
        seen = _see_at_scale(network, pixels, tile_px, lambda _share: None)
        marks |= np.asarray(
            cv2.resize(seen, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8
        )
        done += 0.75 * (1.0 - done)
        progress(done)
    progress(1.0)
    return marks


def _see_at_scale(network: Network, pixels: Pixels, tile_px: int, progress: Progress) -> Marks:
    size = (pixels.shape[0], pixels.shape[1])
    marks = np.zeros(size, np.uint8)
    total = tile_count(size, tile_px)
    for index, area in enumerate(tile_areas(size, tile_px)):
        image = np.moveaxis(to_float(pixels[area.slices]), -1, 0)[None]
        maps, _conditions = network.run(image)
        top = (OVERLAP_PX // 2) if area.top else 0
        left = (OVERLAP_PX // 2) if area.left else 0
        inner = Area(area.top + top, area.bottom, area.left + left, area.right)
        marks[inner.slices] = marks_from_maps(maps[0])[top:, left:]
        progress((index + 1) / total)
    return marks


def marks_from_maps(maps: NDArray[np.float32]) -> Marks:
    """Probability maps (5, h, w), the last one "any" -> marks (h, w); bits 5 to 7 say how sure."""
    damaged = maps[4] >= OPEN.weak
    likeliest = maps[:4].argmax(axis=0)
    marks = np.zeros(damaged.shape, np.uint8)
    for index, kind in enumerate(KIND_MARKS):
        marks[damaged & ((likeliest == index) | (maps[index] >= 0.5))] |= np.uint8(kind)
    marks[maps[4] >= STRICT.weak] |= np.uint8(_LIKELY_BIT)
    marks[maps[4] >= OPEN.certain] |= np.uint8(_SURE_BIT)
    marks[maps[4] >= STRICT.certain] |= np.uint8(_CERTAIN_BIT)
    return marks


def believed(marks: Marks, *, told: bool = False) -> Mask:
    """Which of the marks that `see` gave are damage, (H, W): few if the photo looks sound.

    `told`: the photo is known to be damaged.
    """
    if told:
        return _groups(marks, 0xFF, _SURE_BIT, TOLD.share)
    kept = _groups(marks, 0xFF, _SURE_BIT, OPEN.share)
    if kept.mean() >= EVIDENCE_SHARE:
        return kept
    del kept  # at 100 megapixels every mask counts
    return _groups(marks, _LIKELY_BIT, _CERTAIN_BIT, STRICT.share)


def keep(marks: Marks, kept: Mask) -> None:
    """Takes out all other marks, in place, and what they say of how probable they are."""
    marks[~kept] = 0
    marks &= np.uint8(~(_LIKELY_BIT | _SURE_BIT | _CERTAIN_BIT) & 0xFF)


def _groups(marks: Marks, weak_bits: int, certain_bits: int, share: float) -> Mask:
    """Connected groups of pixels with a weak bit, of which a share has a certain bit, (H, W)."""
    considered = (marks & np.uint8(weak_bits)) != 0
    count, labels, stats, _centres = cv2.connectedComponentsWithStats(
        considered.view(np.uint8), connectivity=8
    )
    del considered
    size = stats[:, cv2.CC_STAT_AREA]
    witnesses = np.bincount(labels[(marks & np.uint8(certain_bits)) != 0], minlength=count)
    kept = (witnesses > 0) & (witnesses >= share * size) & (size >= SMALLEST_GROUP_PX)
    kept[0] = False
    return kept[labels]
