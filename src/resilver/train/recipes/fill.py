"""Recipe `fill`: paint what was under the damage, given where the damage is.

Reference: Liu et al. 2018 (irregular holes); see `resilver.nets.fill` for holes and veils.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.ageing import KINDS, AgeingRecipe
from resilver.imaging.classical import fill_telea
from resilver.nets.fill import FillConfig, FillNet
from resilver.train.aged import SIZES, AgedCrop, AgedStream
from resilver.train.losses import masked_mean
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

Mask = NDArray[np.uint8]
_STAIN = KINDS.index("stain")

# Bold stains hide what is under them: a network that sees no others learns to invent where it could
# look through. Stains are most of what is damaged, and where most is to be won.
SEE_THROUGH = (1.0, 1.8)
KIND_WEIGHTS = (0.7, 0.4, 0.9, 0.6)

INFO = RecipeInfo(
    name="fill",
    summary="Fills damaged pixels from their surroundings; clears stains that let light through.",
    reference="Liu et al. 2018 (irregular holes); Telea 2004 (first guess)",
    batch=8,
    learning_rate=2e-3,
    limits=("Large holes are filled smoothly: nothing that was wholly lost is brought back."),
)


@dataclass
class FillRecipe:
    """Learned inpainting of holes and clearing of veils."""

    net: FillConfig = field(default_factory=FillConfig)
    info: RecipeInfo = INFO
    input_names: tuple[str, ...] = ("image", "marks")
    output_names: tuple[str, ...] = ("filled",)

    def network(self) -> nn.Module:
        return FillNet(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        rng = np.random.default_rng(seed + 5)
        stream = AgedStream(
            sources,
            seed,
            recipe=AgeingRecipe(
                size=SIZES, no_damage=0.05, boldness=SEE_THROUGH, kind_weights=KIND_WEIGHTS
            ),
        )
        for crop in stream:
            hole, veil = draw_marks(crop, rng)
            if int(hole.sum()) + int(veil.sum()) < 30:
                continue
            yield {
                "image": channels_first(fill_telea(crop.photo, hole > 0)),
                "marks": np.stack((hole, veil)).astype(np.float32),
                "target": channels_first(crop.intact),
            }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        filled = network(batch["image"], batch["marks"]).float()
        damaged = batch["marks"].amax(dim=1, keepdim=True)
        error = filled - batch["target"]
        absolute, squared = masked_mean(error.abs(), damaged), masked_mean(error.square(), damaged)
        # Squared error is what PSNR counts; absolute error keeps small holes from being ignored.
        loss = absolute + 3.0 * squared
        return loss, {"psnr": float(-10 * torch.log10(squared.detach().clamp_min(1e-8)))}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(seed + 9)
        marks = (torch.rand((1, 2, height, width), generator=generator) < 0.2).float()
        return example_image(height, width, seed), marks


def draw_marks(crop: AgedCrop, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """The hole and veil (H, W) in {0, 1} under which one crop is shown.

    True masks, grown by a few pixels as a recogniser's are; a stain is a veil three times of four,
    else a hole; now and then brush strokes over sound pixels, as a person paints them.
    """
    veil = crop.masks[..., _STAIN] > 0
    hole = np.delete(crop.masks, _STAIN, axis=2).max(axis=2) > 0
    if rng.random() < 0.25:
        hole, veil = hole | veil, np.zeros_like(veil)
    grown = int(rng.choice([0, 1, 1, 2, 3]))
    holes, veils = _grow(hole, grown), _grow(veil, grown)
    if rng.random() < 0.3 or not (holes.any() or veils.any()):
        holes = np.maximum(holes, brush_strokes(holes.shape, rng))
    return holes, veils * (1 - holes)


def _grow(mask: NDArray[np.bool_], radius_px: int) -> Mask:
    mask_u8 = mask.astype(np.uint8)
    if radius_px == 0:
        return mask_u8
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    return cv2.dilate(mask_u8, disc).astype(np.uint8)


def brush_strokes(shape: tuple[int, ...], rng: np.random.Generator) -> Mask:
    """Thick free-hand strokes (H, W) in {0, 1}."""
    canvas = np.zeros(shape, np.uint8)
    size = min(shape)
    for _ in range(int(rng.integers(1, 4))):
        points = [rng.uniform(0, size, 2)]
        for _ in range(int(rng.integers(1, 6))):
            points.append(points[-1] + rng.normal(0, size / 7, 2))
        thickness = int(rng.integers(3, max(size // 7, 5)))
        track = np.array(points).round().astype(np.int32)
        cv2.polylines(canvas, [track], isClosed=False, color=(1,), thickness=thickness)
    return canvas
