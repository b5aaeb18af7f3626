"""Recognition of damage in a whole photo: what is seen, and how much of it is believed.

After Tencent Youtu (several colour spaces, see `resilver.nets.damage`), with hysteresis after Canny
(1986): a faint pixel counts only where it hangs together with certain ones.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.faces import Faces, face_areas, feature_areas, person_areas
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

Marks = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Odds = NDArray[np.float32]


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
# damaged by all that is seen of it (`Evidence`) an open look is believed, of one that may be a wary
# one. Of all other photos, only what a strict look finds is.
STRICT = Look(0.65, 0.98, 0.7)
WARY = Look(STRICT.weak, STRICT.certain, 0.2)
OPEN = Look(STRICT.weak, 0.85, 0.1)
# Of solid shapes beside a face. On our own ageing nearly all of them are damage, so not more than
# this is asked: a stricter look than 0.1 took back half of what was rightly found there.
WORN = Look(STRICT.weak, STRICT.certain, 0.1)
# Where the person says that the photo is damaged, or where it is beyond doubt.
TOLD = Look(0.6, OPEN.certain, 0.0)
OLD_FADED = 0.1  # a photo is old if it has faded with this probability, ...
OLD_CAST = 0.2  # ... or has a cast with this one, ...
LIVELY_COLOUR_255 = 21.0  # ... which says nothing beside more colour than this (a sunset), ...
OLD_COLOUR_255 = TONED_255  # ... and surely if it has less than this, see `colour_left`
# Log odds that a photo is damaged (see `Evidence`) from which on a look is believed, and the share
# of the photo beyond which no more than the wary one is. When rules by the share of marks alone
# gave way to these, of 819 sound photos in colour and grey 18 instead of 51 lost more than a
# hundredth of their area, at the same F1 on the suite `aged` (0.623 and 0.624).
MAYBE_DAMAGED, LIKELY_DAMAGED, SURELY_DAMAGED = 0.25, 0.65, 1.0
# Of what the open look takes for damage so much has to be certain, or the wary one is taken: of a
# sky of clouds much looks like damage and next to nothing certain. When this came, and likely meant
# 0.65 instead of 0.5, of 987 sound photos (as they are, grey, sepia) 27 instead of 41 had more than
# a hundredth called damaged and the area fell by 44 %, at F1 0.697 before and after on the suite
# `aged`, 0.569 and 0.562 on 120 prints of our own ageing. 0.75 spared three photos more, and left
# the cracks of ruined prints.
CERTAIN_SHARE = 0.04
FLOOD_SHARE = 0.35
LEAST_SHARE = 0.003  # less than this says nothing about a photo
# Of the area of the stains that the tone of a print does not explain, where the network has to see
# damage too. Of those of the suite `aged` it sees a tenth and more, of an otter's head in grey
# water, of a brown shawl on black cloth nothing.
AGREED_SHARE = 0.05
SOLID_SIDES = 0.08  # thicker than this, in sides of the face's box, is no scratch but a shape
SMALLEST_GROUP_PX = 5  # smaller groups are grain, not dust
# How much of the log odds of damage at half a size is what the size itself says: the half alone
# sees more that is not there. When it got its say, and the looks became as open as that allows, F1
# rose from 0.690 to 0.697 on the suite `aged`, from 0.549 to 0.581 on 100 prints of our own ageing;
# of 886 sound photos 35 instead of 31 had more than a hundredth called damaged.
FINER_SAY = 0.4
SMALLEST_SIDE_PX = 192  # a photo is looked at again at half its size while it stays above this
# A larger photo (in pixels) is looked at from half its size on: marks of a print are many pixels
# wide in such a scan, and the look at full size would take three quarters of the time.
FINEST_PX = 8_000_000

KIND_MARKS = (Mark.SCRATCH, Mark.MISSING, Mark.STAIN, Mark.DUST)  # in the network's order
# Beside the kind, how probable: only between `see` and `keep`.
_LIKELY_BIT, _SURE_BIT, _CERTAIN_BIT = 32, 64, 128


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


@dataclass(frozen=True)
class Evidence:
    """What speaks for a photo being damaged, as a whole.

    The weights are those of a logistic regression on old-looking photos, sound and aged, that the
    recogniser was not trained on (`benchmarks/evidence.py` fits them). They were fitted before the
    finer size had a say (`FINER_SAY`); fitted again they were no better.
    """

    open_share: float  # of the photo, that the open look takes for damage
    sure_share: float  # of that, what is as probable as `OPEN.certain`
    certain_share: float  # of the photo, what is as probable as `STRICT.certain`
    faded: float  # probability that it has faded
    is_grey: bool  # without colours beyond its tone

    @property
    def terms(self) -> tuple[float, float, float, float, float]:
        """What the weights are of; all but the last two in logarithms, kept from minus infinity."""
        return (
            math.log(self.open_share + 1e-4),
            math.log(self.sure_share + 0.02),
            math.log(self.certain_share + 1e-5),
            self.faded,
            float(self.is_grey),
        )

    @property
    def log_odds(self) -> float:
        """Of damaged against sound, where both are as frequent."""
        if self.open_share < LEAST_SHARE:
            return -math.inf
        return _BIAS + sum(map(operator.mul, _WEIGHTS, self.terms))


_WEIGHTS, _BIAS = (0.431, 1.039, 0.309, 0.906, 0.509), 3.74  # of `Evidence.terms`


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
        marks[stains] |= np.uint8(Mark.STAIN | _LIKELY_BIT | _SURE_BIT | _CERTAIN_BIT)
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


def marks_from_maps(maps: NDArray[np.float32]) -> Marks:
    """Probability maps (5, h, w), the last one "any" -> marks (h, w); bits 5 to 7 say how sure."""
    damaged = maps[4] >= TOLD.weak
    likeliest = maps[:4].argmax(axis=0)
    marks = np.zeros(damaged.shape, np.uint8)
    for index, kind in enumerate(KIND_MARKS):
        marks[damaged & ((likeliest == index) | (maps[index] >= 0.5))] |= np.uint8(kind)
    marks[maps[4] >= STRICT.weak] |= np.uint8(_LIKELY_BIT)
    marks[maps[4] >= OPEN.certain] |= np.uint8(_SURE_BIT)
    marks[maps[4] >= STRICT.certain] |= np.uint8(_CERTAIN_BIT)
    return marks


def found_in(sight: Sight, faces: Faces, *, told: bool) -> Mask:
    """Which of the marks of a photo are damage, (H, W).

    `told`: the person says that the photo is damaged. In a face nothing more is believed than
    without being told, and of its eyes, nose and mouth only what is beyond doubt: an error there
    costs more than a scratch that stays. Of light, solid shapes beside it, which may be a ribbon or
    a collar, a part at least has to be.
    """
    cautious, sure_of_it = _unasked(sight)
    found = believed(sight.marks, TOLD) if told or sure_of_it else cautious.copy()
    if len(faces) and found.any():
        sure, certain = (believed(sight.marks, look) for look in (STRICT, WORN))
        for index in range(len(faces)):
            face = faces.chosen(np.array([index]))
            # The groups of a face, and enough around it to tell a crack that only crosses it.
            area, here = face.surroundings(found.shape)
            size = found[area].shape
            for where, kept in (
                (face_areas(here, size), cautious),
                (feature_areas(here, size), sure),
            ):
                groups = _Groups.of(found[area])
                groups.spare(found[area], groups.mostly(where > 0), kept[area])
            groups = _Groups.of(found[area])
            missing = (sight.marks[area] & np.uint8(Mark.MISSING)) != 0
            shapes = groups.mostly(missing) & (
                groups.thickest_px() >= SOLID_SIDES * float(face.sides_px[0])
            )
            beside = groups.mostly(person_areas(here, size) > 0)
            groups.spare(found[area], shapes & beside, certain[area])
    return found


@dataclass(frozen=True, eq=False)
class _Groups:
    """Connected groups of pixels; the first is what belongs to none."""

    labels: NDArray[np.int32]  # (H, W): the group of each pixel
    sizes: NDArray[np.int32]  # (n,): pixels of each

    @classmethod
    def of(cls, pixels: Mask) -> _Groups:
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


def _unasked(sight: Sight) -> tuple[Mask, bool]:
    """What is damage when nobody says that there is any; and whether there surely is some."""
    if sight.is_old:
        found = believed(sight.marks, OPEN)
        evidence = evidence_of(sight, found)
        odds, share = evidence.log_odds, evidence.open_share
        certain = evidence.certain_share >= CERTAIN_SHARE * share
        if odds >= LIKELY_DAMAGED and share <= FLOOD_SHARE and certain:
            return found, odds >= SURELY_DAMAGED
        del found  # at 100 megapixels every mask counts
        if odds >= MAYBE_DAMAGED:
            return believed(sight.marks, WARY), False
    return believed(sight.marks, STRICT), False


def evidence_of(sight: Sight, found: Mask) -> Evidence:
    """What speaks for damage in a photo; `found` is what its open look gives, (H, W)."""
    marks, count = sight.marks, np.count_nonzero(found)
    sure = np.count_nonzero(marks[found] & np.uint8(_SURE_BIT))
    certain = np.count_nonzero(marks & np.uint8(_CERTAIN_BIT))
    return Evidence(
        count / marks.size,
        sure / max(count, 1),
        certain / marks.size,
        sight.faded,
        sight.colour < OLD_COLOUR_255,
    )


def believed(marks: Marks, look: Look) -> Mask:
    """Which of the marks that `see` gave are damage by one of the looks of this file, (H, W)."""
    weak = 0xFF if look == TOLD else _LIKELY_BIT
    certain = _CERTAIN_BIT if look.certain == STRICT.certain else _SURE_BIT
    return _groups(marks, weak, certain, look.share)


def keep(marks: Marks, kept: Mask) -> None:
    """Takes out all other marks, in place, and what they say of how probable they are."""
    marks[~kept] = 0
    marks &= np.uint8(~(_LIKELY_BIT | _SURE_BIT | _CERTAIN_BIT) & 0xFF)


def _groups(marks: Marks, weak_bits: int, certain_bits: int, share: float) -> Mask:
    """Connected groups of pixels with a weak bit, of which a share has a certain bit, (H, W)."""
    groups = _Groups.of((marks & np.uint8(weak_bits)) != 0)
    witnesses = groups.within((marks & np.uint8(certain_bits)) != 0)
    kept = (
        (witnesses > 0) & (witnesses >= share * groups.sizes) & (groups.sizes >= SMALLEST_GROUP_PX)
    )
    kept[0] = False
    return kept[groups.labels]
