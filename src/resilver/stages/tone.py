"""Stage `tone`: measures how far tones and colours have faded, and brings them back.

After Zeng et al., "Learning Image-Adaptive 3D Lookup Tables for High Performance Photo Enhancement
in Real-Time" (2020). A network looks at a thumbnail and gives a table of colours and a coarse field
of light; both are then applied at full resolution and depth. It also judges whether the photo has
faded at all, and how far the table and the light would move the colours says how much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.lut import ColourTable, apply_field, spline_weights
from resilver.imaging.measures import LUMA
from resilver.imaging.tiles import Pixels, map_strips, to_float, to_u16
from resilver.imaging.tone import TONED_255, colour_left
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.photo import Photo
from resilver.stages.draft import Draft, Finding, Measurement, Progress

THRESHOLD_DE = 4.0
# That it has faded at all: of 54 good photos none is taken for faded, of 54 faded ones 34 are.
SURE = 0.95
# Of a photo with less colour than this left beyond a tone (`colour_left`) nobody can tell whether
# its tone is its own, a cast or a dusk: unless the person knows, its brightness alone is corrected.
PALE_255 = 4.5
_OPAQUE = 0.99  # of what is most opaque; less than that is not looked at
_BLANK_255 = 2.0  # standard deviation of brightness: with less there is nothing to tell fading from

Values = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Correction:
    """What undoes the fading of one photo."""

    sure: float  # the network's probability that it has faded
    table: ColourTable
    field: Values  # (6, cells, cells): gains and lifts over the photo
    toned: bool  # without colours of its own: its brightness alone is corrected ...
    neutral: bool  # ... and its tone taken away
    pale: bool = False  # with too few to tell them from a tone: likewise, and they are left
    revives: bool = True  # False = that alone is done to a toned print

    def apply(self, pixels: Values, rows: Values, columns: Values) -> Values:
        """(h, w, 3) in [0, 1] -> the same; `rows` and `columns` as in `apply_field`."""
        if not (self.toned or self.pale):
            lit = apply_field(self.field, pixels, rows, columns)
            return np.clip(self.table.apply(lit), 0.0, 1.0)
        grey = np.repeat((pixels @ LUMA)[..., None], 3, axis=2)
        if not self.revives:
            return grey
        lit = apply_field(self.field, grey, rows, columns)
        revived = np.clip(self.table.apply(lit), 0.0, 1.0).mean(axis=2, keepdims=True)
        if self.neutral:
            return np.repeat(revived, 3, axis=2)
        return np.clip(pixels + (revived - grey), 0.0, 1.0)


@dataclass(frozen=True)
class ToneStage:
    """One look at a thumbnail, then a table for every pixel."""

    model: StoredModel
    neutral: bool = False  # a toned print comes back grey, however weakly it is revived
    revives: bool = True  # False = that alone is done
    threads: int | None = None
    told: bool = False  # the person says that it has faded, whatever is measured
    name: str = "tone"

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        return (self.model.card,)

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        photo = draft.photo
        small = self._thumbnail(photo)
        correction = self._correction(photo, small)
        moved = distance(small, _on_thumbnail(correction, small))
        bright = small @ LUMA
        dark, light = (100.0 * np.quantile(bright, (0.01, 0.99))).tolist()
        progress(1.0)
        faded = _has_faded(correction, small, moved)
        tinted = correction.toned and not photo.colourless
        if faded:
            words = (
                f"Faded: its tones reach from {dark:.0f} to {light:.0f} % of the range, and "
                f"colours have moved by about dE {moved:.1f}."
            )
        elif _is_blank(small):
            words = "Hardly any tones: there is nothing to tell fading from."
        elif moved < THRESHOLD_DE:
            words = f"Tones and colours are hardly faded (dE {moved:.1f})."
        else:
            words = (
                f"Tones and colours may have faded (dE {moved:.1f}), or were meant to be so: "
                "not certain enough to change them."
            )
        if tinted:
            words += " A toned print: " + (
                "its tone is taken away." if self.neutral else "its tone is left as it is."
            )
        elif faded and correction.pale:
            words += " Its few colours may be its own: they are left as they are."
        measured = (
            Measurement("fading", moved, "dE", THRESHOLD_DE),
            Measurement("likelihood of fading", 100.0 * correction.sure, "%", 100.0 * SURE),
            Measurement("darkest tone", dark, "% of the range"),
            Measurement("lightest tone", light, "% of the range"),
        )
        revived, greyed = faded and self.revives, tinted and self.neutral
        wanted = greyed and not revived
        return Finding(self.name, revived or greyed, words, measured, wanted=wanted), draft

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        photo = draft.photo
        height, width = photo.size
        small = self._thumbnail(photo)
        correction = self._correction(photo, small)
        greyed = correction.toned and self.neutral
        if not (greyed or self.revives):
            return draft
        if greyed and not (self.told and self.revives):
            moved = distance(small, _on_thumbnail(correction, small))
            faded = self.revives and _has_faded(correction, small, moved)
            correction = replace(correction, revives=faded)
        cells = correction.field.shape[-1]
        columns = spline_weights(width, cells)

        def revive(strip: slice) -> NDArray[np.uint16]:
            pixels = to_float(photo.pixels[strip])
            rows = spline_weights(height, cells, strip.start, strip.stop)
            revived = correction.apply(pixels, rows, columns)
            if greyed:
                pixels = (pixels @ LUMA)[..., None]
            mixed = pixels + np.float32(strength) * (revived - pixels)
            return to_u16(mixed.astype(np.float32, copy=False))

        pixels = map_strips(photo.size, revive, self.threads, progress)
        return draft.evolve(photo=photo.evolve(pixels=pixels))

    def _thumbnail(self, photo: Photo) -> Values:
        """(side, side, 3) in [0, 1]; what is not opaque shows the mean of what is."""
        side = self.model.card.size_px
        if photo.alpha is None or photo.alpha.min() == photo.alpha.max():
            return _shrunk(photo.pixels, (side, side))
        # At first not as small, so that edges of what is opaque hardly mix with what is not.
        size = tuple(max(min(4 * side, length), 1) for length in reversed(photo.size))
        pixels, alpha = (_shrunk(plane, size) for plane in (photo.pixels, photo.alpha))
        opaque = alpha >= _OPAQUE * alpha.max()
        pixels[~opaque] = pixels[opaque].mean(axis=0)
        small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32)

    def _correction(self, photo: Photo, small: Values) -> Correction:
        left = 0.0 if photo.grey else colour_left(photo.pixels, photo.alpha)
        toned = left < TONED_255
        pale = not toned and left < PALE_255 and not (self.neutral or self.told)
        # A tone must not be taken for a cast.
        shown = np.repeat((small @ LUMA)[..., None], 3, axis=2) if toned or pale else small
        given = np.ascontiguousarray(np.moveaxis(shown, -1, 0))[None]
        table, field, faded = self._network.run(given)
        return Correction(
            sure=float(faded[0, 0]),
            table=ColourTable.of(table[0]),
            field=field[0],
            toned=toned,
            neutral=self.neutral or photo.grey,
            pale=pale,
        )

    @cached_property
    def _network(self) -> Network:
        return self.model.open(self.threads)


def distance(first: Values, second: Values) -> float:
    """Mean CIE dE (1976) between two pictures (H, W, 3), sRGB in [0, 1]."""
    labs = [cv2.cvtColor(picture, cv2.COLOR_RGB2LAB) for picture in (first, second)]
    return float(np.sqrt(np.square(labs[0] - labs[1]).sum(axis=2)).mean())


def _has_faded(correction: Correction, small: Values, moved: float) -> bool:
    """Whether a photo has faded beyond doubt; `moved` is how far the correction moves it, dE."""
    return moved >= THRESHOLD_DE and correction.sure >= SURE and not _is_blank(small)


def _shrunk(plane: Pixels, size: tuple[int, ...]) -> Values:
    """(H, W) or (H, W, 3) -> the same, (width, height) in size and in [0, 1]."""
    return to_float(np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), plane.dtype))


def _is_blank(small: Values) -> bool:
    return 255.0 * float((small @ LUMA).std()) < _BLANK_255


def _on_thumbnail(correction: Correction, small: Values) -> Values:
    weights = spline_weights(small.shape[0], correction.field.shape[-1])
    revived = correction.apply(small, weights, weights)
    if not (correction.toned and correction.neutral):
        return revived
    # Taking a tone away is no sign of fading.
    return replace(correction, neutral=False).apply(small, weights, weights)
