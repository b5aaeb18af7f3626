"""Stage `repair`: finds damaged pixels and fills them.

Recognition after Tencent Youtu (several colour spaces, see `resilver.nets.damage`), hysteresis
after Canny (1986): a faint pixel counts only where it hangs together with a certain one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import (
    OVERLAP_PX,
    Area,
    Pixels,
    blend_tile,
    tile_areas,
    tile_count,
    to_float,
    widen,
)
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.stages.draft import DAMAGE, Draft, Finding, Mark, Measurement, Progress
from resilver.stages.fills import Fill

# A photo without a mark that is beyond doubt is most likely sound, and doubtful marks on it are
# twigs and letters; on a photo with some, they are damage. So a strict look decides how strict the
# recognition is. A look: probability of a pixel to be considered, probability that makes it
# certain, and the share of every connected group that must be certain. Chosen on photos-varied and
# people-street, aged and as they are, which the recogniser was not trained on; the strict look
# then made stricter after eval/clean, whose photos are larger and sharper.
STRICT = (0.7, 0.98, 0.5)
OPEN = (0.4, 0.9, 0.2)
EVIDENCE_SHARE = 0.006  # a photo counts as damaged from this share of it on, by the strict look
SMALLEST_GROUP_PX = 5  # smaller groups are grain, not dust
THRESHOLD_SHARE = 2e-5  # share of the photo from which filling is worth a pass
CREDIBLE_SHARE = 0.35  # a photo called damaged beyond this is more likely misread than ruined
GROW_PX = 2  # damage is filled this much wider than found: its rim is damaged too
SMALLEST_SIDE_PX = 192  # a photo is looked at again at half its size while it stays above this

KIND_MARKS = (Mark.SCRATCH, Mark.MISSING, Mark.STAIN, Mark.DUST)  # in the network's order
KIND_WORDS = {
    Mark.SCRATCH: "scratches or creases",
    Mark.MISSING: "missing or torn parts",
    Mark.STAIN: "stains",
    Mark.DUST: "dust or dirt",
    Mark.PAINTED: "areas you marked",
}
# Used only inside this module, while recognising: beside the kind, how probable.
_LIKELY_BIT, _SURE_BIT, _CERTAIN_BIT = np.uint8(32), np.uint8(64), np.uint8(128)


@dataclass(frozen=True, eq=False)
class GivenMask:
    """Damage as the person sees it."""

    mask: NDArray[np.uint8]  # (H, W), above 127 = damaged
    mode: str  # "add" to what is found, "replace" it, or "subtract" from it


@dataclass(frozen=True, eq=False)
class RepairStage:
    """Recognise, decide, fill."""

    recogniser: StoredModel
    fill: Fill
    tile_px: int
    threads: int | None = None
    given: GivenMask | None = None
    told: bool = False  # the person says that the photo is damaged: no strict look first
    name: str = "repair"

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        asked = self.given is None or self.given.mode != "replace"
        return ((self.recogniser.card,) if asked else ()) + self.fill.cards

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        pixels = draft.photo.pixels
        if self.given is not None and self.given.mode == "replace":
            marks = np.zeros(pixels.shape[:2], np.uint8)
        else:
            marks = self.recognise(pixels, progress)
        if self.given is not None:
            add_given(marks, self.given)
        finding = self.finding(marks)
        if draft.marks is not None:
            marks |= draft.marks
        return finding, draft.evolve(marks=marks)

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        photo, marks = draft.photo, draft.marks
        if marks is None:
            return draft
        pixels = widen(photo.pixels)
        size = photo.size
        grown = np.zeros(size, np.uint8)
        total = tile_count(size, self.tile_px)
        for index, area in enumerate(tile_areas(size, self.tile_px)):
            found = marks[area.slices] & np.uint8(DAMAGE)
            if found.any():
                tile = to_float(photo.pixels[area.slices])
                hole, veil = holes_and_veils(found)
                filled = self.fill.run(tile, hole, veil)
                soft = feather(hole | veil)[..., None] * np.float32(strength)
                tile += soft * (filled - tile)
                if photo.grey:
                    tile[:] = tile.mean(axis=2, keepdims=True)
                blend_tile(pixels, area, tile)
                grown[area.slices] |= hole | veil
            progress((index + 1) / total)
        marks = marks | grown * np.uint8(Mark.INVENTED)
        return draft.evolve(photo=photo.evolve(pixels=pixels), marks=marks)

    def recognise(self, pixels: Pixels, progress: Progress) -> NDArray[np.uint8]:
        """Damage marks (H, W) of a whole photo, seen in detail and, halved again and again, whole.

        A stain too wide to be in view at one size is a blot at the next.
        """
        height, width = pixels.shape[:2]
        marks = self._recognise_at_scale(pixels, lambda share: progress(0.75 * share))
        done = 0.75  # each size has a quarter of the pixels of the one before
        while min(pixels.shape[:2]) >= 2 * SMALLEST_SIDE_PX:
            half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
            pixels = np.asarray(
                cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), pixels.dtype
            )
            seen = self._recognise_at_scale(pixels, lambda _share: None)
            marks |= np.asarray(
                cv2.resize(seen, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8
            )
            done += 0.75 * (1.0 - done)
            progress(done)
        progress(1.0)
        return believable(marks, told=self.told)

    def _recognise_at_scale(self, pixels: Pixels, progress: Progress) -> NDArray[np.uint8]:
        size = (pixels.shape[0], pixels.shape[1])
        marks = np.zeros(size, np.uint8)
        total = tile_count(size, self.tile_px)
        for index, area in enumerate(tile_areas(size, self.tile_px)):
            image = np.moveaxis(to_float(pixels[area.slices]), -1, 0)[None]
            maps, _conditions = self._recogniser.run(image)
            top = (OVERLAP_PX // 2) if area.top else 0
            left = (OVERLAP_PX // 2) if area.left else 0
            inner = Area(area.top + top, area.bottom, area.left + left, area.right)
            marks[inner.slices] = marks_from_maps(maps[0])[top:, left:]
            progress((index + 1) / total)
        return marks

    def finding(self, marks: NDArray[np.uint8]) -> Finding:
        """What damage marks (H, W) amount to, and whether to act on them."""
        shares = {kind: share_of(marks, kind) for kind in KIND_WORDS}
        damaged = share_of(marks, DAMAGE)
        credible = damaged - shares[Mark.PAINTED] <= CREDIBLE_SHARE
        act = credible and (damaged >= THRESHOLD_SHARE or shares[Mark.PAINTED] > 0.0)
        kinds = [KIND_WORDS[kind] for kind, share in shares.items() if share >= THRESHOLD_SHARE / 2]
        words = f"{_percent(damaged)} of the photo is damaged: {_listed(kinds)}."
        if not credible:
            words = (
                f"{_percent(damaged)} of the photo looks like damage, too much to be believed: "
                "nothing is filled unless you mark it yourself or force the repair."
            )
        elif not act:
            words = "No scratches, stains, dust or missing parts."
        measured = [
            Measurement("damaged area", 100 * damaged, "% of the photo", 100 * THRESHOLD_SHARE)
        ]
        measured += [
            Measurement(KIND_WORDS[kind], 100 * share, "% of the photo")
            for kind, share in shares.items()
            if kind is not Mark.PAINTED or share
        ]
        return Finding(self.name, act, words, tuple(measured))

    @cached_property
    def _recogniser(self) -> Network:
        return self.recogniser.open(self.threads)


def marks_from_maps(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Probability maps (5, h, w), the last one "any" -> marks (h, w); bits 5 to 7 say how sure."""
    damaged = maps[4] >= OPEN[0]
    likeliest = maps[:4].argmax(axis=0)
    marks = np.zeros(damaged.shape, np.uint8)
    for index, kind in enumerate(KIND_MARKS):
        marks[damaged & ((likeliest == index) | (maps[index] >= 0.5))] |= np.uint8(kind)
    marks[maps[4] >= STRICT[0]] |= _LIKELY_BIT
    marks[maps[4] >= OPEN[1]] |= _SURE_BIT
    marks[maps[4] >= STRICT[1]] |= _CERTAIN_BIT
    return marks


def believable(marks: NDArray[np.uint8], *, told: bool = False) -> NDArray[np.uint8]:
    """What is kept of the marks (H, W) of a photo: little if it is good, more if it is damaged.

    `told`: it is known to be damaged; one sure pixel is then enough for a group.
    """
    kept = certain_groups(marks & _LIKELY_BIT, marks & _CERTAIN_BIT, STRICT[2])
    if told or kept.mean() >= EVIDENCE_SHARE:
        kept = certain_groups(marks, marks & _SURE_BIT, 0.0 if told else OPEN[2])
    marks[~kept] = 0
    marks &= ~(_LIKELY_BIT | _SURE_BIT | _CERTAIN_BIT)
    return marks


def certain_groups(
    considered: NDArray[np.uint8], certain: NDArray[np.uint8], share: float
) -> NDArray[np.bool_]:
    """Hysteresis: connected groups of considered pixels of which a share is certain, (H, W).

    One certain pixel is enough for Canny; here a twig or a letter often has one, and damage many.
    """
    count, labels, stats, _centres = cv2.connectedComponentsWithStats(
        (considered != 0).astype(np.uint8), connectivity=8
    )
    size = stats[:, cv2.CC_STAT_AREA]
    witnesses = np.bincount(labels[certain != 0], minlength=count)
    keep = (witnesses > 0) & (witnesses >= share * size) & (size >= SMALLEST_GROUP_PX)
    keep[0] = False
    return keep[labels]


def holes_and_veils(marks: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Marks (h, w) -> (hole, veil) in {0, 1}, grown by `GROW_PX`; a stain alone is a veil."""
    opaque = Mark.SCRATCH | Mark.MISSING | Mark.DUST | Mark.PAINTED
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROW_PX + 1, 2 * GROW_PX + 1))
    hole = cv2.dilate(((marks & np.uint8(opaque)) != 0).astype(np.uint8), disc)
    veil = cv2.dilate(((marks & np.uint8(Mark.STAIN)) != 0).astype(np.uint8), disc)
    hole, veil = hole.astype(np.uint8), veil.astype(np.uint8)
    return hole, veil & (1 - hole)


def feather(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A mask in {0, 1} with a soft rim inside itself: 1 in its depth, falling to 0 at its edge."""
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(inner.astype(np.float32), (3, 3), 0)
    return (soft * mask).astype(np.float32)


def share_of(marks: NDArray[np.uint8], flags: Mark) -> float:
    """Share of pixels, 0..1, that carry one of the flags."""
    return float(np.count_nonzero(marks & np.uint8(flags))) / max(marks.size, 1)


def add_given(marks: NDArray[np.uint8], given: GivenMask) -> None:
    """Puts the person's mask into what was found."""
    painted = given.mask > 127
    if given.mode == "subtract":
        marks[painted] = 0
        return
    if share_of(marks, DAMAGE) > CREDIBLE_SHARE:
        marks[:] = 0  # a recogniser that is not to be believed gives way to the person
    marks[painted] |= np.uint8(Mark.PAINTED)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.3f} %"


def _listed(words: list[str]) -> str:
    if len(words) < 2:
        return "".join(words) or "small marks"
    return ", ".join(words[:-1]) + " and " + words[-1]
