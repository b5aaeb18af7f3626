"""Recipe `vivid`: photos four times as large, crisp where the small photo is poor.

Reference: Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic
Data" (2021): photos that became small by blur, resizing, grain and compression, twice over; besides
the pixels, what the features of a network see counts, and what a judge takes for real. Detail is
drawn as it may have been: it is not evidence. Begins with the network of the recipe `upscale`. A
published network may show what it would draw, `resilver.train.enlargers`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.errors import OptionError
from resilver.imaging.reduction import poorly_reduced
from resilver.nets.judge import PlaceJudge
from resilver.nets.upscale import Enlarger, EnlargerConfig
from resilver.train.enlargers import taught_samples
from resilver.train.losses import Perceptual, judged, shown_losses, switched_off
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image
from resilver.train.recipes.upscale import SMALLEST_SCALE, deepened, large_crops

TEACHER, WEIGHTS = "realesr-general-x4v3.onnx", "squeezenet1_0.safetensors"  # in a folder
CLEAN_SHARE = 0.1  # of the photos are reduced and nothing else
# How much SqueezeNet's modules 4, 8 and 9 count. Alike, the gradients of the last two are ten times
# as long as that of the first, which alone sees texture.
_LAYERS = (1.0, 0.3, 0.1)

INFO = RecipeInfo(
    name="vivid",
    summary="Enlarges poor small photos four times and draws the detail they may have had.",
    reference="Wang et al. 2021 (Real-ESRGAN)",
    batch=8,
    learning_rate=1e-3,
    limits=(
        "Detail is likely, not known: it is no evidence of what was there. Letters and small faces "
        "may come out wrong, fine regular patterns too."
    ),
    task="upscale",
    judges=("judge.",),
    scale=4,
)


@dataclass(frozen=True)
class VividLosses:
    """How much each loss counts; 0 = switched off, and not computed.

    Set by their gradients in the picture at the start, beside a judge of 60 steps: that of the
    features is then three times as long as that of the pixels, that of the judge as long.
    """

    pixels: float = 1.0  # L1 to the large photo
    perceptual: float = 0.05  # features of SqueezeNet
    adversarial: float = 0.02  # a judge of every place


class VividTraining(nn.Module):
    """An enlarger and its judge; in eval mode the enlarger alone.

    Training: small (N, 3, H, W) and large photos in [0, 1] -> (enlarged, losses of the judge and of
    what it says, weighted). Eval: small -> enlarged.
    """

    def __init__(self, enlarger: Enlarger, losses: VividLosses) -> None:
        super().__init__()
        self.enlarger = enlarger
        self.losses = losses
        self.judge = PlaceJudge() if losses.adversarial else None

    def forward(self, small: Tensor, large: Tensor | None = None) -> Any:
        enlarged = self.enlarger(small)
        if large is None:
            return enlarged
        if self.judge is None:
            return enlarged, {}
        judging, fooling = judged(self.judge, large, enlarged)
        return enlarged, {"judging": judging, "adversarial": self.losses.adversarial * fooling}


@dataclass
class VividRecipe:
    """Crops of photos and what became of them.

    `teacher` is the file of SqueezeNet's weights, or a folder of that and of an enlarger to copy.
    """

    teacher: Path | None = None
    crop_px: int = 128  # of the large crop; a multiple of 8
    net: EnlargerConfig = field(default_factory=EnlargerConfig)
    losses: VividLosses = field(default_factory=VividLosses)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("enlarged",)
    _perceptual: Perceptual | None = field(default=None, init=False, repr=False)

    @property
    def how(self) -> str:
        """What a card says of the way it was trained."""
        to_copy = f"{TEACHER} to copy, " if self._enlarger is not None else ""
        return f"{to_copy}losses switched off: {switched_off(self.losses)}"

    @property
    def _enlarger(self) -> Path | None:
        """The network whose pictures take the place of the photos in the loss `pixels`."""
        folder = self.teacher
        return folder / TEACHER if folder is not None and folder.is_dir() else None

    @property
    def taught(self) -> tuple[str, ...]:
        """The losses that are not switched off and need a teacher."""
        return ("perceptual",) if self.losses.perceptual else ()

    @property
    def teachers(self) -> tuple[Path, ...]:
        features = self._weights if self.losses.perceptual else None
        copied = self._enlarger if self.losses.pixels else None
        return tuple(path for path in (features, copied) if path is not None)

    @property
    def _weights(self) -> Path | None:
        """SqueezeNet's."""
        folder = self.teacher
        return folder / WEIGHTS if folder is not None and folder.is_dir() else folder

    def network(self) -> VividTraining:
        return VividTraining(Enlarger(self.net), self.losses)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        """Raises RecipeError: the enlarger to copy is not there."""
        rng = np.random.default_rng(seed)

        def reduced(large: NDArray[np.float32]) -> NDArray[np.float32]:
            return poorly_reduced(large, self.net.scale, rng, clean_share=CLEAN_SHARE)

        if self._enlarger is not None:
            scale, side = self.net.scale, self.crop_px
            yield from taught_samples(
                sources, self._enlarger, reduced, scale, side, seed, SMALLEST_SCALE
            )
        for large in large_crops(sources, self.crop_px, seed):
            yield {"small": channels_first(reduced(large)), "large": channels_first(large)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        small, large = batch["small"], batch["large"]
        enlarged, terms = network(small, large)
        enlarged = enlarged.float()
        if self.losses.pixels:
            wanted = batch.get("taught", large)  # sharper than the mean of what it may have been
            terms["pixels"] = self.losses.pixels * F.l1_loss(enlarged, wanted)
        if self.losses.perceptual:
            if self._perceptual is None:
                if self._weights is None:
                    raise OptionError("the recipe vivid needs --teacher, SqueezeNet's weights")
                self._perceptual = Perceptual(self._weights, large.device, layers=_LAYERS)
            # What is beyond [0, 1] is cut off when it is saved.
            seen = self._perceptual(enlarged.clamp(0.0, 1.0), large)
            terms["perceptual"] = self.losses.perceptual * seen
        if not terms:
            raise OptionError("every loss of the recipe vivid is switched off")
        return torch.stack(list(terms.values())).sum(), shown_losses(terms)

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(height, width, seed),)

    def started_from(self, path: Path) -> VividTraining:
        """Goes on from an exported network of the recipe `upscale`, or of this one.

        Raises:
            RecipeError: a weight is missing in the file or has another shape, or it is deeper.
        """
        return VividTraining(deepened(path, self.net), self.losses)
