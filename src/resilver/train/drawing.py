"""Two networks that learn against each other: a generator of faces, and what judges them.

Reference: Karras et al., "Analyzing and Improving the Image Quality of StyleGAN" (2020):
non-saturating loss, lazy R1 (Mescheder et al., 2018), path-length regularisation, style mixing;
adaptive augmentation after Karras et al. (2020, limited data), see `resilver.train.augment`.

A judge's hints alone teach slowly: after 13,600 faces the generator still drew coloured clouds. So
it first learns to draw each face it is shown from a code of it (`resilver.train.face_codes`): after
as many faces that gives soft faces, from random codes too. Then the judge joins in, and one face of
two is still drawn from its code and compared.

Generator and discriminator learn from one pass of the drawn faces through the discriminator (Shen
et al., "Training Generative Adversarial Networks in One Stage", 2021): both losses are functions
of the same logit, so what reaches a face from the discriminator's is the generator's gradient but
for a factor (and but for what the discriminator says of a face beside the others of its step).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from resilver.nets.discriminator import Discriminator
from resilver.nets.stylegan2 import EqualLinear, Generator, StyleGAN2Config, ToRGB
from resilver.train.augment import adapted, augment
from resilver.train.face_codes import FaceCodes

HEAD_START = 4000  # steps before there is a judge
REMEMBERED = 0.5  # share of images afterwards that are drawn from the code of a face
R1_EVERY, PATH_EVERY = 16, 16  # steps; each is then weighted by as much
R1_WEIGHT, PATH_WEIGHT = 1.0, 2.0
PATH_SHARE = 4  # path lengths are measured on a part of the batch
MIXING = 0.9  # share of images drawn from two codes, of those that are like no face it is shown
_PATH_DECAY = 0.99
_FAINT = 0.1  # of the usual deviation: colours begin near grey, not as clouds
# A logit further below zero than this is as good as this. The faces of a step are also judged by
# how they differ from one another; what a face hears of that is multiplied by its factor as well.
_SUREST = 5.0


class _Turned(torch.autograd.Function):
    """Its input as it is; gradients (N, ...) on their way back are multiplied by a factor each.

    The factors (N,) are read when the gradient passes, so that they can be filled in later.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, factors: Tensor) -> Tensor:
        ctx.factors = factors  # type: ignore[attr-defined]
        return images.view_as(images)

    @staticmethod
    def backward(ctx: FunctionCtx, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        (gradient,) = grad_outputs
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
            noise = self.generator.fresh_noise(len(given))
            drawn = self.generator.synthesis(self._remembered(given), noise)
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
        drawn = self.generator.synthesis(styles, self.generator.fresh_noise(count))
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
            begun = bool(self.path_length > 0)  # there may have been a head start without it
            self.path_length.copy_(mean if begun else lengths.detach().mean())
            return (lengths - self.path_length).square().mean()
