"""Recipe `damage`: find damaged pixels, and say by what, on prints aged by `resilver.ageing`.

Reference: after Tencent Youtu's recogniser (several colour spaces); soft Dice of Milletari 2016.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.ageing import AgeingRecipe
from resilver.nets.damage import DamageConfig, DamageNet
from resilver.train.aged import SIZES, AgedStream
from resilver.train.losses import balanced_cross_entropy, dice_loss
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

# From marks that let most of the print through to ink, under grain up to what hides faint marks.
AGEING = AgeingRecipe(
    size=SIZES,
    no_damage=0.2,
    boldness=(0.9, 6.0),
    grain_sigma=(0.01, 0.14),
    coarse_grain=0.15,
    exposure=0.35,
)
# With few good photos of today among the prints, their lettering, twigs and glints were called
# damage far more often than those of aged prints.
UNTOUCHED = 0.2
# Sound prints without colour were old, grainy ones alone, and sharp photos of today in sepia were
# most of what was called damaged without being so.
UNTOUCHED_MONOCHROME = 0.5
# Most damage is bright, and dark scratches were found half as often as bright ones.
NEGATIVES = 0.2
PRINT_PX = 192

INFO = RecipeInfo(
    name="damage",
    summary="Finds scratches, missing areas, stains and dust, and judges fading and cast.",
    reference="After Tencent Youtu (several colour spaces); Ronneberger et al. 2015 (U-Net)",
    batch=6,
    learning_rate=2e-3,
    trained=("unet.stem", "unet.encode", "unet.shrink", "unet.middle"),  # by the recipe content
    limits=(
        "Trained on synthetic ageing: damage unlike it (tape, paper backing, burnt holes) is "
        "missed; on real prints lettering, bare twigs, foliage, clouds, brickwork, flowers, bright "
        "collars and the rims of glasses are sometimes taken for damage."
    ),
)


@dataclass
class DamageRecipe:
    """Recogniser on RGB + HSV + Lab: four kinds, their union, and two image-level conditions."""

    net: DamageConfig = field(default_factory=DamageConfig)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("maps", "conditions")

    def network(self) -> nn.Module:
        return DamageNet(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        stream = AgedStream(
            sources,
            seed,
            untouched_share=UNTOUCHED,
            untouched_monochrome=UNTOUCHED_MONOCHROME,
            negatives=NEGATIVES,
            print_px=PRINT_PX,
            recipe=AGEING,
        )
        for crop in stream:
            union = crop.masks.max(axis=2, keepdims=True)
            yield {
                "image": channels_first(crop.photo),
                "truth": channels_first(np.concatenate((crop.masks, union), axis=2)),
                "change": channels_first(crop.photo - crop.intact),
                "conditions": np.array([crop.faded, crop.cast], np.float32),
                "known": np.full(1, crop.conditions_known, np.float32),
            }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        maps, conditions, change = network(batch["image"])
        maps, truth = maps.float(), batch["truth"]
        # What the damage added, colour by colour: sign and strength say more than "damaged", and
        # reach the deep scales first. Times 8 it is about of unit size.
        covered = (change.float() - 8.0 * batch["change"]).square().mean()
        cross = balanced_cross_entropy(maps, truth)
        dice = dice_loss(maps, truth)
        judged = F.binary_cross_entropy_with_logits(
            conditions.float(), batch["conditions"], weight=batch["known"]
        )
        found = (maps[:, 4] > 0).float()
        hits = (found * truth[:, 4]).sum()
        f1 = 2 * hits / (found.sum() + truth[:, 4].sum()).clamp_min(1)
        loss = cross + 0.5 * dice + 0.5 * covered + 0.05 * judged
        return loss, {
            "cross": float(cross.detach()),
            "dice": float(dice.detach()),
            "covered": float(covered.detach()),
            "judged": float(judged.detach()),
            "f1": float(f1),
        }

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(height, width, seed),)
