"""How much of what the recogniser sees is believed: looks, more or less strict.

With hysteresis after Canny (1986): a faint pixel counts only where it hangs together with certain
ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.stages.draft import Mark

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


# What the recogniser is unsure of is damage on a ruined print, and a cloud, a twig, a rope or a
# caption on a sound one. Old prints have faded, or are black and white; of one that is likely to be
# damaged by all that is seen of it (`recognition.Evidence`) an open look is believed, of one that
# may be a wary one. Of all other photos, only what a strict look finds is.
STRICT = Look(0.65, 0.98, 0.7)
WARY = Look(STRICT.weak, STRICT.certain, 0.2)
OPEN = Look(STRICT.weak, 0.85, 0.1)
# Of solid shapes beside a face. On our own ageing nearly all of them are damage, so not more than
# this is asked: a stricter look than 0.1 took back half of what was rightly found there.
WORN = Look(STRICT.weak, STRICT.certain, 0.1)
# Where the person says that the photo is damaged, or where it is beyond doubt.
TOLD = Look(0.6, OPEN.certain, 0.0)
SMALLEST_GROUP_PX = 5  # smaller groups are grain, not dust
KIND_MARKS = (Mark.SCRATCH, Mark.MISSING, Mark.STAIN, Mark.DUST)  # in the network's order
# Beside the kind, how probable: only between `see` and `keep`.
LIKELY_BIT, SURE_BIT, CERTAIN_BIT = 32, 64, 128


@dataclass(frozen=True, eq=False)
class Groups:
    """Connected groups of pixels; the first is what belongs to none."""

    labels: NDArray[np.int32]  # (H, W): the group of each pixel
    sizes: NDArray[np.int32]  # (n,): pixels of each

    @classmethod
    def of(cls, pixels: Mask) -> Groups:
        _count, labels, stats, _centres = cv2.connectedComponentsWithStats(
            pixels.view(np.uint8), connectivity=8
        )
        return cls(np.asarray(labels, np.int32), np.asarray(stats[:, cv2.CC_STAT_AREA], np.int32))

    def within(self, where: Mask) -> NDArray[np.int64]:
        """(n,): pixels of each that lie in (H, W)."""
        return np.bincount(self.labels[where], minlength=len(self.sizes))

    def mostly(self, where: Mask) -> Mask:
        """(n,): which of them lie in (H, W) by more than half."""
        return self.within(where) > self.sizes / 2

    def thickest_px(self) -> NDArray[np.float64]:
        """(n,): how wide each is where it is widest."""
        depth_px = cv2.distanceTransform((self.labels > 0).astype(np.uint8), cv2.DIST_L2, 3)
        widest = np.zeros(len(self.sizes))
        np.maximum.at(widest, self.labels.ravel(), 2.0 * np.asarray(depth_px).ravel())
        return widest

    def spare(self, found: Mask, which: Mask, kept: Mask) -> None:
        """Takes some of the groups (n,) out of (H, W), in place, but for what is `kept`."""
        which[0] = False
        if which.any():
            found &= ~which[self.labels] | kept


def marks_from_maps(maps: NDArray[np.float32]) -> Marks:
    """Probability maps (5, h, w), the last one "any" -> marks (h, w); bits 5 to 7 say how sure."""
    damaged = maps[4] >= TOLD.weak
    likeliest = maps[:4].argmax(axis=0)
    marks = np.zeros(damaged.shape, np.uint8)
    for index, kind in enumerate(KIND_MARKS):
        marks[damaged & ((likeliest == index) | (maps[index] >= 0.5))] |= np.uint8(kind)
    marks[maps[4] >= STRICT.weak] |= np.uint8(LIKELY_BIT)
    marks[maps[4] >= OPEN.certain] |= np.uint8(SURE_BIT)
    marks[maps[4] >= STRICT.certain] |= np.uint8(CERTAIN_BIT)
    return marks


def believed(marks: Marks, look: Look) -> Mask:
    """Which of the marks that `see` gave are damage by one of the looks of this file, (H, W)."""
    weak = 0xFF if look == TOLD else LIKELY_BIT
    certain = CERTAIN_BIT if look.certain == STRICT.certain else SURE_BIT
    return _groups(marks, weak, certain, look.share)


def keep(marks: Marks, kept: Mask) -> None:
    """Takes out all other marks, in place, and what they say of how probable they are."""
    marks[~kept] = 0
    marks &= np.uint8(~(LIKELY_BIT | SURE_BIT | CERTAIN_BIT) & 0xFF)


def _groups(marks: Marks, weak_bits: int, certain_bits: int, share: float) -> Mask:
    """Connected groups of pixels with a weak bit, of which a share has a certain bit, (H, W)."""
    groups = Groups.of((marks & np.uint8(weak_bits)) != 0)
    witnesses = groups.within((marks & np.uint8(certain_bits)) != 0)
    kept = (
        (witnesses > 0) & (witnesses >= share * groups.sizes) & (groups.sizes >= SMALLEST_GROUP_PX)
    )
    kept[0] = False
    return kept[groups.labels]
