"""Stage `colourise`: gives a black and white photo likely colours, where that is asked for.

After Zhang, Isola and Efros, "Colorful Image Colorization" (2016), and Zhang et al., "Real-Time
User-Guided Image Colorization with Learned Deep Priors" (2017). A network looks at a small copy and
gives the odds of each colour in every few pixels; the colours chosen are joined to the photo's own
lightness, which stays as it is at full resolution and depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.chroma import lightness, luminance, with_colours
from resilver.imaging.colouring import ColourHint, hint_map, likely_colours, working_size
from resilver.imaging.hint_reach import hint_reach
from resilver.imaging.joining import JoinedColours, join
from resilver.imaging.tiles import Pixels, map_strips, to_float, to_u16
from resilver.imaging.tone import TONED_255, colour_left
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.photo import Photo
from resilver.photofile.colour_profile import builtin_profile
from resilver.stages.draft import Draft, Finding, Mark, Measurement, Progress

A_GUESS = "every colour is a guess, and changes nothing of how light and dark things are"


@dataclass(frozen=True)
class ColouriseStage:
    """One look at a small copy, then colours for every pixel."""

    model: StoredModel
    hints: tuple[ColourHint, ...] = ()
    seed: int = 0  # 0: the likeliest colours; any other: another likely choice
    threads: int | None = None
    name: str = "colourise"

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        return (self.model.card,)

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        photo = draft.photo
        left = 0.0 if photo.grey else colour_left(photo.pixels, photo.alpha)
        progress(1.0)
        plain = left < TONED_255
        words = (
            f"Without colours of its own{_led_by(self._hints_in(photo))}: {A_GUESS}."
            if plain
            else "It has colours of its own already; to have them guessed anew, force colourise."
        )
        measured = (Measurement("colour of its own", left, "grey levels of 255"),)
        return Finding(self.name, plain, words, measured, wanted=True), draft

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        photo = draft.photo
        hints = self._hints_in(photo)
        colours = self._colours(photo.pixels, hints)
        progress(0.3)
        pixels = _coloured(
            photo.pixels,
            colours,
            strength,
            self.threads,
            lambda share: progress(0.3 + 0.7 * share),
        )
        marks = np.zeros(photo.size, np.uint8) if draft.marks is None else draft.marks.copy()
        marks |= np.uint8(Mark.COLOURED)
        outside = len(self.hints) - len(hints)
        note = f"hints outside of this photo: {outside} of {len(self.hints)}" if outside else None
        if self.seed:
            draft = draft.evolve(note=f"one choice of colours of many: seed {self.seed}")
        if hints:
            draft = draft.evolve(note=f"colours were led by hints: {'; '.join(map(str, hints))}")
        return draft.evolve(photo=_in_colour(photo, pixels), marks=marks, note=note)

    def _hints_in(self, photo: Photo) -> tuple[ColourHint, ...]:
        return tuple(hint for hint in self.hints if hint.is_in(photo.size))

    def _colours(self, pixels: Pixels, hints: tuple[ColourHint, ...]) -> JoinedColours:
        size = (pixels.shape[0], pixels.shape[1])
        at = working_size(size)
        small = cv2.resize(pixels, (at[1], at[0]), interpolation=cv2.INTER_AREA)
        light = lightness(luminance(np.asarray(small, pixels.dtype)))
        colours, cells_light = self._guess(light, (), size)
        if hints:
            # Led by a hint the network sees the whole photo in another colour; it is asked for one
            # thing, so elsewhere its colours are those without.
            led, _ = self._guess(light, hints, size)
            near = hint_reach(hints, cells_light, size)[..., None]
            colours += near * (led - colours)
        return join(colours, pixels, hints)

    def _guess(
        self, light: NDArray[np.float32], hints: tuple[ColourHint, ...], size: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Colours a*b* (h, w, 2) of a few cells, and their lightness (h, w)."""
        at = (light.shape[0], light.shape[1])
        (odds,) = self._network.run(
            light[None, None] / np.float32(100), hint_map(hints, size, at)[None]
        )
        cells = (odds.shape[3], odds.shape[2])
        small = np.asarray(cv2.resize(light, cells, interpolation=cv2.INTER_AREA), np.float32)
        return likely_colours(odds[0], small, self.seed), small

    @cached_property
    def _network(self) -> Network:
        return self.model.open(self.threads)


def _coloured(
    pixels: Pixels,
    colours: JoinedColours,
    strength: float,
    threads: int | None,
    progress: Progress,
) -> NDArray[np.uint16]:
    """The pixels in these colours, strip by strip, blended by strength."""

    def colour(strip: slice) -> NDArray[np.uint16]:
        light = luminance(pixels[strip])
        coloured = with_colours(light, colours.strip(strip.start, lightness(light)))
        if strength < 1.0:
            own = to_float(pixels[strip])
            mixed = own + np.float32(strength) * (to_float(coloured) - own)
            coloured = to_u16(mixed.astype(np.float32, copy=False))
        return coloured

    return map_strips(colours.size, colour, threads, progress)


def _in_colour(photo: Photo, pixels: NDArray[np.uint16]) -> Photo:
    """The photo with three channels of its own; a grey profile cannot hold them: then sRGB's."""
    profile = photo.profile
    if photo.grey and profile is not None:
        profile = builtin_profile("srgb")
    return photo.evolve(pixels=pixels, grey=False, profile=profile)


def _led_by(hints: tuple[ColourHint, ...]) -> str:
    return {0: "", 1: ", led by one hint"}.get(len(hints), f", led by {len(hints)} hints")
