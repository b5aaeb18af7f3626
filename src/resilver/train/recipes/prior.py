"""Recipe `prior`: StyleGAN2 learns to draw faces, for restoration and exploration to lean on.

Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020). How the
generator learns, from the codes of faces and against a discriminator, stands in
`resilver.train.drawing`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from resilver.errors import ModelError, OptionError, RecipeError
from resilver.nets.stylegan2 import Generator, StyleGAN2Config, ToRGB
from resilver.train.checkpoint import read_weights
from resilver.train.distance import Statistics, frechet, in_view, statistics
from resilver.train.drawing import PriorTraining
from resilver.train.face_codes import SIDE_PX
from resilver.train.layouts import drawing_part, rebuild
from resilver.train.losses import Perceptual, shown_losses
from resilver.train.photos import Photos, find_photos, shuffled
from resilver.train.recipe import Batch, Inspection, RecipeInfo, Sample, channels_first
from resilver.train.sheets import sheet
from resilver.train.squeezenet import SqueezeNet

# At 4, 8, ... 256 px. Narrow where images are large: half of the time goes there.
CHANNELS = (256, 192, 128, 64, 32, 16, 16)
MAPPING_LAYERS = 2  # few, as StyleGAN2-ADA has it for few data: eight learn more slowly
LIKENESS_WEIGHT = 5.0  # of the difference from that face, in pixels and in features
CODED_FACES = 10_000  # from which the codes are found
INSPECTED_FACES = 1000  # drawn, and of the training: twice as many as SqueezeNet has features
DISTANCE = "squeezenet_distance"  # the figure of an inspection
_SHOWN, _AT_ONCE = 32, 40  # faces on a sheet, and looked at in one go

INFO = RecipeInfo(
    name="prior",
    summary="Draws faces from a latent code: what restoration and exploration lean on.",
    reference="Karras et al. 2020 (StyleGAN2; adaptive augmentation)",
    batch=16,
    learning_rate=5e-3,
    limits="Faces it has seen few of (children, hats, dark skin, profiles) it draws badly.",
    optimiser="adam",
)


@dataclass
class PriorRecipe:
    """Faces, aligned as in FFHQ, of any size; mirrored half of the time.

    `teacher` names SqueezeNet's weights; without it faces drawn from their codes are compared by
    their pixels alone, and an inspection shows faces and measures nothing.
    """

    net: StyleGAN2Config = field(default_factory=StyleGAN2Config)
    teacher: Path | None = None
    info: RecipeInfo = INFO
    input_names: tuple[str, ...] = ("z",)
    output_names: tuple[str, ...] = ("face",)
    _perceptual: Perceptual | None = field(default=None, init=False, repr=False)
    _real: Statistics | None = field(default=None, init=False, repr=False)  # of faces learned from

    @property
    def size_px(self) -> int:
        return self.net.size

    @property
    def teachers(self) -> tuple[Path, ...]:
        """SqueezeNet, whose features are in the loss; in an inspection it only measures."""
        return () if self.teacher is None else (self.teacher,)

    def network(self) -> nn.Module:
        return PriorTraining(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        return shuffled(self._faces(sources, seed), 256, seed)

    def _faces(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        photos = Photos(find_photos(sources))
        rng = np.random.default_rng(seed)
        while True:
            for index in rng.permutation(len(photos)).tolist():
                photo = photos.read(index)
                if photo is None:
                    continue
                face = resized(photo, self.net.size)
                if rng.random() < 0.5:
                    face = face[:, ::-1]
                yield {"face": channels_first(face.astype(np.float32) / 127.5 - 1.0)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        faces = batch["face"]
        drawn, loss, figures = network(faces)
        if not len(drawn):
            return loss, figures
        drawn, real = drawn.float(), faces[: len(drawn)]
        terms = {"pixels": F.l1_loss(drawn, real)}
        if self.teacher is not None:
            if self._perceptual is None:
                self._perceptual = Perceptual(self.teacher, faces.device)
            terms["features"] = self._perceptual(in_view(drawn), in_view(real))
        likeness = torch.stack(list(terms.values())).sum()
        return loss + LIKENESS_WEIGHT * likeness, shown_losses(terms) | figures

    def begun(self, sources: list[Path], seed: int) -> PriorTraining:
        """A fresh network that knows the codes of the faces it is going to be shown."""
        torch.manual_seed(seed)
        network = PriorTraining(self.net)
        photos = Photos(find_photos(sources))
        chosen = np.random.default_rng(seed).permutation(len(photos))[:CODED_FACES].tolist()
        read = (photos.read(index) for index in chosen)
        faces = np.stack([resized(photo, SIDE_PX) for photo in read if photo is not None])
        network.know(torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 127.5 - 1.0)
        return network

    @torch.no_grad()
    def inspect(self, average: nn.Module, sources: list[Path]) -> Inspection:
        """What the same codes show every time, and how far from real faces that is."""
        device = next(average.parameters()).device
        codes = torch.Generator().manual_seed(0)
        z = torch.randn(INSPECTED_FACES, self.net.style_dim, generator=codes).to(device)
        shown = sheet(average(z[:_SHOWN]))
        if self.teacher is None:
            return Inspection({}, shown)
        judge = SqueezeNet.read(self.teacher).to(device)
        if self._real is None:
            faces = itertools.islice(self.samples(sources, seed=0), INSPECTED_FACES)
            real = torch.from_numpy(np.stack([sample["face"] for sample in faces]))
            batches = (in_view(part.to(device)) for part in real.split(_AT_ONCE))
            self._real = statistics(judge, batches)
        drawn = statistics(judge, (in_view(average(part)) for part in z.split(_AT_ONCE)))
        return Inspection({DISTANCE: frechet(self._real, drawn)}, shown)

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(seed)
        return (torch.randn(1, self.net.style_dim, generator=generator),)


def resized(face: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """A square face at another size."""
    how = cv2.INTER_AREA if face.shape[0] > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(face, (side_px, side_px), interpolation=how), np.uint8)


def config_for(side_px: int) -> StyleGAN2Config:
    """The shape of a prior for faces of this size; a larger one begins like a smaller one.

    Raises:
        OptionError: not a power of two from 16 to 256.
    """
    sizes = {4 * 2**scales: scales + 1 for scales in range(2, len(CHANNELS))}
    if side_px not in sizes:
        raise OptionError(f"faces are of {', '.join(map(str, sizes))} px, not {side_px}")
    return StyleGAN2Config(mapping_layers=MAPPING_LAYERS, channels=CHANNELS[: sizes[side_px]])


def started_from(path: Path, config: StyleGAN2Config) -> PriorTraining:
    """A prior that goes on from the state of another run, of smaller faces or of as large.

    Its `state.pt`, or the `prior_state.safetensors` that it exported.

    Raises:
        RecipeError: not the state of a prior, or of one that does not fit.
    """
    try:
        average = read_weights(path)
        _layout, generator = rebuild(drawing_part(average))
        if not isinstance(generator, Generator):
            raise ModelError("its network draws no faces")
        before = PriorTraining(generator.config)
        before.load_state_dict(average)
        return before if generator.config == config else grown(before, config)
    except (
        KeyError, AttributeError, TypeError, ValueError, RuntimeError, ModelError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).removeprefix(f"{path}: ").split())[:200]
        raise RecipeError(f"{path}: not the state of a prior to go on from ({reason})") from error


@torch.no_grad()
def grown(small: PriorTraining, config: StyleGAN2Config) -> PriorTraining:
    """A prior for larger faces that starts by drawing those of a smaller one, enlarged.

    Raises:
        ValueError: the small one's scales are not the first ones of the large one.
    """
    known = small.generator.config
    scales = len(known.channels)
    if config.channels[:scales] != known.channels or (config.style_dim, config.mapping_layers) != (
        known.style_dim,
        known.mapping_layers,
    ):
        raise ValueError(f"{known} is not the beginning of {config}")
    large = PriorTraining(config)
    more = len(config.channels) - scales
    for name, weight in small.generator.state_dict().items():
        large.generator.state_dict()[name].copy_(weight)
    for to_rgb in list(large.generator.to_rgbs)[scales - 1 :]:
        assert isinstance(to_rgb, ToRGB)
        nn.init.zeros_(to_rgb.conv.weight)  # no detail yet: the smaller face shines through
    mine = large.discriminator.state_dict()
    for name, weight in small.discriminator.state_dict().items():
        if name.startswith("convs.0."):  # sees colours at the old size; the new one is fresh
            continue
        if name.startswith("convs."):
            index, rest = name.removeprefix("convs.").split(".", 1)
            mine[f"convs.{int(index) + more}.{rest}"].copy_(weight)
        else:
            mine[name].copy_(weight)
    # It goes on: no second head start, which would draw everything soft again.
    for name in ("step", "path_length", "augmented"):
        getattr(large, name).copy_(getattr(small, name))
    large.codes.load_state_dict(small.codes.state_dict())
    return large
