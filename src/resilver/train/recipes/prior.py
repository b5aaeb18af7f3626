"""Recipe `prior`: StyleGAN2 learns to draw faces, for restoration and exploration to lean on.

Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020):
non-saturating loss, lazy R1 (Mescheder et al., 2018), path-length regularisation, style mixing;
adaptive augmentation after Karras et al. (2020, limited data), see `resilver.train.augment`.

A judge's hints alone teach slowly: after 15,000 faces the generator still drew coloured clouds. So
it first learns to draw each face it is shown from a code of it (`resilver.train.face_codes`): after
as many faces that gives soft faces, from random codes too. Then the judge joins in, and one face of
two is still drawn from its code and compared.

Generator and discriminator learn from one pass of the drawn faces through the discriminator (Shen
et al., "Training Generative Adversarial Networks in One Stage", 2021): both losses are functions
of the same logit, so what reaches a face from the discriminator's is the generator's gradient but
for a factor.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from resilver.errors import ModelError, OptionError, RecipeError
from resilver.nets.discriminator import Discriminator
from resilver.nets.stylegan2 import EqualLinear, Generator, StyleGAN2Config, ToRGB
from resilver.train.augment import adapted, augment
from resilver.train.checkpoint import read_weights
from resilver.train.distance import Statistics, frechet, in_view, statistics
from resilver.train.face_codes import FaceCodes
from resilver.train.layouts import drawing_part, rebuild
from resilver.train.losses import Perceptual, shown_losses
from resilver.train.photos import find_photos, shuffled
from resilver.train.recipe import Batch, Inspection, RecipeInfo, Sample, channels_first
from resilver.train.sheets import sheet
from resilver.train.squeezenet import SqueezeNet

R1_EVERY, PATH_EVERY = 16, 16  # steps; each is then weighted by as much
R1_WEIGHT, PATH_WEIGHT = 1.0, 2.0
PATH_SHARE = 4  # path lengths are measured on a part of the batch
# At 4, 8, ... 256 px. Narrow where images are large: half of the time goes there.
CHANNELS = (256, 192, 128, 64, 32, 32, 16)
MAPPING_LAYERS = 2  # few, as StyleGAN2-ADA has it for few data: eight learn more slowly
MIXING = 0.9  # share of images drawn from two codes, of those that are like no face it is shown
HEAD_START = 4000  # steps before there is a judge
REMEMBERED = 0.5  # share of images afterwards that are drawn from the code of a face
LIKENESS_WEIGHT = 5.0  # of the difference from that face, in pixels and in features
CODED_FACES = 10_000  # from which the codes are found
INSPECTED_FACES = 1000  # drawn, and of the training: twice as many as SqueezeNet has features
DISTANCE = "squeezenet_distance"  # the figure of an inspection
_SHOWN, _AT_ONCE = 32, 40  # faces on a sheet, and looked at in one go
_PATH_DECAY = 0.99
_FAINT = 0.1  # of the usual deviation: colours begin near grey, not as clouds
_SUREST = 15.0  # a logit further below zero than this is as good as this

INFO = RecipeInfo(
    name="prior",
    summary="Draws faces from a latent code: what restoration and exploration lean on.",
    reference="Karras et al. 2020 (StyleGAN2; adaptive augmentation)",
    batch=16,
    learning_rate=5e-3,
    limits="Faces it has seen few of (children, hats, dark skin, profiles) it draws badly.",
    optimiser="adam",
)


class _Turned(torch.autograd.Function):
    """Its input as it is; gradients (N, ...) on their way back are multiplied by a factor each.

    The factors (N,) are read when the gradient passes, so that they can be filled in later.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, factors: Tensor) -> Tensor:
        ctx.factors = factors  # type: ignore[attr-defined]
        return images.view_as(images)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        factors: Tensor = ctx.factors  # type: ignore[attr-defined]
        return gradient * factors.reshape(-1, 1, 1, 1).to(gradient.dtype), None


class PriorTraining(nn.Module):
    """Generator and discriminator; in training mode their losses, in eval mode faces.

    Training: real faces (N, 3, S, S) in [-1, 1] -> (the first of them as drawn from their codes,
    the loss but for their likeness, figures). Eval: z (N, style_dim) -> faces (N, 3, S, S), about
    [-1, 1], with the stored noise.
    """

    step: Tensor  # how many steps there were
    path_length: Tensor  # running mean
    augmented: Tensor  # probability of each augmentation

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.generator = Generator(config)
        self.discriminator = Discriminator(config)
        self.codes = FaceCodes(config.style_dim)
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self.register_buffer("path_length", torch.zeros(()))
        self.register_buffer("augmented", torch.zeros(()))

    def know(self, faces: Tensor) -> None:
        """Finds the codes of these faces, for a generator that has learned nothing yet.

        What faces differ in most is to move it most: its mapping weighs the codes so.
        """
        self.codes.fit(faces)
        first = self.generator.style[1]
        assert isinstance(first, EqualLinear)
        moving = self.codes.deviations.sqrt()
        with torch.no_grad():
            first.weight.mul_(moving / moving.square().mean().sqrt())
            for to_rgb in (self.generator.to_rgb1, *self.generator.to_rgbs):
                assert isinstance(to_rgb, ToRGB)
                to_rgb.conv.weight.mul_(_FAINT)

    def forward(self, given: Tensor) -> Any:
        if not self.training:
            generator = self.generator
            return generator.synthesis(generator.broadcast(generator.mapping(given)))
        step = int(self.step)
        if step < HEAD_START and self.codes.known:
            self.step += 1
            drawn = self.generator.synthesis(self._remembered(given), self._noise(given))
            return drawn, torch.zeros((), device=given.device), {}
        drawn, loss, figures = self._adversarial(given)
        if step % R1_EVERY == 0:
            penalty = self._r1(given)
            loss = loss + R1_EVERY * R1_WEIGHT / 2 * penalty
            figures["r1"] = float(penalty.detach())
        if step % PATH_EVERY == 0:
            penalty = self._path(max(len(given) // PATH_SHARE, 1))
            loss = loss + PATH_EVERY * PATH_WEIGHT * penalty
            figures["path"] = float(self.path_length)
        self.step += 1
        return drawn, loss, figures

    def _adversarial(self, real: Tensor) -> tuple[Tensor, Tensor, dict[str, float]]:
        count, p = len(real), float(self.augmented)
        remembered = int(REMEMBERED * count) if self.codes.known else 0
        styles = torch.cat(
            (self._remembered(real[:remembered]), self._styles(count - remembered, real))
        )
        drawn = self.generator.synthesis(styles, self._noise(real))
        judged_real = self.discriminator(augment(real, p)).float()
        turn = drawn.new_zeros(count, dtype=torch.float32)
        shown = _Turned.apply(drawn, turn)
        assert isinstance(shown, Tensor)
        judged_drawn = self.discriminator(augment(shown, p)).float()
        logits = judged_drawn.detach().flatten()
        # d softplus(-x) = -sigmoid(-x) is what the generator wants, sigmoid(x) what it is given:
        # which must not vanish, however sure the discriminator is.
        turn.copy_(-torch.exp(-logits.clamp(min=-_SUREST)))
        likely = judged_drawn.clamp(min=-_SUREST)
        told = F.softplus(likely) + (judged_drawn - likely) * math.exp(-_SUREST)
        judging = told.mean() + F.softplus(-judged_real).mean()
        signs = float(judged_real.detach().sign().mean())
        self.augmented.fill_(adapted(p, signs, count))
        figures = {
            "drawing": float(F.softplus(-logits).mean()),
            "judging": float(judging.detach()),
            "signs": signs,
            "augmented": p,
        }
        return drawn[:remembered], judging, figures

    def _noise(self, like: Tensor) -> list[Tensor]:
        return self.generator.fresh_noise(len(like))

    def _remembered(self, faces: Tensor) -> Tensor:
        """Styles (N, layers, style_dim) of the faces' own codes."""
        return self.generator.broadcast(self.generator.mapping(self.codes(faces)))

    def _styles(self, count: int, like: Tensor) -> Tensor:
        """Styles (count, layers, style_dim), most of two codes: coarse of one, fine of another."""
        config = self.generator.config
        z = torch.randn(2, count, config.style_dim, device=like.device)
        one, other = (self.generator.broadcast(self.generator.mapping(part)) for part in z)
        layers = torch.arange(config.layers, device=like.device)
        crossing = torch.randint(1, config.layers, (count, 1), device=like.device)
        mixed = torch.rand(count, 1, device=like.device) < MIXING
        return torch.where(((layers >= crossing) & mixed)[..., None], other, one)

    def _r1(self, real: Tensor) -> Tensor:
        """Squared gradient of the discriminator at real images, mean over them."""
        with torch.autocast(real.device.type, enabled=False):
            images = augment(real, float(self.augmented)).detach().float().requires_grad_()
            judged = self.discriminator(images).sum()
            (gradient,) = torch.autograd.grad(judged, images, create_graph=True)
            return gradient.square().sum(dim=(1, 2, 3)).mean()

    def _path(self, count: int) -> Tensor:
        """How unevenly a step in w moves the image: squared deviation from the mean length."""
        generator = self.generator
        with torch.autocast(self.path_length.device.type, enabled=False):
            z = torch.randn(count, generator.config.style_dim, device=self.path_length.device)
            styles = generator.broadcast(generator.mapping(z)) + 0.0
            faces = generator.synthesis(styles, generator.fresh_noise(count))
            side = faces.shape[-1]
            (gradient,) = torch.autograd.grad(
                (faces * torch.randn_like(faces) / side).sum(), styles, create_graph=True
            )
            lengths = gradient.square().sum(dim=2).mean(dim=1).sqrt()
            mean = torch.lerp(lengths.detach().mean(), self.path_length, _PATH_DECAY)
            self.path_length.copy_(mean if int(self.step) else lengths.detach().mean())
            return (lengths - self.path_length).square().mean()


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

    def network(self) -> nn.Module:
        return PriorTraining(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        return shuffled(self._faces(sources, seed), 256, seed)

    def _faces(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        shards = find_photos(sources)
        rng = np.random.default_rng(seed)
        while True:
            for index in rng.permutation(len(shards)):
                face = resized(shards[index].read(), self.net.size)
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
        network = PriorTraining(self.net)
        shards = find_photos(sources)
        chosen = np.random.default_rng(seed).permutation(len(shards))[:CODED_FACES]
        faces = np.stack([resized(shards[index].read(), self.net.size) for index in chosen])
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
