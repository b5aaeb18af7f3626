"""Recipe `damage`: find damaged pixels, and say by what, on prints aged by `resilver.ageing`.

Reference: after Tencent Youtu's recogniser (several colour spaces); soft Dice of Milletari 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.ageing import AgeingRecipe
from resilver.nets.damage import MAPS, DamageConfig, DamageNet
from resilver.train.aged import AgedStream
from resilver.train.losses import balanced_cross_entropy, dice_loss
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

BOLDNESS = (1.2, 6.0)  # from stains that let most of the print through to ink
# With few good photos of today among the prints, their lettering, twigs and glints were called
# damage far more often than those of aged prints.
UNTOUCHED = 0.2
PRINT_PX = 256  # three looks need room: a quarter of it is all that the coarsest sees
SIZES = (0.3, 1.3)
PRESENT_PX = 12  # fewer pixels of a kind than this, and nobody could say it is there
COARSE_WEIGHT = 0.3

INFO = RecipeInfo(
    name="damage",
    summary="Finds scratches, missing areas, stains and dust, and judges fading and cast.",
    reference="After Tencent Youtu (several colour spaces); Ronneberger et al. 2015 (U-Net)",
    batch=4,
    learning_rate=2e-3,
    trained=("unet.encode", "unet.shrink", "unet.middle"),  # by the recipe content
    trained_rate=0.3,
    limits=(
        "Trained on synthetic ageing: damage unlike it (tape, paper backing) is missed; lettering, "
        "glints and bright twigs can be taken for scratches."
    ),
)


@dataclass
class DamageRecipe:
    """Recogniser on RGB + HSV + Lab: four kinds, their union, and two image-level conditions."""

    net: DamageConfig = field(default_factory=DamageConfig)
    info: RecipeInfo = INFO
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("maps", "conditions")

    def network(self) -> nn.Module:
        return DamageNet(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        stream = AgedStream(
            sources,
            seed,
            untouched_share=UNTOUCHED,
            print_px=PRINT_PX,
            recipe=AgeingRecipe(size=SIZES, no_damage=0.2, boldness=BOLDNESS),
        )
        for crop in stream:
            union = crop.masks.max(axis=2, keepdims=True)
            present = crop.masks.sum(axis=(0, 1)) >= PRESENT_PX
            yield {
                "image": channels_first(crop.photo),
                "truth": channels_first(np.concatenate((crop.masks, union), axis=2)),
                "change": channels_first(crop.photo - crop.intact),
                "conditions": np.array([crop.faded, crop.cast, *present], np.float32),
            }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        *looks, conditions = network(batch["image"])
        truth = batch["truth"]
        figures: dict[str, float] = {}
        losses: list[Tensor] = []
        for halvings, look in enumerate(reversed(looks)):
            look_loss, figures_of_look = _look_loss(look, truth, batch["change"], halvings)
            losses.append(look_loss)
            figures = figures or figures_of_look
        judged = F.binary_cross_entropy_with_logits(conditions.float(), batch["conditions"])
        # The coarse looks are means to the finest, which alone is used.
        loss = losses[0] + COARSE_WEIGHT * torch.stack(losses[1:]).sum() + 0.1 * judged
        return loss, {**figures, "judged": float(judged.detach())}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(height, width, seed),)


def _look_loss(
    look: Tensor, truth: Tensor, change: Tensor, halvings: int
) -> tuple[Tensor, dict[str, float]]:
    """The loss of one look (N, 8, h, w) against truth (N, 5, H, W) and change (N, 3, H, W)."""
    maps, covered = look[:, : len(MAPS)].float(), look[:, len(MAPS) :].float()
    if halvings:
        # A line a pixel wide still fills a quarter of its cell at half the size.
        truth = (F.avg_pool2d(truth, 2**halvings) >= 0.25).float()
        change = F.avg_pool2d(change, 2**halvings)
    # What the damage added, colour by colour: sign and strength say more than "damaged", and
    # reach the deep scales first. Times 8 it is about of unit size.
    uncovered = (covered - 8.0 * change).square().mean()
    # Whether a pixel is damaged decides what happens to it; by what, only what is said of it.
    cross = balanced_cross_entropy(maps, truth) + balanced_cross_entropy(maps[:, 4:], truth[:, 4:])
    dice = dice_loss(maps, truth)
    found = (maps[:, -1] > 0).float()
    hits = (found * truth[:, -1]).sum()
    f1 = 2 * hits / (found.sum() + truth[:, -1].sum()).clamp_min(1)
    return cross + 0.5 * dice + 0.5 * uncovered, {
        "cross": float(cross.detach()),
        "dice": float(dice.detach()),
        "covered": float(uncovered.detach()),
        "f1": float(f1),
    }
