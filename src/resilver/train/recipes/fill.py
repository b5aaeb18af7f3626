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
from resilver.imaging.patchmatch import fill_patchmatch
from resilver.imaging.veils import first_guess
from resilver.nets.fill import FillConfig, FillNet
from resilver.train.aged import SIZES, AgedCrop, AgedStream
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

Mask = NDArray[np.uint8]
_STAIN = KINDS.index("stain")

# Bold stains hide what is under them: a network that sees no others learns to invent where it could
# look through. Stains are most of what is damaged, and where most is to be won.
SEE_THROUGH = (1.0, 1.8)
KIND_WEIGHTS = (0.7, 0.4, 0.9, 0.6)
PRINT_PX = 256  # wide stains have room for their border, holes something to copy from
FLOOR_DB = 38.0  # errors below this are not worth learning from

INFO = RecipeInfo(
    name="fill",
    summary="Fills damaged pixels from their surroundings; clears stains that let light through.",
    reference=(
        "Liu et al. 2018 (irregular holes); Telea 2004, He et al. 2010, Barnes et al. 2009 (guess)"
    ),
    batch=4,
    learning_rate=2e-3,
    limits=("Large holes are filled smoothly: nothing that was wholly lost is brought back."),
)


@dataclass
class FillRecipe:
    """Learned inpainting of holes and clearing of veils."""

    net: FillConfig = field(default_factory=FillConfig)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image", "copied", "marks")
    output_names: tuple[str, ...] = ("filled",)

    def network(self) -> nn.Module:
        return FillNet(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        rng = np.random.default_rng(seed + 5)
        stream = AgedStream(
            sources,
            seed,
            print_px=PRINT_PX,
            recipe=AgeingRecipe(
                size=SIZES, no_damage=0.05, boldness=SEE_THROUGH, kind_weights=KIND_WEIGHTS
            ),
        )
        for crop in stream:
            hole, veil = draw_marks(crop, rng)
            if int(hole.sum()) + int(veil.sum()) < 30:
                continue
            image = first_guess(crop.photo, hole > 0, veil > 0, threads=1)
            yield {
                "image": channels_first(image),
                "copied": channels_first(fill_patchmatch(image, hole > 0, threads=1)),
                "marks": np.stack((hole, veil)).astype(np.float32),
                "target": channels_first(crop.intact),
            }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        filled = network(batch["image"], batch["copied"], batch["marks"]).float()
        damaged = batch["marks"].amax(dim=1, keepdim=True)
        squared = (filled - batch["target"]).square() * damaged
        covered = 3.0 * damaged.sum(dim=(1, 2, 3)).clamp_min(1.0)
        # Of every print the logarithm: halving the error counts the same under a faint stain and
        # under a hole in a face. It is what PSNR counts (Chen et al. 2021, HINet).
        mean = squared.sum(dim=(1, 2, 3)) / covered
        loss = torch.log10(mean + 10 ** (-FLOOR_DB / 10)).mean()
        return loss, {"psnr": float(-10 * torch.log10(mean.detach().clamp_min(1e-8)).mean())}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(seed + 9)
        marks = (torch.rand((1, 2, height, width), generator=generator) < 0.2).float()
        image, copied = (example_image(height, width, seed + shift) for shift in (0, 1))
        return image, copied, marks


def draw_marks(crop: AgedCrop, rng: np.random.Generator) -> tuple[Mask, Mask]:
    """The hole and veil (H, W) in {0, 1} under which one crop is shown.

    True masks, grown by a few pixels as a recogniser's are. Mostly stains are veils and all else is
    a hole; now and then all is the one or the other, as a recogniser mistakes them. Brush strokes
    over sound pixels are added, as a person paints them.
    """
    stain = crop.masks[..., _STAIN] > 0
    damaged = crop.masks.max(axis=2) > 0
    shown = rng.random()
    if shown < 0.15:
        veil, hole = damaged, np.zeros_like(damaged)
    elif shown < 0.75:
        veil, hole = stain, np.delete(crop.masks, _STAIN, axis=2).max(axis=2) > 0
    else:
        veil, hole = np.zeros_like(damaged), damaged
    grown = int(rng.choice([0, 1, 1, 2, 3]))
    holes, veils = _grow(hole, grown), _grow(veil, grown)
    if rng.random() < 0.3 or not (holes.any() or veils.any()):
        strokes = brush_strokes(holes.shape, rng)
        if rng.random() < 0.5:
            holes = np.maximum(holes, strokes)
        else:  # what is sound may be marked all the same, and is to come back as it was
            veils = np.maximum(veils, strokes)
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
