"""Recipe `tone`: faded, cast and dull photos back to what they were, by tables of colours.

Reference: Zeng et al., "Learning Image-Adaptive 3D Lookup Tables for High Performance Photo
Enhancement in Real-Time" (2020), with its regularisers: tables are smooth, and what was brighter
stays brighter. Good photos are aged by `resilver.ageing.dyes`; a share of them is left as they are,
and the network learns to leave them so. It never sees more than a thumbnail, so whole photos are
what it is trained on, not crops at the scale of pixels.
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

from resilver.ageing.dyes import fade_tones
from resilver.imaging.lut import spline_weights
from resilver.imaging.measures import LUMA
from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import to_u16
from resilver.imaging.tone import is_monochrome
from resilver.nets.colour import rgb_to_lab
from resilver.nets.tone import ToneConfig, ToneNet, apply_field, apply_table
from resilver.train.photos import Photos, find_photos
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image
from resilver.train.squeezenet import SqueezeNet
from resilver.train.weights import load_onnx_weights

GOOD_SHARE = 0.4  # of the photos are given as they are
MONOCHROME_SHARE = 0.15
_KEPT_PX = 160  # longest side of the photos that are kept in memory
_GOOD = 0.1  # weight of a good photo's colours beside a faded one's
_JUDGED = 0.2  # weight of the judgement
_SMOOTH, _MONOTONE, _EVEN, _TABLES = 4.0, 10.0, 0.02, 1e-3  # weights of the regularisers

INFO = RecipeInfo(
    name="tone",
    summary="Revives faded, cast and dull colours by a table of colours made for each photo.",
    reference="Zeng et al. 2020 (image-adaptive 3D lookup tables)",
    batch=24,
    learning_rate=6e-3,
    trained=("encoder",),
    limits=(
        "How bright and how colourful the print once was is a guess; what was clipped stays lost. "
        "Light that was uneven when the photo was taken may be taken for fading."
    ),
)


@dataclass
class ToneRecipe:
    """Thumbnails of aged photos against those of the photos."""

    net: ToneConfig = field(default_factory=ToneConfig)
    info: RecipeInfo = INFO
    input_names: tuple[str, ...] = ("thumbnail",)
    output_names: tuple[str, ...] = ("table", "field", "faded")

    @property
    def size_px(self) -> int:
        return self.net.side_px

    def network(self) -> nn.Module:
        return ToneNet(self.net)

    def started_from(self, path: Path) -> nn.Module:
        """A fresh network on SqueezeNet's features (.safetensors), or an exported one (.onnx).

        Raises:
            RecipeError: the file is neither, or does not fit.
        """
        network = ToneNet(self.net)
        if path.suffix != ".safetensors":
            return load_onnx_weights(network, path)
        network.encoder.load_state_dict(SqueezeNet.read(path).in_units())
        return network

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        rng = np.random.default_rng(seed)
        for good in _thumbnails(Photos(find_photos(sources)), self.net.side_px, seed):
            monochrome = rng.random() < MONOCHROME_SHARE
            target = _in_grey(good) if monochrome else good
            kept = rng.random() < GOOD_SHARE
            seen = target if kept else fade_tones(target, rng, monochrome=monochrome)
            if is_monochrome(to_u16(seen)):
                # The stage takes the tone off whatever is monochrome, faded or not: tones that only
                # faded prints had would be all that tells them.
                seen, target = _in_grey(seen), _in_grey(target)
            yield {
                "seen": channels_first(seen),
                "target": channels_first(target),
                "faded": np.array([not kept], np.float32),
            }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        seen, target = batch["seen"], batch["target"]
        faded = batch["faded"]
        table, light, judged = network(seen)
        weights = torch.from_numpy(spline_weights(self.net.side_px, self.net.cells)).to(seen)
        # Every second pixel each way: the table and the field are far smoother than that.
        rows = weights[::2]
        seen, target = seen[:, :, ::2, ::2], target[:, :, ::2, ::2]
        result = apply_table(table, apply_field(light, seen, (rows, rows)))
        distance = lab_distance(result.clamp(1e-4, 1.0), target)
        # Beyond [0, 1] a clipped colour has no gradient; the plain difference still has one.
        wrong = (4.0 * distance + (result - target).abs().mean(dim=1)).mean(dim=(1, 2))
        # Whether a photo is good is judged apart; here good photos would teach half measures.
        weight = faded[:, 0] + _GOOD * (1.0 - faded[:, 0])
        loss = (weight * wrong).sum() / weight.sum()
        loss = loss + _JUDGED * F.binary_cross_entropy_with_logits(judged, faded)
        # A few photos tell as much of the tables that all share, in a quarter of the time.
        some = table[::4]
        loss = loss + _SMOOTH * roughness(some) + _MONOTONE * falling(some)
        loss = loss + _EVEN * unevenness(light) + _TABLES * _size(network)
        before = lab_distance(seen, target)
        share = faded[:, 0] / faded.sum().clamp(min=1.0)
        right = ((judged > 0).float() == faded).float().mean()
        figures = {
            "dE": 100.0 * (share * distance.mean(dim=(1, 2))).sum(),
            "dE before": 100.0 * (share * before.mean(dim=(1, 2))).sum(),
            "judged rightly": right,
        }
        return loss, {name: float(value.detach()) for name, value in figures.items()}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(self.net.side_px, self.net.side_px, seed),)


def lab_distance(first: Tensor, second: Tensor) -> Tensor:
    """CIE dE (1976) / 100 of each pixel: (N, 3, H, W) sRGB in [0, 1] -> (N, H, W)."""
    difference = rgb_to_lab(first.float()) - rgb_to_lab(second.float())
    return (difference.square().sum(dim=1) + 1e-6).sqrt()


def roughness(table: Tensor) -> Tensor:
    """Mean square of the second differences of (N, 3, B, G, R) along its axes: 0 where linear."""
    return torch.stack(
        [torch.diff(table, n=2, dim=axis).square().mean() for axis in (2, 3, 4)]
    ).sum()


def falling(table: Tensor) -> Tensor:
    """How far each channel falls where its own colour grows; 0 for a monotone table."""
    own = zip(range(3), (4, 3, 2), strict=True)  # red runs along the last axis
    return torch.stack(
        [F.relu(-torch.diff(table[:, channel], dim=axis - 1)).mean() for channel, axis in own]
    ).sum()


def unevenness(light: Tensor) -> Tensor:
    """Total variation of (N, 6, cells, cells): 0 where it is even."""
    return torch.stack([torch.diff(light, dim=axis).abs().mean() for axis in (2, 3)]).sum()


def _size(network: nn.Module) -> Tensor:
    tables = dict(network.named_parameters()).get("tables")
    if tables is None:  # behind DistributedDataParallel
        tables = dict(network.named_parameters())["module.tables"]
    return tables.square().mean()


def _in_grey(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture (H, W, 3) as the stage shows a monochrome one: its luma three times."""
    return np.repeat((picture @ LUMA)[..., None], 3, axis=2)


def _thumbnails(photos: Photos, side_px: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Most of a photo, mirrored or not, drawn into a square (side_px, side_px, 3) in [0, 1]."""
    choose = random.Random(seed)
    kept: dict[int, NDArray[np.uint8]] = {}
    while True:
        for index in choose.sample(range(len(photos)), len(photos)):
            if index not in kept:
                read = photos.read(index)
                if read is None:
                    continue
                kept[index] = shrunk(read, _KEPT_PX)
            photo = kept[index]
            height, width = photo.shape[:2]
            rows = max(round(height * choose.uniform(0.5, 1.0)), 1)
            columns = max(round(width * choose.uniform(0.5, 1.0)), 1)
            top, left = choose.randint(0, height - rows), choose.randint(0, width - columns)
            part = photo[top : top + rows, left : left + columns]
            if choose.random() < 0.5:
                part = part[:, ::-1]
            square = cv2.resize(
                np.ascontiguousarray(part), (side_px, side_px), interpolation=cv2.INTER_AREA
            )
            yield np.asarray(square, np.float32) / np.float32(255)
