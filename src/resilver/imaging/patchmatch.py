"""PatchMatch fill: holes are filled with pieces of the same picture, so that texture goes on.

Barnes, Shechtman, Finkelstein, Goldman, "PatchMatch: A Randomized Correspondence Algorithm for
Structural Image Editing" (2009) finds for every patch that touches a hole a sound patch like it;
Wexler, Shechtman, Irani, "Space-Time Completion of Video" (2007) lets those patches vote for the
hole's pixels and repeats both, from coarse to fine.

All patches of a level are searched at once instead of one after the other in scan order: good
matches then spread a few pixels a sweep, which the pyramid makes up for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from resilver.imaging.classical import Mask, Picture, check_fill, fill_navier_stokes, keep_sound

PATCH_PX = 7
_SMALLEST_PX = 24  # no level of the pyramid is smaller than this
# Search-and-vote rounds a level, from the finest on; the last repeats. Longer searches find patches
# that resemble the very grain of the border, and copy grain that does not belong: 4 to 12 rounds
# with 3 tries were no better, and several times slower.
_ROUNDS = (1, 1, 2, 3, 5)
_RANDOM_TRIES = 1  # places tried at random a round
_JUMPS_PX = (1, 4)  # how far away the neighbours are whose matches a patch tries
_CHUNK = 4096  # patches compared at a time: their pixels stay in the processor's cache
_TRUST_FALLOFF = 1.3  # a pixel d px inside the hole counts 1.3 ** -d (Wexler et al.)
_DEEPEST_PX = 40.0  # no pixel counts less than one this deep

# Windows of a level by index, row by row; a window is named by its top left pixel.
_Windows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class _Level:
    """One size of the picture."""

    image: Picture  # (H, W, 3)
    mask: Mask  # (H, W), True = to be filled

    @property
    def windows(self) -> tuple[int, int]:
        """How many windows there are, down and across."""
        return self.image.shape[0] - PATCH_PX + 1, self.image.shape[1] - PATCH_PX + 1


def fill_patchmatch(
    image: Picture, mask: Mask, *, seed: int = 0, threads: int | None = None
) -> Picture:
    """Fills the masked pixels with texture found elsewhere in the picture.

    Where no sound patch of 7x7 px is left to copy from, the hole is filled by diffusion
    (`fill_navier_stokes`). The same seed gives the same result.

    Args:
        image: (H, W, 3) float32 in [0, 1].
        mask: (H, W), True = damaged.
        seed: of the random search.
        threads: that compare patches; None = one for each processor.

    Returns:
        (H, W, 3) float32 in [0, 1]; pixels outside the mask are bit-equal.

    Raises:
        OptionError: shapes that do not go together.
    """
    check_fill(image, mask)
    if not mask.any() or mask.all():
        return image.copy()
    rng = np.random.default_rng(seed)
    levels = _pyramid(image, mask)
    filled = fill_navier_stokes(levels[-1].image, levels[-1].mask, threads=threads)
    coarser: _Search | None = None
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for depth in reversed(range(len(levels))):
            level = levels[depth]
            height, width = level.mask.shape
            larger = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
            filled = keep_sound(level.image, level.mask, np.asarray(larger, np.float32))
            search = _Search.of(level, coarser, rng)
            if search is not None:
                for _ in range(_ROUNDS[min(depth, len(_ROUNDS) - 1)]):
                    search.improve(filled, rng, pool)
                    filled = search.vote(filled, pool)
            coarser = search
    return keep_sound(image, mask, filled)


def _pyramid(image: Picture, mask: Mask) -> list[_Level]:
    """The picture at full, half, quarter size ...; a pixel is sound if any pixel below it is."""
    levels = [_Level(image, mask)]
    while min(mask.shape) >= 2 * _SMALLEST_PX and mask.any():
        sound = (~mask).astype(np.float32)
        size = ((mask.shape[1] + 1) // 2, (mask.shape[0] + 1) // 2)
        weight = np.asarray(cv2.resize(sound, size, interpolation=cv2.INTER_AREA))
        sums = np.asarray(cv2.resize(image * sound[..., None], size, interpolation=cv2.INTER_AREA))
        mask = weight <= 0.0
        image = (sums / np.maximum(weight, 1e-6)[..., None]).astype(np.float32)
        levels.append(_Level(image, mask))
    return levels


@dataclass(eq=False)
class _Search:
    """The matches of one level, made better in place by `improve`."""

    level: _Level
    targets: _Windows  # all windows that touch the hole, which look for a match
    nearest: _Windows  # (down * across,): the sound window nearest to each window
    matches: _Windows  # (down * across,): the window each one looks like; itself where sound
    distances: NDArray[np.float32]  # of the targets to their matches
    trust: NDArray[np.float32]  # (H, W): 1 in sound pixels, falling into the hole

    @classmethod
    def of(cls, level: _Level, coarser: _Search | None, rng: np.random.Generator) -> _Search | None:
        """A search from the matches of the coarser level, or from random ones where there are none.

        None where there is nothing to search for, or nothing sound to find.
        """
        down, across = level.windows
        if down < 1 or across < 1 or not level.mask.any():
            return None
        touched = _touched(level.mask)
        sound, targets = np.flatnonzero(~touched), np.flatnonzero(touched)
        if sound.size == 0:
            return None
        nearest = _nearest_sound(touched)
        matches = np.arange(down * across)
        if coarser is None:
            matches[targets] = sound[rng.integers(0, sound.size, targets.size)]
        else:
            matches[targets] = nearest[_doubled(coarser, level.windows, targets)]
        inside = cv2.distanceTransform(level.mask.astype(np.uint8), cv2.DIST_L2, 5)
        trust = np.power(_TRUST_FALLOFF, -np.minimum(np.asarray(inside), _DEEPEST_PX))
        unknown = np.full(targets.size, np.inf, np.float32)
        return cls(level, targets, nearest, matches, unknown, trust.astype(np.float32))

    def improve(self, filled: Picture, rng: np.random.Generator, pool: Executor) -> None:
        """One round of propagation and random search, against the picture as filled so far."""
        down, across = self.level.windows
        compare = _Comparison.of(filled, self.trust, pool)
        self.distances = compare.distances(self.targets, self.matches[self.targets])
        rows, columns = np.divmod(self.targets, across)
        for jump in _JUMPS_PX:
            for step_y, step_x in ((jump, 0), (0, jump), (-jump, 0), (0, -jump)):
                near_y = np.clip(rows + step_y, 0, down - 1)
                near_x = np.clip(columns + step_x, 0, across - 1)
                found_y, found_x = np.divmod(self.matches[near_y * across + near_x], across)
                self._try(compare, found_y - (near_y - rows), found_x - (near_x - columns))
        for _ in range(_RANDOM_TRIES):
            # Radii from the whole picture down to a pixel, evenly on a logarithmic scale.
            reach = max(down, across) ** rng.random(self.targets.size)
            found_y, found_x = np.divmod(self.matches[self.targets], across)
            shift = rng.uniform(-1.0, 1.0, (2, self.targets.size)) * reach
            moved_y, moved_x = np.rint(shift).astype(np.intp)
            self._try(compare, found_y + moved_y, found_x + moved_x)

    def _try(self, compare: _Comparison, rows: _Windows, columns: _Windows) -> None:
        """Takes the sound windows nearest to these places where they match better."""
        down, across = self.level.windows
        places = np.clip(rows, 0, down - 1) * across + np.clip(columns, 0, across - 1)
        places = self.nearest[places]
        new = np.flatnonzero(places != self.matches[self.targets])
        distances = compare.distances(self.targets[new], places[new])
        better = distances < self.distances[new]
        self.matches[self.targets[new[better]]] = places[new[better]]
        self.distances[new[better]] = distances[better]

    def vote(self, filled: Picture, pool: Executor) -> Picture:
        """The picture with every hole pixel set to the mean that its windows' matches vote for."""
        (down, across), width = self.level.windows, self.level.image.shape[1]
        # Wexler et al.: a typical distance counts e ** -0.5, whatever the picture's contrast.
        typical = max(float(np.percentile(self.distances, 75)), 1e-9)
        weights = np.zeros(down * across)
        weights[self.targets] = np.exp(self.distances / (-2.0 * typical))
        # A match with no resemblance at all must still vote where it votes alone.
        weights[self.targets] += 1e-9
        middle = self.trust[PATCH_PX // 2 :, PATCH_PX // 2 :][:down, :across]
        weights *= middle.ravel()
        pixels = self.level.image.reshape(-1, 3)
        rows, columns = np.nonzero(self.level.mask)
        found_y, found_x = np.divmod(self.matches, across)
        first = found_y * width + found_x  # the pixel in the corner of each window's match
        voted = filled.copy()

        def count(start: int) -> None:
            part = slice(start, start + _CHUNK)
            total = np.zeros((rows[part].size, 1))
            colour = np.zeros((rows[part].size, 3))
            for y in range(PATCH_PX):
                for x in range(PATCH_PX):
                    top, left = rows[part] - y, columns[part] - x
                    inside = (top >= 0) & (top < down) & (left >= 0) & (left < across)
                    windows = np.where(inside, top * across + left, 0)
                    weight = np.where(inside, weights[windows], 0.0)[:, None]
                    colour += weight * pixels[first[windows] + (y * width + x)]
                    total += weight
            voted[rows[part], columns[part]] = colour / total

        _in_parts(pool, count, rows.size)
        return voted


@dataclass(frozen=True, eq=False)
class _Comparison:
    """Compares windows of one picture; trust weighs the pixels of the window that is matched."""

    patches: NDArray[np.float32]  # view (down, across, 7, 21) of the picture
    trusts: NDArray[np.float32]  # view (down, across, 7, 21) of the trust
    weights: NDArray[np.float32]  # (down, across): the sum of each window's trust
    pool: Executor  # runs the comparisons

    @classmethod
    def of(cls, filled: Picture, trust: NDArray[np.float32], pool: Executor) -> _Comparison:
        patches = _windows_of(filled)
        trusts = _windows_of(np.repeat(trust[..., None], 3, axis=2))
        down, across = patches.shape[:2]
        size, corner = (PATCH_PX, PATCH_PX), (0, 0)
        sums = cv2.boxFilter(trust, cv2.CV_64F, size, anchor=corner, normalize=False)
        weights = 3.0 * np.asarray(sums)[:down, :across]
        return cls(patches, trusts, weights.astype(np.float32), pool)

    def distances(self, targets: _Windows, places: _Windows) -> NDArray[np.float32]:
        """Weighted mean square difference (n,) of two lists of n windows."""
        across = self.patches.shape[1]
        result = np.empty(targets.size, np.float32)

        def compare(start: int) -> None:
            part = slice(start, start + _CHUNK)
            target_y, target_x = np.divmod(targets[part], across)
            place_y, place_x = np.divmod(places[part], across)
            difference = self.patches[target_y, target_x]
            difference -= self.patches[place_y, place_x]
            difference *= difference
            trust = self.trusts[target_y, target_x]
            total = np.einsum("nij,nij->n", difference, trust)
            result[part] = total / self.weights[target_y, target_x]

        _in_parts(self.pool, compare, targets.size)
        return result


def _in_parts(pool: Executor, work: Callable[[int], None], size: int) -> None:
    """Calls `work` with the start of each chunk of `size` things.

    Copying pixels takes the time, and numpy lets other threads run while it does.
    """
    for _ in pool.map(work, range(0, size, _CHUNK)):
        pass


def _windows_of(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """View (down, across, 7, 7 * 3) of all windows of (H, W, 3); rows of a window lie together."""
    packed = np.ascontiguousarray(picture)
    height, width, channels = packed.shape
    row, column, _ = packed.strides
    return as_strided(
        packed,
        (height - PATCH_PX + 1, width - PATCH_PX + 1, PATCH_PX, PATCH_PX * channels),
        (row, column, row, packed.itemsize),
        writeable=False,
    )


def _touched(mask: Mask) -> NDArray[np.bool_]:
    """(down, across): which windows have a hole pixel in them."""
    counts = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int32)
    counts[1:, 1:] = mask.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    size = PATCH_PX
    inside = counts[size:, size:] - counts[:-size, size:] - counts[size:, :-size]
    return inside + counts[:-size, :-size] > 0


def _nearest_sound(touched: NDArray[np.bool_]) -> _Windows:
    """(down * across,): the clear window nearest to each; itself where it is clear."""
    _, labelled = cv2.distanceTransformWithLabels(
        touched.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    clear = np.flatnonzero(~touched)
    labels = np.asarray(labelled, np.intp).ravel()
    of_label = np.zeros(labels.max() + 1, np.intp)
    of_label[labels[clear]] = clear
    return of_label[labels]


def _doubled(coarser: _Search, windows: tuple[int, int], targets: _Windows) -> _Windows:
    """The matches of the coarser level, moved to some of this level's windows (down, across)."""
    down, across = windows
    rows, columns = np.divmod(targets, across)
    coarse_down, coarse_across = coarser.level.windows
    above_y = np.minimum(rows // 2, coarse_down - 1)
    above_x = np.minimum(columns // 2, coarse_across - 1)
    found_y, found_x = np.divmod(coarser.matches[above_y * coarse_across + above_x], coarse_across)
    # The offset doubles; what it lands on keeps its place within the pair of pixels.
    place_y = np.clip(rows + 2 * (found_y - above_y), 0, down - 1)
    place_x = np.clip(columns + 2 * (found_x - above_x), 0, across - 1)
    return place_y * across + place_x
