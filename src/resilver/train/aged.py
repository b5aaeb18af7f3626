"""Streams of aged prints for training.

Every crop is a print of its own, with damage down to a quarter of its usual size: a few hundred
pixels then teach as much as a whole print. With one large print cut into three crops, regions were
still missed after 900 steps.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing import KINDS, OVERLAY_KINDS, Aged, AgeingRecipe, age
from resilver.train.photos import CropStream, Shard, decode, find_shards, part_overlays, shuffled

Overlay = tuple[str, NDArray[np.uint8]]

PRINT_PX = 160
SIZES = (0.25, 1.2)  # `AgeingRecipe.size` for prints as small as these


@dataclass(frozen=True, eq=False)
class AgedCrop:
    """One aged print; arrays (H, W, C) float32 in [0, 1], masks (H, W, 4) in {0, 1}."""

    photo: NDArray[np.float32]
    intact: NDArray[np.float32]
    masks: NDArray[np.float32]
    faded: bool
    cast: bool


@dataclass(frozen=True)
class AgedStream:
    """An endless stream of square aged prints.

    Sources whose name contains "overlays" are alpha masks of real film damage (tar or folder with a
    sub-folder per kind, see `ageing.OVERLAY_KINDS`); all others are photos.
    """

    sources: list[Path]
    seed: int
    untouched_share: float = 0.0  # prints given exactly as they are: nothing to find
    recipe: AgeingRecipe = field(default_factory=lambda: AgeingRecipe(size=SIZES))
    print_px: int = PRINT_PX
    held_back: int = 36  # prints, so that a batch does not come from one photo

    def __iter__(self) -> Iterator[AgedCrop]:
        return shuffled(self._prints(), self.held_back, self.seed)

    def _prints(self) -> Iterator[AgedCrop]:
        pictures, boards = part_overlays(self.sources)
        photos = find_shards(pictures)
        overlays = _OverlayPool(find_shards(boards) if boards else [], self.seed + 1)
        rng = np.random.default_rng(self.seed)
        for clean in CropStream(
            photos,
            self.print_px,
            self.seed,
            smallest_scale=0.3,
            largest_scale=1.4,
            crops_per_photo=4,
        ):
            if rng.random() < self.untouched_share:
                nothing = np.zeros((*clean.shape[:2], len(KINDS)), np.uint8)
                aged = Aged(clean, clean, clean, nothing, faded=False, cast=False)
            else:
                aged = age(clean, rng, self.recipe, overlays.some())
            masks = aged.masks.astype(np.float32)
            yield AgedCrop(aged.photo, aged.intact, masks, aged.faded, aged.cast)


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
        kind, shard = self._random.choice(self._shards)
        alpha = decode(shard.read_bytes(), cv2.IMREAD_GRAYSCALE)
        if alpha is None:
            return self._read()
        return kind, alpha
