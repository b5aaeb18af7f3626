"""What travels through the stages, and what a stage says: Draft, Finding, Stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import Pixels
from resilver.models.card import ModelCard
from resilver.photo import Photo


class Mark(IntFlag):
    """What is known of one pixel; a photo's marks are one uint8 array of these flags."""

    SCRATCH = 1  # scratch, crease, crack, hair
    MISSING = 2  # tear, torn corner, hole, lost emulsion
    STAIN = 4  # stain, mould, water mark
    DUST = 8  # dust, dirt, spots
    PAINTED = 16  # marked as damage by the person's own mask
    INVENTED = 32  # its value was made up by a fill, not seen in the scan
    CHANGED = 64  # a stage moved it by more than one grey level of 255
    COLOURED = 128  # its colour is a guess; how light it is, the scan shows


DAMAGE = Mark.SCRATCH | Mark.MISSING | Mark.STAIN | Mark.DUST | Mark.PAINTED


@dataclass(frozen=True)
class Measurement:
    """One figure that a stage measured, and the threshold it was held against."""

    name: str  # "noise", "damaged area"
    value: float
    unit: str  # "grey levels of 255", "% of the photo"
    threshold: float | None = (
        None  # the stage acts from here on; None where the figure only informs
    )


@dataclass(frozen=True)
class Finding:
    """What a stage found, whether it would act, and why, in words a person understands."""

    stage: str
    act: bool  # the stage's own advice; the person's options may overrule it
    words: str  # one sentence: "3.1 % of the photo is damaged: scratches, a torn corner."
    measurements: tuple[Measurement, ...] = ()
    wanted: bool = False  # by the person: no defect was found, as nobody finds missing colours
    possible: bool = True  # False: not even a person who forces it can have it done
    unmet: tuple[str, ...] = ()  # what the person asked for and is not there: "there is no face 7"


FaceVerdict = Literal["lost detail", "sharp", "too small", "hidden", "not chosen"]


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photo: what was found of it, and what was done to it."""

    number: int  # from 1, from left to right
    box: tuple[float, float, float, float]  # left, top, right, bottom, px, within the photo
    # (x, y), px: left eye, right eye, nose, left and right corner of the mouth, as seen
    points: tuple[tuple[float, float], ...]
    verdict: FaceVerdict  # only what lost detail is restored
    words: str  # why, in words a person understands
    restored: bool = False
    similarity: float | None = None  # of identity before and after, -1..1; None = not measured
    warning: str = ""  # where the person may have become another one
    before: NDArray[np.uint8] | None = (
        None  # (h, w, 3), the face upright, as the stage found it ...
    )
    after: NDArray[np.uint8] | None = None  # ... and as it left it; both where it was restored


@dataclass(frozen=True, eq=False)
class Enlargement:
    """That a stage has made the photo larger, and what it was before."""

    factor: int  # pixels of a side now, for one before
    before: Pixels  # (H, W, 3): what little there was to see


@dataclass(frozen=True, eq=False)
class Draft:
    """A photo on its way through the stages.

    Marks and pixels always have the same size; a stage that makes the photo larger does so to both.
    A stage returns a new Draft and lets go of the old one: at 100 megapixels there is room for two
    photos in memory, not for three.
    """

    photo: Photo
    marks: NDArray[np.uint8] | None = None  # (H, W) of `Mark` flags, as found so far
    notes: tuple[str, ...] = ()  # what the person should know, in order
    faces: tuple[Face, ...] = ()  # from left to right, once a stage has looked for them
    enlargement: Enlargement | None = None  # None while the photo is as large as it came
    searched: tuple[Mark, ...] = ()  # kinds of damage that a stage has looked for

    def evolve(
        self,
        *,
        photo: Photo | None = None,
        marks: NDArray[np.uint8] | None = None,
        note: str | None = None,
        faces: tuple[Face, ...] | None = None,
        enlargement: Enlargement | None = None,
        searched: tuple[Mark, ...] | None = None,
    ) -> Draft:
        """A copy with these changed; a note is added to the notes."""
        return replace(
            self,
            photo=photo if photo is not None else self.photo,
            marks=marks if marks is not None else self.marks,
            notes=(*self.notes, note) if note is not None else self.notes,
            faces=faces if faces is not None else self.faces,
            enlargement=enlargement if enlargement is not None else self.enlargement,
            searched=searched if searched is not None else self.searched,
        )


Progress = Callable[[float], None]  # called with the share done, 0..1, of the running step


class Stage(Protocol):
    """One kind of defect: found by `diagnose`, mended by `apply`."""

    @property
    def name(self) -> str:
        """As in the table of stages and on the command line."""
        ...

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The networks it uses with its present settings."""
        ...

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        """Measures; the draft comes back with what was seen (damage marks), pixels untouched."""
        ...

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        """Mends; strength in (0, 1] blends between the photo as given and fully mended."""
        ...
