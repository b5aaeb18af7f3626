"""Recognition of damage: what of all that is seen of a photo is believed, and why."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass

import numpy as np

from resilver.imaging.faces import Faces, face_areas, feature_areas, person_areas
from resilver.stages.draft import Mark
from resilver.stages.looks import (
    CERTAIN_BIT,
    OPEN,
    STRICT,
    SURE_BIT,
    TOLD,
    WARY,
    WORN,
    Groups,
    Mask,
    believed,
)
from resilver.stages.sight import OLD_COLOUR_255, Sight

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
SOLID_SIDES = 0.08  # thicker than this, in sides of the face's box, is no scratch but a shape


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
                groups = Groups.of(found[area])
                groups.spare(found[area], groups.mostly(where > 0), kept[area])
            groups = Groups.of(found[area])
            missing = (sight.marks[area] & np.uint8(Mark.MISSING)) != 0
            shapes = groups.mostly(missing) & (
                groups.thickest_px() >= SOLID_SIDES * float(face.sides_px[0])
            )
            beside = groups.mostly(person_areas(here, size) > 0)
            groups.spare(found[area], shapes & beside, certain[area])
    return found


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
    sure = np.count_nonzero(marks[found] & np.uint8(SURE_BIT))
    certain = np.count_nonzero(marks & np.uint8(CERTAIN_BIT))
    return Evidence(
        count / marks.size,
        sure / max(count, 1),
        certain / marks.size,
        sight.faded,
        sight.colour < OLD_COLOUR_255,
    )
