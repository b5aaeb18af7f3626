"""Recipe `upscale`: photos four times as large, faithful to their pixels.

Reference: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution" (2017):
photos and their bicubic reductions, absolute error, crops turned and mirrored. What is not known is
left soft, so that nothing is invented: the choice for archives. A published network may teach it,
`resilver.train.enlargers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.errors import RecipeError
from resilver.imaging.resizing import resized
from resilver.nets.upscale import Enlarger, EnlargerConfig
from resilver.train.enlargers import taught_samples
from resilver.train.photos import CropStream, find_photos
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image
from resilver.train.weights import load_onnx_weights, onnx_weights

TRUTH = 0.25  # how much the photos themselves count beside what a teacher makes of them
SMALLEST_SCALE = 0.5  # photos are shrunk to this at most: that sharpens them, and varies the grain

INFO = RecipeInfo(
    name="upscale",
    summary="Enlarges photos four times, faithful to their pixels.",
    reference="Kim et al. 2016 (VDSR), Shi et al. 2016 (ESPCN), Lim et al. 2017 (EDSR)",
    batch=8,
    learning_rate=4e-3,
    limits=(
        "Sharpens edges and lines; texture that was too fine for the small photo stays smooth. "
        "Grain and traces of compression are enlarged with the photo."
    ),
    scale=4,
)


def large_crops(sources: list[Path], crop_px: int, seed: int) -> CropStream:
    """What enlargers learn to draw: square crops of photos, shrunk by chance."""
    return CropStream(
        find_photos(sources), crop_px, seed, smallest_scale=SMALLEST_SCALE, crops_per_photo=24
    )


@dataclass
class UpscaleRecipe:
    """Crops of photos and their reductions by the antialiased bicubic, in 8 bits.

    `teacher` is an ONNX network that enlarges as many times; None = the photos alone teach.
    """

    teacher: Path | None = None
    crop_px: int = 192  # of the large crop; a multiple of the scale
    net: EnlargerConfig = field(default_factory=EnlargerConfig)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("enlarged",)

    @property
    def how(self) -> str:
        """What a card says of the way it was trained."""
        own = "the recipe's own targets"
        return own if self.teacher is None else f"{self.teacher.name} to copy"

    @property
    def teachers(self) -> tuple[Path, ...]:
        return () if self.teacher is None else (self.teacher,)

    def network(self) -> nn.Module:
        return Enlarger(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        """Raises RecipeError: the teacher is no network."""
        scale = self.net.scale

        def reduced(large: NDArray[np.float32]) -> NDArray[np.float32]:
            small = resized(large, (large.shape[0] // scale, large.shape[1] // scale))
            return np.asarray(np.rint(np.clip(small, 0, 1) * 255) / 255, np.float32)

        if self.teacher is not None:
            yield from taught_samples(
                sources, self.teacher, reduced, scale, self.crop_px, seed, SMALLEST_SCALE
            )
        for large in large_crops(sources, self.crop_px, seed):
            yield {"small": channels_first(reduced(large)), "large": channels_first(large)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        enlarged = network(batch["small"]).float()
        loss = F.l1_loss(enlarged, batch["large"])
        if "taught" in batch:
            loss = TRUTH * loss + F.l1_loss(enlarged, batch["taught"])
        error = (enlarged.detach() - batch["large"]).square().mean(dim=(1, 2, 3))
        return loss, {"PSNR": float(-10.0 * error.clamp_min(1e-8).log10().mean())}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(height, width, seed),)

    def started_from(self, path: Path) -> Enlarger:
        """Goes on from an exported network of this recipe, as deep or less.

        Raises:
            RecipeError: it is no such network, or a deeper one.
        """
        return deepened(path, self.net)


def deepened(path: Path, config: EnlargerConfig) -> Enlarger:
    """An exported enlarger with as many blocks as wanted; those that are new change nothing yet.

    Reference: Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer" (2016).

    Raises:
        RecipeError: a weight is missing in the file or has another shape, or it has more blocks.
    """
    blocks = {name.split(".")[1] for name in onnx_weights(path) if name.startswith("blocks.")}
    if len(blocks) > config.blocks:
        raise RecipeError(f"{path}: {len(blocks)} blocks, more than {config.blocks}")
    shallow = Enlarger(replace(config, blocks=len(blocks)))
    deep = Enlarger(config)
    deep.load_state_dict(load_onnx_weights(shallow, path).state_dict(), strict=False)
    for block in deep.blocks[len(blocks) :]:
        for weight in block.get_submodule("second").parameters():
            nn.init.zeros_(weight)
    return deep
