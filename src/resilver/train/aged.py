"""Streams of aged prints for training: whole prints are aged, then cut, so that damage keeps the
scale of the print, and one ageing feeds several crops."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing import KINDS, OVERLAY_KINDS, Aged, AgeingRecipe, age
from resilver.train.photos import CropStream, Shard, decode, find_shards, part_overlays

Overlay = tuple[str, NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class AgedCrop:
    """One crop of an aged print; arrays (H, W, C) float32 in [0, 1], masks (H, W, 4) in {0, 1}."""

    photo: NDArray[np.float32]
    intact: NDArray[np.float32]
    masks: NDArray[np.float32]
    faded: bool
    cast: bool


@dataclass(frozen=True)
class AgedStream:
    """An endless stream of crops of aged prints.

    Sources whose name contains "overlays" are alpha masks of real film damage (tar or folder with a
    sub-folder per kind, see `ageing.OVERLAY_KINDS`); all others are photos.
    """

    sources: list[Path]
    seed: int
    print_px: int = 448
    crop_px: int = 256
    crops_per_print: int = 3
    shuffle: int = 36  # crops held back, so that a batch does not come from one print
    untouched_share: float = 0.06  # prints given exactly as they are: nothing to find
    recipe: AgeingRecipe = field(default_factory=AgeingRecipe)

    def __iter__(self) -> Iterator[AgedCrop]:
        pictures, boards = part_overlays(self.sources)
        photos = find_shards(pictures)
        overlays = _OverlayPool(find_shards(boards) if boards else [], self.seed + 1)
        rng = np.random.default_rng(self.seed)
        held: list[AgedCrop] = []
        prints = CropStream(photos, self.print_px, self.seed, smallest_scale=0.3, crops_per_photo=4)
        for clean in prints:
            if rng.random() < self.untouched_share:
                nothing = np.zeros((*clean.shape[:2], len(KINDS)), np.uint8)
                aged = Aged(clean, clean, clean, nothing, faded=False, cast=False)
            else:
                aged = age(clean, rng, self.recipe, overlays.some())
            held.extend(self._cut(aged, rng) for _ in range(self.crops_per_print))
            while len(held) > self.shuffle:
                index = int(rng.integers(len(held)))
                held[index], held[-1] = held[-1], held[index]
                yield held.pop()

    def _cut(self, aged: Aged, rng: np.random.Generator) -> AgedCrop:
        room = self.print_px - self.crop_px
        top, left = (int(value) for value in rng.integers(0, room + 1, 2))
        area = np.s_[top : top + self.crop_px, left : left + self.crop_px]
        return AgedCrop(
            aged.photo[area],
            aged.intact[area],
            aged.masks[area].astype(np.float32),
            aged.faded,
            aged.cast,
        )


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
