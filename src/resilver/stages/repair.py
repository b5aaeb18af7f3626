"""Stage `repair`: finds damaged pixels (`resilver.stages.recognition`) and fills them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.bleaching import AROUND_PX, Bleach
from resilver.imaging.cutouts import continued, hidden_in
from resilver.imaging.off_tone import off_tone_stains
from resilver.imaging.tiles import (
    Area,
    Pixels,
    blend_tile,
    tile_areas,
    tile_count,
    tile_side,
    to_float,
)
from resilver.imaging.tone import is_bilevel, is_monochrome
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.photofile.depth import widen
from resilver.stages.detection import find_faces
from resilver.stages.draft import DAMAGE, Draft, Finding, Mark, Measurement, Progress
from resilver.stages.fills import Fill, fill_in_windows
from resilver.stages.looks import KIND_MARKS, TOLD, Marks, Mask, believed, keep
from resilver.stages.recognition import found_in
from resilver.stages.sight import see
from resilver.stages.wide_holes import find_depths, show_depths

THRESHOLD_SHARE = 2e-5  # share of the photo from which filling is worth a pass
CREDIBLE_SHARE = 0.35  # a photo called damaged beyond this is more likely misread than ruined
# Share of the photo from which marks that are not believed are worth a word.
SUSPICION_SHARE = 0.01
# Damage is filled this much wider than found: its rim is damaged too. More takes sound pixels away
# that the fill goes by (2 instead of 1: 0.3 dB outside of the damage on the suite `repair`).
GROW_PX = 1

_DOTS = "The photo is made of dots of two levels."

FOUND_MARKS = (*KIND_MARKS, Mark.PAINTED)
OPAQUE = Mark.SCRATCH | Mark.MISSING | Mark.DUST | Mark.PAINTED  # hide what is under them

KIND_WORDS = {
    Mark.SCRATCH: "scratches or creases",
    Mark.MISSING: "missing or torn parts",
    Mark.STAIN: "stains",
    Mark.DUST: "dust or dirt",
    Mark.PAINTED: "areas you marked",
}


@dataclass(frozen=True, eq=False)
class GivenMask:
    """Damage as the person sees it."""

    mask: NDArray[np.uint8]  # (H, W), above 127 = damaged
    mode: str  # "add" to what is found, "replace" it, or "subtract" from it


@dataclass(frozen=True, eq=False)
class RepairStage:
    """Recognise, decide, fill."""

    recogniser: StoredModel
    detector: StoredModel  # of faces, in which only what is beyond doubt is damage
    fill: Fill
    tile_px: int | None  # None = what suits the photo
    threads: int | None = None
    given: GivenMask | None = None
    told: bool = False  # the person says that the photo is damaged: no strict look first
    name: str = "repair"

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        asked = self.given is None or self.given.mode != "replace"
        seeing = (self.recogniser.card, self.detector.card)
        return (seeing if asked else ()) + self.fill.cards

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        suspected: dict[Mark, float] = {}
        doubted = 0.0
        pixels, alpha = draft.photo.pixels, draft.photo.alpha
        dots = not self.told and is_bilevel(pixels)  # a dot is no dust, a line of them no scratch
        searched = FOUND_MARKS
        if dots or (self.given is not None and self.given.mode == "replace"):
            marks = np.zeros(draft.photo.size, np.uint8)
            searched = (Mark.PAINTED,)
        else:
            sight = see(self._recogniser, pixels, self.tile_px, progress, alpha)
            marks = sight.marks
            if self.given is None and not self.told:
                suspected = kind_shares(marks, believed(marks, TOLD))
            faces = find_faces(self._detector, pixels)
            keep(marks, found_in(sight, faces, told=self.told))
        if self.given is not None:
            doubted = add_given(marks, self.given, told=self.told)
            if (hidden := hidden_in(alpha)) is not None:
                marks[hidden] = 0
        finding = self.finding(marks, suspected)
        if doubted:
            words = f"{finding.words} {_doubt(doubted)} Force the repair to fill that as well."
            finding = replace(finding, words=words)
        elif dots:
            marked = f" {finding.words}" if finding.act else ""
            finding = replace(finding, words=f"{_DOTS} Damage cannot be told from them.{marked}")
        if draft.marks is not None:
            marks |= draft.marks
        return finding, draft.evolve(marks=marks, searched=searched)

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        photo, marks = draft.photo, draft.marks
        if marks is None:
            return draft
        size, grey = photo.size, photo.colourless
        bleach, left = _bleach(photo.pixels, marks, photo.alpha)
        hidden = hidden_in(photo.alpha)
        depths = find_depths(photo.pixels, self._invented(left), self.fill, hidden)
        pixels = widen(photo.pixels)
        grown = np.zeros(size, np.uint8)
        tile_px = tile_side(size, self.tile_px)
        total = tile_count(size, tile_px)
        for index, area in enumerate(tile_areas(size, tile_px)):
            if (marks[area.slices] & np.uint8(DAMAGE)).any():
                tile = to_float(photo.pixels[area.slices])
                open_ = 1 - self._spared(area, hidden)
                if bleach is not None:
                    change = bleach.apply(tile, area) - tile
                    tile += np.float32(strength) * open_[..., None] * change
                found = left[area.slices] & np.uint8(DAMAGE)
                if found.any():
                    hole, veil = holes_and_veils(found, looks_through=self.fill.looks_through)
                    hole, veil = hole & open_, veil & open_
                    grown[area.slices] |= hole | veil
                    soft = feather(hole | veil, found != 0)[..., None] * np.float32(strength)
                    shown = tile
                    if hidden is not None:  # black would reach into the rim of a cut-out
                        shown = continued(tile, hidden[area.slices], (hole | veil) > 0)
                    if depths is not None:
                        shown, hole = show_depths(shown, hole, depths, area)
                    tile += soft * (fill_in_windows(self.fill, shown, hole, veil) - tile)
                if grey:
                    tile[:] = tile.mean(axis=2, keepdims=True)
                blend_tile(pixels, area, tile)
            progress((index + 1) / total)
        # In place: at 100 megapixels each further array of marks is a twentieth of the memory.
        grown *= np.uint8(Mark.INVENTED)
        grown |= marks
        return draft.evolve(photo=photo.evolve(pixels=pixels), marks=grown)

    def _spared(self, area: Area, hidden: Mask | None) -> Marks:
        """(h, w) in {0, 1}: what no soft rim may reach: taken out by the person, or hidden."""
        spared = np.zeros((area.bottom - area.top, area.right - area.left), np.bool_)
        if self.given is not None and self.given.mode == "subtract":
            spared |= self.given.mask[area.slices] > 127
        if hidden is not None:
            spared |= hidden[area.slices]
        return spared.view(np.uint8)

    def _invented(self, marks: Marks) -> Mask:
        """(H, W): what hides the photo, for this fill."""
        return (marks & np.uint8(DAMAGE if not self.fill.looks_through else OPAQUE)) != 0

    def finding(self, marks: Marks, suspected: Mapping[Mark, float]) -> Finding:
        """What damage marks (H, W) amount to, and whether to act on them.

        `suspected`: the share of the photo that could be damage of each kind, believed or not.
        """
        shares = {kind: share_of(marks, kind) for kind in KIND_WORDS}
        damaged = share_of(marks, DAMAGE)
        credible = self.told or damaged - shares[Mark.PAINTED] <= CREDIBLE_SHARE
        act = credible and (damaged >= THRESHOLD_SHARE or shares[Mark.PAINTED] > 0.0)
        named = [kind for kind, share in shares.items() if share >= THRESHOLD_SHARE / 2]
        doubtful = [
            kind
            for kind, share in suspected.items()
            if share >= SUSPICION_SHARE and not (act and kind in named)
        ]
        if not credible:
            words = (
                f"{_doubt(damaged)} Nothing is filled unless you mark it yourself or force the "
                "repair."
            )
        elif act:
            words = f"{_percent(damaged)} of the photo is damaged: {_listed(named)}."
        elif doubtful:
            words = "Nothing is damaged beyond doubt."
        elif self.given is not None and self.given.mode == "replace":
            words = "Your mask marks nothing, and nothing else was looked for."
        else:
            words = "No scratches, stains, dust or missing parts."
        if credible and doubtful:
            words += (
                f" There may be {_listed(doubtful)}{' as well' if act else ''}: "
                "left alone unless you mark it yourself or force the repair."
            )
        measured = [
            Measurement("damaged area", 100 * damaged, "% of the photo", 100 * THRESHOLD_SHARE)
        ]
        measured += [
            Measurement(KIND_WORDS[kind], 100 * share, "% of the photo")
            for kind, share in shares.items()
            if kind is not Mark.PAINTED or share
        ]
        measured += [
            Measurement(f"perhaps {KIND_WORDS[kind]}", 100 * suspected[kind], "% of the photo")
            for kind in doubtful
        ]
        return Finding(self.name, act, words, tuple(measured))

    @cached_property
    def _detector(self) -> Network:
        return self.detector.open(self.threads)

    @cached_property
    def _recogniser(self) -> Network:
        return self.recogniser.open(self.threads)


def _bleach(pixels: Pixels, marks: Marks, alpha: Pixels | None) -> tuple[Bleach | None, Marks]:
    """What takes stains off a print in one tone, if it has any; and the marks (H, W) it leaves."""
    stained = (marks & np.uint8(Mark.STAIN)) != 0
    if not (stained.any() and is_monochrome(pixels, alpha)):
        return None, marks
    stains = off_tone_stains(pixels)
    if stains is None or not (stains := stains & stained).any():
        return None, marks
    bleach = Bleach.of(pixels, stains)
    if bleach is None:
        return None, marks
    left = marks.copy()
    rim = cv2.dilate(stains.view(np.uint8), np.ones((AROUND_PX, AROUND_PX), np.uint8)) > 0
    left[rim] &= np.uint8(~Mark.STAIN & 0xFF)
    return bleach, left


def holes_and_veils(marks: Marks, *, looks_through: bool = True) -> tuple[Marks, Marks]:
    """Marks (h, w) -> (hole, veil) in {0, 1}, grown by `GROW_PX`; a stain alone is a veil.

    `looks_through`: whether the fill can make use of what a veil lets through; else all is hole.
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * GROW_PX + 1, 2 * GROW_PX + 1))
    opaque = OPAQUE if looks_through else DAMAGE
    hole = cv2.dilate(((marks & np.uint8(opaque)) != 0).astype(np.uint8), disc)
    veil = cv2.dilate(((marks & np.uint8(DAMAGE & ~opaque)) != 0).astype(np.uint8), disc)
    hole, veil = hole.astype(np.uint8), veil.astype(np.uint8)
    return hole, veil & (1 - hole)


def feather(mask: Marks, damaged: Mask) -> NDArray[np.float32]:
    """A grown mask in {0, 1} with a soft rim: 1 on what is damaged, falling to 0 at its edge."""
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(inner.astype(np.float32), (3, 3), 0)
    return np.maximum(soft * mask, damaged.astype(np.float32))


def share_of(marks: Marks, flags: Mark) -> float:
    """Share of pixels, 0..1, that carry one of the flags."""
    return float(np.count_nonzero(marks & np.uint8(flags))) / max(marks.size, 1)


def kind_shares(marks: Marks, kept: Mask) -> dict[Mark, float]:
    """Share of the photo, 0..1, that carries each kind's mark where it is kept."""
    return {
        kind: float(np.count_nonzero(kept & ((marks & np.uint8(kind)) != 0))) / max(marks.size, 1)
        for kind in KIND_MARKS
    }


def add_given(marks: Marks, given: GivenMask, *, told: bool) -> float:
    """Puts the person's mask into what was found.

    Returns:
        The share of the photo that was found and not believed, so that it gave way; 0 = none.
    """
    painted = given.mask > 127
    if given.mode == "subtract":
        marks[painted] = 0
        return 0.0
    found = share_of(marks, DAMAGE)
    doubted = found if found > CREDIBLE_SHARE and not told else 0.0
    if doubted:
        marks[:] = 0
    marks[painted] |= np.uint8(Mark.PAINTED)
    return doubted


def _doubt(share: float) -> str:
    return f"{_percent(share)} of the photo looks like damage, too much to be believed."


def _percent(share: float) -> str:
    if 0.9995 <= share < 1.0:
        return "Nearly 100 %"
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.3f} %"


def _listed(kinds: Sequence[Mark]) -> str:
    words = [KIND_WORDS[kind] for kind in kinds]
    if len(words) < 2:
        return "".join(words) or "small marks"
    return ", ".join(words[:-1]) + " and " + words[-1]
