"""What a test suite is: cases, contenders and metrics, declared as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from resilver.errors import ModelError
from resilver.evaluate.suites import spread
from resilver.imaging.measures import Mask, Picture
from resilver.models.session import Network, OrtNetwork

INPUT = "input"
"""Name of the contender that gives the picture back as it came."""


@dataclass(frozen=True)
class Setting:
    """Where things lie, and how much of them is looked at."""

    data: Path  # the folder of the suites' folders
    weights: Path | None = None  # the folder of published networks; None = there are none
    photos: int | None = None  # photos of a folder, evenly spread: a trial; None = all
    threads: int | None = None  # of a network; None = all cores

    def chosen(self, photos: Sequence[T]) -> list[tuple[int, T]]:
        """(place among all, photo) of those that are looked at.

        The place seeds what is drawn at random, so that a trial sees what the whole suite sees.
        """
        return [(place, photos[place]) for place in spread(len(photos), self.photos)]

    def published(self, name: str) -> Network:
        """A published network that ours is held against.

        Raises:
            ModelError: it is not there.
        """
        if self.weights is None:
            raise ModelError(f"{name}: nobody said where the published networks lie (--weights)")
        return OrtNetwork(self.weights / f"{name}.onnx", self.threads)


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """The pictures of one case; a suite whose contenders are told more has a class of its own."""

    given: Picture  # (h, w, 3) float32 in [0, 1], 8 bit unless the suite says otherwise
    truth: Picture | None = None  # (H, W, 3), of the size that results have; None = nobody knows
    region: Mask | None = None  # (H, W), True = this pixel counts; None = all do

    @property
    def true(self) -> Picture:
        """The truth.

        Raises:
            ValueError: there is none: such a suite has no metrics against it.
        """
        if self.truth is None:
            raise ValueError("this case has no truth to be held against")
        return self.truth


@dataclass(frozen=True, eq=False)
class Made:
    """What a contender made of a sample."""

    picture: Picture  # (H, W, 3) float32 in [0, 1]
    words: str = ""  # what it did, where it says so: "repair, denoise"


T = TypeVar("T")
S = TypeVar("S", bound=Sample)
S_co = TypeVar("S_co", bound=Sample, covariant=True)
S_contra = TypeVar("S_contra", bound=Sample, contravariant=True)

Restore = Callable[[S], Made]
Open = Callable[[Setting], Restore[S]]  # raises ModelError where a network is not there


@dataclass(frozen=True, eq=False)
class Case(Generic[S_co]):
    """One picture of a suite, read when it is asked for."""

    name: str
    read: Callable[[], S_co]  # raises PhotoError
    group: str = ""  # figures are summed up by group: "noise 25"; "" = the suite has one only


@dataclass(frozen=True, eq=False)
class Metric(Generic[S_contra]):
    """A figure of one picture, and how to read it."""

    name: str  # "PSNR"
    unit: str  # "dB"; "" = a bare number
    better: Literal["larger", "smaller", "nearer to 1"]
    open: Callable[[Setting], Callable[[S_contra, Picture], float]]  # as `Open`; NaN = unknown
    digits: int = 2  # decimals that are shown
    compared: Literal["difference", "ratio"] = "difference"  # how two contenders are held together

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def badness(self, figure: float) -> float:
        """The larger, the worse; of the scale of the figure."""
        if self.better == "nearer to 1":
            return abs(figure - 1.0)
        return -figure if self.better == "larger" else figure

    def is_better(self, figure: float, other: float) -> bool:
        """Whether a figure is strictly better than another."""
        return self.badness(figure) < self.badness(other)


@dataclass(frozen=True, eq=False)
class Suite(Generic[S]):
    """One question, what it is asked of, who answers, and how answers are judged."""

    name: str
    sentence: str  # what is measured, one sentence for a person
    cases: Callable[[Setting], Sequence[Case[S]]]  # raises PhotoError where a folder is missing
    contenders: Mapping[str, Open[S]]  # in the order of the tables
    metrics: tuple[Metric[S], ...] = ()  # none = nothing is known, results are only looked at
    baseline: str = INPUT  # the contender that others are held against unless another is named
    notes: str = ""  # what a reader of the figures should know besides
    candidate: Callable[[Path], Open[S]] | None = None  # how a network in a file takes part


def without_settings(
    measure: Callable[[S_contra, Picture], float],
) -> Callable[[Setting], Callable[[S_contra, Picture], float]]:
    """A measure that needs no network, as a metric opens it."""
    return lambda _setting: measure


def eight_bits(picture: Picture) -> NDArray[np.uint8]:
    """(H, W, 3) in [0, 1] as grey levels of 255; what lies outside is clipped."""
    return np.rint(255.0 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)
