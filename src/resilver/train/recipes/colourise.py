"""Recipe `colourise`: a likely colour for every place of a black and white photo.

References: Zhang, Isola and Efros, "Colorful Image Colorization" (2016): classification over bins
of a*b*, rare colours weighing more, the colour as an annealed mean; Zhang et al., "Real-Time
User-Guided Image Colorization with Learned Deep Priors" (2017): hints. The annealed mean itself is
held to the truth in three colour spaces at once: chroma in Lab, hue (as an angle, weighed by
saturation) and saturation in HSV, and RGB.

Start from the features of SqueezeNet v1.0 with `--start-from FILE.safetensors`; the card then
names the file.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.errors import RecipeError
from resilver.imaging.chroma import REACH, STEP, bins, colourfulness, grid, nearest_bin, to_lab
from resilver.imaging.tiles import to_float
from resilver.imaging.tone import TONED_255, colour_left
from resilver.nets.colour import lab_to_rgb, rgb_to_hsv, rgb_to_lab
from resilver.nets.colourise import (
    GREY_MEAN,
    GREY_UNIT,
    STRIDE,
    ColouriseConfig,
    ColouriseNet,
)
from resilver.train.monochrome import seen_by_film, simulated_hints
from resilver.train.photos import Photos, Shard, find_shards, part_overlays, shuffled
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image
from resilver.train.squeezenet import SqueezeNet
from resilver.train.weights import load_onnx_weights

SIDE_PX = 176  # of the crops
ANNEALING = 0.38  # temperature of the mean (Zhang et al. 2016)
_KEPT_PX = 208  # shorter side of the photos that are kept in memory
_COUNTED = 400  # photos whose colours are counted
_EVEN = 0.9  # share of an even distribution mixed to the colours' frequencies
_LEAST_COLOUR = 12.0  # Hasler and Suesstrunk's colourfulness; under it a photo teaches grey
_FLAT_SHARE = 0.45  # of neighbouring pixels that are exactly equal: a drawing or a screenshot
_LAB, _HUE, _RGB = 2.0, 1.0, 1.0  # weights of the colour spaces beside the classification
_HELD = 64

INFO = RecipeInfo(
    name="colourise",
    summary="Guesses likely colours for a black and white photo; hints of colour lead it.",
    reference="Zhang et al. 2016 (odds over colours), Zhang et al. 2017 (hints), "
    "Iandola et al. 2016 (SqueezeNet, the encoder's layers)",
    batch=16,
    learning_rate=3e-3,
    trained=("encoder",),
    limits=(
        "Every colour is a guess. Learned from some thousand photos, most of people: skin, hair, "
        "leaves and sky are likely to look right; clothes, things and painted walls have a colour "
        "that may be quite another than the true one."
    ),
)


@dataclass
class ColouriseRecipe:
    """Photos as old film saw them, with and without hints, against their colours."""

    net: ColouriseConfig = field(default_factory=ColouriseConfig)
    side_px: int = SIDE_PX
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("grey", "hints")
    output_names: tuple[str, ...] = ("odds",)

    def network(self) -> nn.Module:
        return ColouriseNet(self.net)

    def started_from(self, path: Path) -> nn.Module:
        """A fresh network on SqueezeNet's features (.safetensors), or an exported one (.onnx).

        Raises:
            RecipeError: the file is neither, or does not fit.
        """
        network = self.network()
        if path.suffix != ".safetensors":
            return load_onnx_weights(network, path)
        assert isinstance(network, ColouriseNet)
        features = SqueezeNet.read(path).in_units()
        # Grey in all three channels is one channel with the sum of their weights; each has its own
        # mean taken off where ours takes one.
        kernel = features["conv1.weight"]
        off = torch.tensor((104.0, 117.0, 123.0)) - GREY_MEAN
        features["conv1.weight"] = kernel.sum(dim=1, keepdim=True)
        features["conv1.bias"] = features["conv1.bias"] - (kernel.sum(dim=(2, 3)) @ off / GREY_UNIT)
        network.encoder.load_state_dict(features)
        return network

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        """Raises RecipeError: none of the photos is in colour."""
        photos = _Photos(sources, seed)
        weights = rarity(photos.frequencies())
        return shuffled(self._samples(photos, weights, seed), _HELD, seed)

    def _samples(
        self, photos: _Photos, weights: NDArray[np.float32], seed: int
    ) -> Iterator[Sample]:
        rng = np.random.default_rng(seed)
        side, small = self.side_px, self.side_px // STRIDE
        while True:
            photo = photos.cut(side)
            target = np.asarray(
                cv2.resize(photo, (small, small), interpolation=cv2.INTER_AREA), np.float32
            )
            weight = weights[nearest_bin(to_lab(target)[..., 1:])]
            yield {
                "grey": seen_by_film(photo, rng)[None],
                "hints": channels_first(simulated_hints(photo, rng)),
                "target": channels_first(target),
                "weight": weight[None],
            }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        target, weight = batch["target"], batch["weight"][:, 0]
        lab = rgb_to_lab(target.float())
        logs = network(batch["grey"], batch["hints"]).float()
        classes = (weight * cross_entropy(logs, 100.0 * lab[:, 1:])).mean()
        ab = annealed_mean(logs) / 100.0
        chroma = (weight * ((ab - lab[:, 1:]).square().sum(dim=1) + 1e-6).sqrt()).mean()
        guess = lab_to_rgb(torch.cat((lab[:, :1], ab), dim=1))
        # s cos h, s sin h, s: hue as an angle counts as much as there is colour.
        hues = (rgb_to_hsv(guess)[:, :3] - rgb_to_hsv(target.float())[:, :3]).abs()
        hue = (weight * hues.mean(dim=1)).mean()
        rgb = (weight * (guess - target).abs().mean(dim=1)).mean()
        loss = classes + _LAB * chroma + _HUE * hue + _RGB * rgb
        lively = ab.square().sum(dim=1).sqrt().mean() / lab[:, 1:].square().sum(dim=1).sqrt().mean()
        figures = {"classes": classes, "chroma": 100 * chroma, "hue": hue, "rgb": rgb}
        return loss, {
            **{name: float(value.detach()) for name, value in figures.items()},
            "lively": float(lively.detach()),
        }

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        image = example_image(height, width, seed)
        generator = torch.Generator().manual_seed(seed)
        there = (torch.rand((1, 1, height, width), generator=generator) < 0.01).float()
        return image[:, :1], torch.cat(((image[:, 1:] - 0.5) * there, there), dim=1)


def rarity(frequencies: NDArray[np.float64]) -> NDArray[np.float32]:
    """A weight for each bin: more for rare colours; 1 in the mean over the photos' pixels."""
    weights = 1.0 / ((1.0 - _EVEN) * frequencies + _EVEN / len(frequencies))
    return (weights / (weights * frequencies).sum()).astype(np.float32)


def cross_entropy(logs: Tensor, ab: Tensor) -> Tensor:
    """Of log odds (N, bins, H, W) with colours (N, 2, H, W), each shared by the bins around it."""
    numbers = torch.from_numpy(grid().copy()).to(ab.device)
    place = (ab / STEP + REACH).clamp(0.0, 2.0 * REACH - 1e-3)
    low = place.floor()
    part, low = place - low, low.long()
    loss = torch.zeros_like(ab[:, 0])
    for up in (0, 1):
        for right in (0, 1):
            number = numbers[low[:, 0] + up, low[:, 1] + right]
            share = (part[:, 0] - (1 - up)).abs() * (part[:, 1] - (1 - right)).abs()
            loss = loss - share * logs.gather(1, number[:, None])[:, 0]
    return loss


def annealed_mean(logs: Tensor) -> Tensor:
    """The colours a*b* (N, 2, H, W) of log odds (N, bins, H, W): the mean of sharpened odds."""
    odds = F.softmax(logs / ANNEALING, dim=1)
    colours = torch.from_numpy(bins().copy()).to(odds)  # (bins, 2)
    return torch.einsum("nbhw,bc->nchw", odds, colours)


def is_lesson(photo: NDArray[np.uint8]) -> bool:
    """Whether a photo (H, W, 3) teaches colour: no print in one tone, no drawing, no screenshot."""
    if colour_left(photo) < TONED_255:
        return False
    flat = (photo[:, 1:] == photo[:, :-1]).all(axis=2).mean()
    return bool(flat < _FLAT_SHARE and colourfulness(to_float(photo)) >= _LEAST_COLOUR)


class _Photos:
    """The photos of several sources, decoded once; of a large source each is shown less often."""

    def __init__(self, sources: list[Path], seed: int) -> None:
        shards: list[Shard] = []
        self._sources: list[range] = []  # numbers of their photos
        for source in part_overlays(sources)[0]:
            found = find_shards([source])
            self._sources.append(range(len(shards), len(shards) + len(found)))
            shards += found
        self._photos = Photos(shards)
        self._random = random.Random(seed)
        self._pending: list[list[int]] = [[] for _ in self._sources]
        self._kept: dict[int, NDArray[np.uint8] | None] = {}

    def frequencies(self) -> NDArray[np.float64]:
        """How often each bin of colours is found in some of the photos; sums up to 1.

        Raises:
            RecipeError: none of the photos is in colour.
        """
        counts = np.zeros(len(bins()))
        least, looked = min(_COUNTED, len(self._photos)), 0
        # Where photos in colour are few, those that were drawn first need not be among them.
        while looked < least or not (counts.any() or len(self._kept) == len(self._photos)):
            looked += 1
            photo = self._next()
            if photo is not None:
                small = np.asarray(photo[::4, ::4], np.float32) / np.float32(255)
                counts += np.bincount(
                    nearest_bin(to_lab(np.ascontiguousarray(small))[..., 1:]).ravel(),
                    minlength=len(counts),
                )
        if not counts.any():
            raise RecipeError("none of the photos is in colour")
        return counts / counts.sum()

    def cut(self, side_px: int) -> NDArray[np.float32]:
        """Much of a photo, mirrored or not, (side_px, side_px, 3) in [0, 1]."""
        photo = None
        while photo is None:
            photo = self._next()
        choose = self._random
        height, width = photo.shape[:2]
        side = min(height, width) * choose.uniform(0.6, 1.0)
        stretch = choose.uniform(0.85, 1.15)
        rows, columns = min(round(side * stretch), height), min(round(side / stretch), width)
        top, left = choose.randint(0, height - rows), choose.randint(0, width - columns)
        part = photo[top : top + rows, left : left + columns]
        if choose.random() < 0.5:
            part = part[:, ::-1]
        square = cv2.resize(
            np.ascontiguousarray(part), (side_px, side_px), interpolation=cv2.INTER_AREA
        )
        return np.asarray(square, np.float32) / np.float32(255)

    def _next(self) -> NDArray[np.uint8] | None:
        """The next photo of a source drawn by the root of its size; None: not one to learn from."""
        weights = [len(indices) ** 0.5 for indices in self._sources]
        (source,) = self._random.choices(range(len(self._sources)), weights)
        indices, pending = self._sources[source], self._pending[source]
        if not pending:
            pending.extend(self._random.sample(indices, len(indices)))
        index = pending.pop()
        if index not in self._kept:
            read = self._photos.read(index)
            photo = None if read is None else _small(read)
            self._kept[index] = photo if photo is not None and is_lesson(photo) else None
        return self._kept[index]


def _small(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = min(1.0, _KEPT_PX / min(photo.shape[:2]))
    size = (max(round(photo.shape[1] * factor), 1), max(round(photo.shape[0] * factor), 1))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
