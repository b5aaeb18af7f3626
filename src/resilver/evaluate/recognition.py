"""How well damage is recognised: pixel by pixel, and as "this photo has stains"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing import KINDS, AgeingRecipe, age
from resilver.evaluate.suites import SuitePhoto
from resilver.imaging.measures import Agreement, agreement, balanced_accuracy
from resilver.models.store import bundled_model
from resilver.options import Options
from resilver.stages.detection import find_faces
from resilver.stages.looks import KIND_MARKS, TOLD, believed
from resilver.stages.recognition import found_in
from resilver.stages.sight import see

Mask = NDArray[np.bool_]

CONDITIONS = ("faded", "cast")
PRESENT_PX = 12  # fewer true pixels of a kind than this, and nobody could say it is there
HELD_OUT_SEED = 900_000_000  # training counts its seeds from 0


@dataclass(frozen=True, eq=False)
class Seen:
    """What the product sees in one photo."""

    kinds: Mask  # (H, W, 4) in the order of `resilver.ageing.KINDS`
    told: Mask  # the same, when told that the photo is damaged
    suspected: Mask  # the same, believed or not
    conditions: tuple[float, float]  # probabilities of `CONDITIONS`


class Recogniser:
    """The repair stage's own recognition, thresholds and hysteresis included.

    Args:
        threads: of the network; None = all cores.

    Raises:
        ModelError: the network is missing or does not verify.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._network = bundled_model("damage").open(threads)
        self._detector = bundled_model("detect").open(threads)

    def look(self, pixels: NDArray[np.uint8]) -> Seen:
        """What is seen in (H, W, 3) uint8."""
        sight = see(self._network, pixels, Options.tile_px, lambda _share: None)
        kinds = np.stack([(sight.marks & np.uint8(kind)) != 0 for kind in KIND_MARKS], axis=-1)
        faces = find_faces(self._detector, pixels)
        believed_of = (
            found_in(sight, faces, told=False),
            found_in(sight, faces, told=True),
            believed(sight.marks, TOLD),
        )
        masks = (kinds & mask[..., None] for mask in believed_of)
        return Seen(*masks, conditions=(sight.faded, sight.cast))


@dataclass(frozen=True)
class Case:
    """One photo: how its damage was recognised."""

    union: Agreement
    told: Agreement  # the union, when told that the photo is damaged
    kinds: tuple[Agreement, ...]  # in the order of KINDS
    suspected: tuple[float, ...]  # share of the photo that could be damage, likewise
    # (truth, probability) of CONDITIONS, as far as known
    conditions: tuple[tuple[bool, float], ...]


def judge(seen: Seen, truth: Mask, conditions: Sequence[bool]) -> Case:
    """Compares what is seen in a photo with its true masks (H, W, 4) and conditions."""
    damaged = _union(truth)
    return Case(
        agreement(_union(seen.kinds), damaged),
        agreement(_union(seen.told), damaged),
        tuple(agreement(seen.kinds[..., i], truth[..., i]) for i in range(len(KINDS))),
        tuple(float(share) for share in seen.suspected.mean(axis=(0, 1))),
        tuple(zip(conditions, seen.conditions, strict=False)),
    )


def _union(kinds: Mask) -> Mask:
    return np.logical_or.reduce(kinds, axis=-1)


@dataclass(frozen=True)
class ImageCalls:
    """Over a set of photos, for one kind of damage or condition: what is, and how strongly seen."""

    truth: Mask  # (N,): present or not
    seen: NDArray[np.float64]  # (N,): share of pixels that could be it, or the probability

    def accuracy(self, threshold: float) -> float:
        """Balanced accuracy of calling present what reaches the threshold; NaN if not judgeable."""
        if self.truth.size == 0 or self.truth.all() or not self.truth.any():
            return float("nan")
        return balanced_accuracy(self.truth, self.seen >= threshold)

    def best_threshold(self) -> float:
        """The threshold with the highest balanced accuracy on this set, midway between values."""
        values = np.unique(self.seen)
        between = (values[1:] + values[:-1]) / 2.0
        candidates = [float(value) for value in (*between, values[-1] + 1.0)]
        return max(candidates, key=self.accuracy)


def kind_calls(cases: Sequence[Case], kind: str) -> ImageCalls:
    """Calls of one kind of damage; photos with only a trace of it are left out.

    A kind is present from `PRESENT_PX` true pixels on and absent at 0.
    """
    index = KINDS.index(kind)
    judged = [case for case in cases if not 0 < case.kinds[index].true < PRESENT_PX]
    truth = np.array([case.kinds[index].true > 0 for case in judged], np.bool_)
    seen = np.array([case.suspected[index] for case in judged], np.float64)
    return ImageCalls(truth, seen)


def condition_calls(cases: Sequence[Case], condition: str) -> ImageCalls:
    """Calls of fading or cast, over the photos whose truth is known."""
    index = CONDITIONS.index(condition)
    known = [case.conditions[index] for case in cases if len(case.conditions) > index]
    truth = np.array([truth for truth, _seen in known], np.bool_)
    return ImageCalls(truth, np.array([seen for _truth, seen in known], np.float64))


@dataclass(frozen=True, eq=False)
class HeldOutPrint:
    """A print aged by the project's own ageing, with seeds and photos that no training sees."""

    pixels: NDArray[np.uint8]  # (H, W, 3)
    masks: Mask  # (H, W, 4)
    faded: bool
    cast: bool


def age_held_out(
    photos: Sequence[SuitePhoto], count: int, print_px: int = 448
) -> Iterator[HeldOutPrint]:
    """Squares cut from the photos in turn, at a random scale, and aged with the default recipe.

    Args:
        photos: held-out photos, at least `print_px` each way, else they are enlarged.
        count: how many prints.
        print_px: side of a print.
    """
    for index in range(count):
        rng = np.random.default_rng(HELD_OUT_SEED + index)
        photo = photos[index % len(photos)].read()
        aged = age(_cut(photo, print_px, rng), rng, AgeingRecipe())
        pixels = np.rint(np.clip(aged.photo, 0.0, 1.0) * 255.0).astype(np.uint8)
        yield HeldOutPrint(pixels, aged.masks > 0, aged.faded, aged.cast)


def _cut(photo: NDArray[np.float32], side_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = photo.shape[:2]
    smallest = side_px / min(height, width)
    scale = max(smallest, float(rng.uniform(min(smallest, 1.0), 1.0)))
    size = (max(round(width * scale), side_px), max(round(height * scale), side_px))
    scaled = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.float32)
    top = int(rng.integers(0, size[1] - side_px + 1))
    left = int(rng.integers(0, size[0] - side_px + 1))
    return np.ascontiguousarray(scaled[top : top + side_px, left : left + side_px])
