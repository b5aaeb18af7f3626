"""The fills of the repair stage: learned, and the classical baselines, behind one method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import OptionError
from resilver.imaging.classical import fill_biharmonic, fill_navier_stokes, fill_telea
from resilver.imaging.patchmatch import fill_patchmatch
from resilver.imaging.tiles import Tile
from resilver.imaging.veils import first_guess
from resilver.imaging.windows import windows_around
from resilver.models.card import ModelCard
from resilver.models.session import Network
from resilver.models.store import StoredModel, bundled_model

Mask = NDArray[np.uint8]

# Blur and JPEG smear damage over the pixels beside it: nothing is continued or copied from those.
_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


class Fill(Protocol):
    """Restores the damaged pixels of one tile."""

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The networks it uses."""
        ...

    @property
    def looks_through(self) -> bool:
        """Whether it clears a veil; else it is given none, and invents what is under it."""
        ...

    def run(self, tile: Tile, hole: Mask, veil: Mask) -> Tile:
        """(h, w, 3) in [0, 1] with masks (h, w) in {0, 1} -> the tile, restored under the masks."""
        ...


def fill_in_windows(fill: Fill, tile: Tile, hole: Mask, veil: Mask) -> Tile:
    """What `fill.run` returns, looking only where there is damage: most photos have little."""
    filled = tile.copy()
    for window in windows_around((hole | veil) > 0):
        view = window.view.slices
        seen = np.ascontiguousarray(tile[view])
        mended = fill.run(seen, hole[view].copy(), veil[view].copy())
        filled[window.core.slices] = mended[window.place.slices]
    return filled


@dataclass(frozen=True)
class LearnedFill:
    """The network of `resilver.nets.fill`, which is shown two guesses: diffused and copied."""

    model: StoredModel
    threads: int | None = None
    looks_through: bool = True

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        return (self.model.card,)

    def run(self, tile: Tile, hole: Mask, veil: Mask) -> Tile:
        wide_hole = np.asarray(cv2.dilate(hole, _CROSS), np.uint8)
        wide_veil = np.asarray(cv2.dilate(veil, _CROSS), np.uint8) & (1 - wide_hole)
        if (wide_hole | wide_veil).all():  # a rim alone is sound: better smeared than nothing
            wide_hole, wide_veil = hole, veil & (1 - hole)
        guess = first_guess(tile, wide_hole > 0, wide_veil > 0, threads=self.threads)
        copied = fill_patchmatch(guess, wide_hole > 0, threads=self.threads)
        marks = np.stack((wide_hole, wide_veil)).astype(np.float32)[None]
        image, texture = (np.moveaxis(picture, -1, 0)[None] for picture in (guess, copied))
        (filled,) = self._network.run(image, texture, marks)
        filled = np.clip(np.moveaxis(filled[0], 0, -1), 0.0, 1.0)
        return np.where((hole | veil)[..., None] > 0, filled, tile)

    @cached_property
    def _network(self) -> Network:
        return self.model.open(self.threads)


@dataclass(frozen=True)
class ClassicalFill:
    """A fill that knows holes only: a stain is cut out like a scratch."""

    method: Callable[[Tile, NDArray[np.bool_]], Tile]
    cards: tuple[ModelCard, ...] = ()
    looks_through: bool = False

    def run(self, tile: Tile, hole: Mask, veil: Mask) -> Tile:
        return self.method(tile, (hole | veil) > 0)


# By name: what makes a fill that uses so many threads.
CLASSICAL: dict[str, Callable[[int | None], Callable[[Tile, NDArray[np.bool_]], Tile]]] = {
    "telea": lambda threads: partial(fill_telea, threads=threads),
    "navier-stokes": lambda threads: partial(fill_navier_stokes, threads=threads),
    "biharmonic": lambda _threads: fill_biharmonic,
    "patchmatch": lambda threads: partial(fill_patchmatch, threads=threads),
}
FILLS = ("learned", *CLASSICAL)


def fill_named(name: str, threads: int | None = None) -> Fill:
    """A fill of `FILLS`.

    Raises:
        OptionError: no fill has this name.
    """
    if name == "learned":
        return LearnedFill(bundled_model("fill"), threads)
    if name not in CLASSICAL:
        raise OptionError(f"unknown fill {name!r}; there are: {', '.join(FILLS)}")
    return ClassicalFill(CLASSICAL[name](threads))
