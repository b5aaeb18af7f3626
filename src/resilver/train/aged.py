"""Streams of aged prints for training.

Every crop is a print of its own, with damage down to a quarter of its usual size: a few hundred
pixels then teach as much as a whole print. With one large print cut into three crops, regions were
still missed after 900 steps.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing import KINDS, OVERLAY_KINDS, Aged, AgeingRecipe, age
from resilver.ageing.film import print_monochrome
from resilver.errors import RecipeError
from resilver.train.photos import (
    CropStream,
    Shard,
    called,
    decode,
    find_photos,
    find_shards,
    part_overlays,
    shuffled,
)

Overlay = tuple[str, NDArray[np.uint8]]

PRINT_PX = 160
SIZES = (0.25, 1.2)  # `AgeingRecipe.size` for prints as small as these
OLD_SHARE = 0.25  # of the prints are real old ones, where there are any; of these ...
OLD_UNTOUCHED = 0.5  # ... so many are given as they are


@dataclass(frozen=True, eq=False)
class AgedCrop:
    """One aged print; arrays (H, W, C) float32 in [0, 1], masks (H, W, 4) in {0, 1}."""

    photo: NDArray[np.float32]
    intact: NDArray[np.float32]
    masks: NDArray[np.float32]
    faded: bool
    cast: bool
    conditions_known: bool = True  # False: a real old print, or a negative; faded or not


@dataclass(frozen=True)
class AgedStream:
    """An endless stream of square aged prints.

    Sources whose name contains "overlays" are alpha masks of real film damage (tar or folder with a
    sub-folder per kind, see `ageing.OVERLAY_KINDS`); those whose name begins with "old" are scans
    of real old prints without much damage of their own; all others are photos of today.

    Old prints are what the damage must be told from: bare trees on a white sky, captions, foliage
    of high contrast. Half of them are shown as they are.
    """

    sources: list[Path]
    seed: int
    untouched_share: float = 0.0  # prints given exactly as they are: nothing to find
    untouched_monochrome: float = 0.0  # of the photos of today among them: printed without colour
    negatives: float = 0.0  # of the others: damaged as a negative or a plate, and printed from it
    recipe: AgeingRecipe = field(default_factory=lambda: AgeingRecipe(size=SIZES))
    print_px: int = PRINT_PX
    held_back: int = 36  # prints, so that a batch does not come from one photo

    def __iter__(self) -> Iterator[AgedCrop]:
        return shuffled(self._prints(), self.held_back, self.seed)

    def _prints(self) -> Iterator[AgedCrop]:
        pictures, boards = part_overlays(self.sources)
        overlays = _OverlayPool(find_shards(boards) if boards else [], self.seed + 1)
        rng = np.random.default_rng(self.seed)
        find_photos(self.sources)  # says so where there are none
        streams = {
            old: self._crops(paths, self.seed + 2 * old)
            for old in (False, True)
            if (paths := [path for path in pictures if _is_old(path) == old])
        }
        while True:
            from_old = True in streams and (False not in streams or rng.random() < OLD_SHARE)
            clean = next(streams[from_old])
            known = not from_old
            if rng.random() < (OLD_UNTOUCHED if from_old else self.untouched_share):
                if not from_old and rng.random() < self.untouched_monochrome:
                    clean = print_monochrome(clean, rng, self.recipe.tint)
                nothing = np.zeros((*clean.shape[:2], len(KINDS)), np.uint8)
                aged = Aged(clean, clean, clean, nothing, faded=False, cast=False)
            elif self.negatives and rng.random() < self.negatives:
                # What would be paper white is black: dark marks are as many as bright ones.
                aged = _printed(age(1 - clean, rng, self.recipe, overlays.some()))
                known = False
            else:
                aged = age(clean, rng, self.recipe, overlays.some())
            masks = aged.masks.astype(np.float32)
            yield AgedCrop(
                aged.photo, aged.intact, masks, aged.faded, aged.cast, conditions_known=known
            )

    def _crops(self, sources: list[Path], seed: int) -> Iterator[NDArray[np.float32]]:
        """Squares of the photos before they are aged."""
        return iter(
            CropStream(
                find_shards(sources),
                self.print_px,
                seed,
                smallest_scale=0.3,
                largest_scale=1.4,
                crops_per_photo=4,
            )
        )


def _printed(negative: Aged) -> Aged:
    """The print that an aged negative gives."""
    return replace(
        negative,
        photo=1 - negative.photo,
        intact=1 - negative.intact,
        clean=1 - negative.clean,
    )


def _is_old(source: Path) -> bool:
    return called(source).startswith("old")


class _OverlayPool:
    """A few decoded overlays at a time, exchanged as they are used."""

    def __init__(self, shards: list[Shard], seed: int, size: int = 40) -> None:
        known = [(OVERLAY_KINDS.get(Path(shard.name).parent.name), shard) for shard in shards]
        self._shards = [(kind, shard) for kind, shard in known if kind is not None]
        self._random = random.Random(seed)
        self._size = size
        self._pool: list[Overlay] = []

    def some(self) -> list[Overlay]:
        """Six overlays to choose from; none where there are no shards."""
        if not self._shards:
            return []
        while len(self._pool) < self._size:
            self._pool.append(self._read())
        self._pool[self._random.randrange(self._size)] = self._read()
        return self._random.sample(self._pool, 6)

    def _read(self) -> Overlay:
        """Raises RecipeError: none of them is an image."""
        while self._shards:
            kind, shard = chosen = self._random.choice(self._shards)
            alpha = decode(shard.read_bytes(), cv2.IMREAD_GRAYSCALE)
            if alpha is not None:
                return kind, alpha
            self._shards.remove(chosen)
        raise RecipeError("none of the overlays is an image that can be decoded")
