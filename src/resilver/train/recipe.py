"""What a recipe is: the parts of one training run that differ from network to network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.errors import RecipeError
from resilver.models.card import Licence

Sample = dict[str, NDArray[np.float32]]  # arrays without a batch axis, channels first
Batch = dict[str, Tensor]  # the same, stacked


@dataclass(frozen=True)
class RecipeInfo:
    """What a card says of a recipe."""

    name: str  # as typed: `resilver train NAME`
    summary: str  # one sentence
    reference: str  # paper or standard
    batch: int  # samples a step
    learning_rate: float  # peak of the cosine
    limits: str  # where it disappoints, for the card
    # Names of weights begin with these where another recipe trains them first: a tenth of the rate
    # when the run starts from its weights.
    trained: tuple[str, ...] = ()
    task: str | None = None  # on the card, where it is not the recipe's name
    # Names of weights begin with these where they judge what the others draw: plain Adam for them.
    judges: tuple[str, ...] = ()
    # Muon for most networks; plain Adam, clipped only where it is wild, where two networks learn
    # against each other.
    optimiser: Literal["muon", "adam"] = "muon"
    scale: int = 1  # its pictures are this many times as large as what it is given


@dataclass(frozen=True)
class Lineage:
    """What a network comes from, as its card says; kept with the state of a run."""

    how: str  # "the recipe's own targets", "losses switched off: style": the same in every sitting
    start: str = ""  # name of the file it began with; "" = fresh weights
    licence: Licence = "research"  # the strictest of the data, of what it began with, of teachers
    data: tuple[str, ...] = ()  # notes of all it learned from, what it began with included
    teachers: tuple[str, ...] = ()  # names of the networks it learned from

    def resumed(self, before: Lineage) -> Lineage:
        """That of a run which goes on from an earlier sitting.

        Raises:
            RecipeError: it would go on in another way.
        """
        if self.how != before.how:
            raise RecipeError(f"it was trained with {before.how}, not with {self.how}")
        return replace(
            before,
            licence=stricter(self.licence, before.licence),
            data=tuple(dict.fromkeys((*before.data, *self.data))),
            teachers=tuple(dict.fromkeys((*before.teachers, *self.teachers))),
        )


def stricter(*licences: Licence) -> Licence:
    """The strictest of some licence classes."""
    return "research" if "research" in licences else "clean"


class Recipe(Protocol):
    """The parts of a training run that belong to one network; `train.loop.fit` does the rest."""

    info: RecipeInfo

    def network(self) -> nn.Module:
        """A fresh network; calling it on the example is what is exported."""
        ...

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        """An endless stream of samples; the same seed gives the same stream."""
        ...

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch, and figures to log."""
        ...

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        """Inputs of the exported network, batch 1, for the parity check."""
        ...

    @property
    def size_px(self) -> int:
        """Side of the square pictures that the exported network takes; 0 = any size."""
        ...

    @property
    def input_names(self) -> tuple[str, ...]: ...

    @property
    def output_names(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, eq=False)
class Inspection:
    """What a look at a network in training showed."""

    figures: dict[str, float]
    sheet: NDArray[np.uint8]  # what it does now, RGB (H, W, 3)


@runtime_checkable
class Inspected(Protocol):
    """A recipe whose network must be looked at while it learns: its loss does not tell.

    `train.loop.fit` calls it every `FitConfig.inspect_every_s`, writes the sheet beside the state
    and logs the figures.
    """

    def inspect(self, average: nn.Module, sources: list[Path]) -> Inspection:
        """A look at the running average, on its own device and in eval mode."""
        ...


@runtime_checkable
class Taught(Protocol):
    """A recipe whose network may learn from others: targets or gradients come from them."""

    @property
    def teachers(self) -> tuple[Path, ...]:
        """The files of those networks; one that only measures is none of them."""
        ...


def channels_first(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, C) -> (C, H, W), contiguous."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))


def example_image(height: int, width: int, seed: int) -> Tensor:
    """A smooth random image (1, 3, H, W) in [0, 1]: nearer to a photo than white noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, max(height // 8, 2), max(width // 8, 2)), generator=generator)
    image = nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return (image + 0.03 * torch.randn(image.shape, generator=generator)).clamp(0, 1)
