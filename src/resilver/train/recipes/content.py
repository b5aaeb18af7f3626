"""Recipe `content`: the recogniser's encoder learns what photos show, before it sees any damage.

References: Romero et al., "FitNets: Hints for Thin Deep Nets" (2015). A small head on the frozen
features of SqueezeNet found damage after 300 steps as well as the recogniser from fresh weights
after 3000; so the encoder first imitates them. The teacher is needed for this only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resilver.errors import OptionError
from resilver.nets.damage import DamageConfig, DamageNet
from resilver.train.photos import CropStream, find_photos, shuffled
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image
from resilver.train.squeezenet import SqueezeNet, aligned_input

CROP_PX = 128
SCALES = 3  # of the U-Net: 1/4, 1/8 and 1/16, as the teacher's
_HELD = 200  # crops held back, so that a batch does not come from a few photos

INFO = RecipeInfo(
    name="content",
    summary="A start for the recipe damage: its encoder knows what photos show.",
    reference="Romero et al. 2015 (FitNets); Iandola et al. 2016 (SqueezeNet, the teacher)",
    batch=24,
    learning_rate=4e-3,
    limits="Finds no damage: the decoder and the heads are untrained.",
)


class Imitator(DamageNet):
    """A recogniser that, in training mode, returns its encoder's features as the teacher has them.

    RGB (N, 3, H, W) in [0, 1] -> per scale (N, `SqueezeNet.CHANNELS`, H/4.., W/4..); in eval mode
    it is the recogniser, so that its export is a start for one.
    """

    def __init__(self, config: DamageConfig) -> None:
        super().__init__(config)
        self.requires_grad_(requires_grad=False)
        for part in (self.unet.stem, self.unet.encode, self.unet.shrink, self.unet.middle):
            part.requires_grad_(requires_grad=True)
        widths = config.unet.widths[-SCALES:]
        self.match = nn.ModuleList(
            nn.Conv2d(width, channels, 1)
            for width, channels in zip(widths, SqueezeNet.CHANNELS, strict=True)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        if not self.training:
            return super().forward(image)
        features = self.unet.encode_scales(self.views(image))[-SCALES:]
        return tuple(match(x) for match, x in zip(self.match, features, strict=True))


@dataclass
class ContentRecipe:
    """Imitation of SqueezeNet's features on photos in every tone, with grain and foreign patches.

    `teacher` names its weights; without it there are samples and a network, but no loss.
    """

    teacher: Path | None = None
    net: DamageConfig = field(default_factory=DamageConfig)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("maps", "conditions")
    _loaded: SqueezeNet | None = field(default=None, init=False, repr=False)

    @property
    def teachers(self) -> tuple[Path, ...]:
        return () if self.teacher is None else (self.teacher,)

    def network(self) -> nn.Module:
        return Imitator(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        rng = np.random.default_rng(seed)
        crops = CropStream(
            find_photos(sources), CROP_PX, seed, smallest_scale=0.25, crops_per_photo=6
        )
        samples: Iterator[Sample] = (
            {"image": channels_first(crop), "seed": rng.random(1, np.float32)} for crop in crops
        )
        return shuffled(samples, _HELD, seed)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        image = in_every_tone(batch["image"], int(1e6 * float(batch["seed"].sum())))
        targets = self._targets(image)
        guesses = network(image)
        errors = [
            (guess.float() - target).square().mean() / target.square().mean()
            for guess, target in zip(guesses, targets, strict=True)
        ]
        shown = {f"error_{4 * 2**i}": float(error.detach()) for i, error in enumerate(errors)}
        return torch.stack(errors).sum(), shown

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(height, width, seed),)

    def _targets(self, image: Tensor) -> tuple[Tensor, ...]:
        """The teacher's features of a batch, each of about unit size."""
        if self._loaded is None:
            if self.teacher is None:
                raise OptionError("the recipe content needs its teacher's weights: --teacher FILE")
            self._loaded = SqueezeNet.read(self.teacher).to(image.device)
        with torch.no_grad():
            return tuple(_standardised(x.float()) for x in self._loaded(aligned_input(image)))


def _standardised(features: Tensor) -> Tensor:
    """Roots, since features have long tails, in units of their channel's mean, less their mean."""
    # The small part of the overall mean keeps channels quiet that are rarely on.
    unit = features.mean(dim=(0, 2, 3), keepdim=True) + 0.02 * features.mean()
    roots = features.div(unit).sqrt()
    return roots - roots.mean(dim=(0, 2, 3), keepdim=True)


def in_every_tone(image: Tensor, seed: int) -> Tensor:
    """(N, 3, H, W) in [0, 1] in grey, tinted, faded, grainy, with patches of other photos in it."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(image.device)

    count, _, height, width = image.shape
    grey = (draw(count, 1, 1, 1) < 0.4).float()
    image = torch.lerp(image, image.mean(dim=1, keepdim=True).expand_as(image), grey)
    tint = 1.0 + 0.5 * (draw(count, 3, 1, 1) - 0.5) * (draw(count, 1, 1, 1) < 0.5)
    image = image * tint / tint.amax(dim=1, keepdim=True)
    image = torch.lerp(
        0.25 + 0.5 * draw(count, 1, 1, 1), image, 0.35 + 0.65 * draw(count, 1, 1, 1).sqrt()
    )
    image = image.clamp(0, 1) ** (2.0 ** (1.6 * draw(count, 1, 1, 1) - 0.8))
    patches = F.interpolate(draw(count, 1, 6, 6), (height, width), mode="bicubic") > 0.78
    if float(draw(1)) < 0.7:
        image = torch.where(patches, image.roll(1, 0), image)
    noise = torch.randn(image.shape, generator=generator).to(image.device)
    return (image + 0.1 * draw(count, 1, 1, 1).square() * noise).clamp(0, 1)
