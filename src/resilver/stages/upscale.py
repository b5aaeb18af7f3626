"""Stage `upscale`: makes a photo larger where that is asked for, two or four times.

A network of plain convolutions adds to the photo resized what the resizing lacks (Kim et al.,
"Accurate Image Super-Resolution Using Very Deep Convolutional Networks", 2016). One is faithful and
leaves soft what it cannot know; another, trained on poor photos with a judge (Wang et al.,
"Real-ESRGAN", 2021), draws what may have been there. The person says how much of each, and what the
second one drew counts as made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.cutouts import continued, hidden_in
from resilver.imaging.enlarging import enlarge_tiles, plainly_enlarged
from resilver.imaging.tiles import Area, Pixels, Tile
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.photofile.depth import ONE_LEVEL, widen
from resilver.stages.draft import Draft, Enlargement, Finding, Mark, Measurement, Progress

FACTORS = (2, 4)
# A print of 10 x 15 cm asks for so many pixels along its longer side at 270 dpi, a screen for about
# as many. A photo is tiny that has less than half of them.
WANTED_PX = 1600
_TILE_PX = 448  # at four times the side a network of 48 channels then takes some 0.5 GB
_TILE_OF_OTHERS_PX = 256  # published ones may work at the large size
_STRIP_ROWS = 256


@dataclass(frozen=True)
class Enlarger:
    """Which networks enlarge, and how much of each is wanted."""

    faithful: StoredModel | None  # None = only the other one is wanted
    vivid: StoredModel | None
    share: float  # of the vivid one, 0..1

    def __post_init__(self) -> None:
        if (self.faithful is None) != (self.share == 1.0):
            raise ValueError("a network is there where its share is more than 0, and only there")
        if (self.vivid is None) != (self.share == 0.0):
            raise ValueError("a network is there where its share is more than 0, and only there")


@dataclass(frozen=True)
class UpscaleStage:
    """Two networks in tiles, mixed."""

    enlarger: Enlarger
    asked: Literal["auto", 2, 4] = "auto"  # how many times larger
    max_megapixels: float = 500.0  # a result with more is not made
    tile_px: int | None = None  # None = what suits the network
    threads: int | None = None
    told: bool = False  # the person wants it larger, tiny or not
    name: str = "upscale"

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        models = (self.enlarger.faithful, self.enlarger.vivid)
        return tuple(model.card for model in models if model is not None)

    def diagnose(self, draft: Draft, progress: Progress) -> tuple[Finding, Draft]:
        height, width = draft.photo.size
        longest = max(height, width)
        factor = self.factor(longest)
        megapixels = factor**2 * draft.photo.megapixels
        wanted = self.told or self.asked != "auto"  # by the person
        larger = wanted or longest < WANTED_PX / 2
        fits = megapixels <= self.max_megapixels or not larger
        act = fits and larger
        words = f"{width} x {height} pixels"
        if not fits:
            words += (
                f": {factor} times as large it would have {megapixels:.3g} megapixels, more than "
                f"the {self.max_megapixels:g} that are allowed."
            )
        elif act:
            words += f", to become {factor * width} x {factor * height}."
        else:
            words += ": not tiny."
        progress(1.0)
        measured = (Measurement("longer side", float(longest), "px"),)
        if larger:
            measured += (Measurement("megapixels of the result", megapixels, ""),)
        return Finding(self.name, act, words, measured, wanted=wanted, possible=fits), draft

    def apply(self, draft: Draft, strength: float, progress: Progress) -> Draft:
        photo = draft.photo
        grey, factor = photo.colourless, self.factor(max(photo.size))
        shares = (
            (self._faithful, 1.0 - self.enlarger.share),
            (self._vivid, self.enlarger.share),
        )

        def enlarge(tile: Tile, _area: Area) -> Tile:
            drawn = sum(
                (
                    np.float32(share) * enlarged(network, tile, factor)
                    for network, share in shares
                    if network is not None
                ),
                start=np.zeros((), np.float32),
            )
            return np.repeat(drawn.mean(axis=2, keepdims=True), 3, axis=2) if grey else drawn

        alpha, shown = photo.alpha, photo.pixels
        if (hidden := hidden_in(alpha)) is not None:
            shown = continued(shown, hidden)  # else black would reach into the rim of a cut-out
        if alpha is not None:
            alpha = widen(plainly_enlarged(alpha, factor, slice(0, factor * photo.size[0])))
        pixels = enlarge_tiles(shown, enlarge, factor, self._tile_px, progress)
        marks = draft.marks
        if marks is not None:
            marks = marks.repeat(factor, axis=0).repeat(factor, axis=1)
            if self.enlarger.vivid is not None:
                _mark_drawn(marks, shown, pixels, alpha, factor)
        if alpha is not None:
            _hide(pixels, photo.pixels, alpha, factor)
        larger = photo.evolve(pixels=pixels, alpha=alpha, metadata=photo.metadata.enlarged(factor))
        return draft.evolve(
            photo=larger, marks=marks, enlargement=Enlargement(factor, photo.pixels)
        )

    def factor(self, longest_px: int) -> int:
        """How many times larger a photo with this longer side would become."""
        if self.asked != "auto":
            return int(self.asked)
        small, large = FACTORS
        return large if large * longest_px <= WANTED_PX else small

    @property
    def _tile_px(self) -> int:
        ours = all(model.name in OWN for model in self.cards)
        most = _TILE_PX if ours else _TILE_OF_OTHERS_PX
        return min(self.tile_px or most, most)

    @cached_property
    def _faithful(self) -> Network | None:
        model = self.enlarger.faithful
        return None if model is None else model.open(self.threads)

    @cached_property
    def _vivid(self) -> Network | None:
        model = self.enlarger.vivid
        return None if model is None else model.open(self.threads)


FAITHFUL, VIVID = "upscale", "vivid"
OWN = (FAITHFUL, VIVID)
"""Names of the bundled networks: the faithful one, and the one that draws."""


def enlarged(network: Network, tile: Tile, factor: int) -> Tile:
    """(h, w, 3) -> (factor h, factor w, 3) by a network of any scale above 1; not clipped.

    One of a lower scale is run again on what it gave; what is then too large is reduced.
    """
    height, width = tile.shape[:2]
    large = tile
    while large.shape[0] < factor * height:
        given = np.ascontiguousarray(np.moveaxis(large, -1, 0))[None]
        (output,) = network.run(np.clip(given, 0.0, 1.0))
        large = np.moveaxis(output[0], 0, -1)
    if large.shape[0] == factor * height:
        return large
    size = (factor * width, factor * height)
    reduced = cv2.resize(np.ascontiguousarray(large), size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32)


def _hide(pixels: NDArray[np.uint16], before: Pixels, alpha: Pixels, factor: int) -> None:
    """What nobody sees in a picture (H, W, 3) with alpha (H, W) is `before` plainly enlarged."""
    for top in range(0, pixels.shape[0], _STRIP_ROWS):
        rows = slice(top, min(top + _STRIP_ROWS, pixels.shape[0]))
        hidden = alpha[rows] == 0
        if hidden.any():
            pixels[rows][hidden] = widen(plainly_enlarged(before, factor, rows))[hidden]


def _mark_drawn(
    marks: NDArray[np.uint8],
    before: Pixels,
    after: NDArray[np.uint16],
    alpha: Pixels | None,
    factor: int,
) -> None:
    """Marks as made up what differs by more than one grey level from the photo plainly enlarged.

    What is hidden, where alpha (H, W) is 0, keeps the marks that it has.
    """
    for top in range(0, after.shape[0], _STRIP_ROWS):
        rows = slice(top, min(top + _STRIP_ROWS, after.shape[0]))
        plain = widen(plainly_enlarged(before, factor, rows)).astype(np.int32)
        moved = np.abs(after[rows].astype(np.int32) - plain).max(axis=2)
        drawn = moved > ONE_LEVEL
        if alpha is not None:
            drawn &= alpha[rows] > 0
        marks[rows][drawn] |= np.uint8(Mark.INVENTED)
