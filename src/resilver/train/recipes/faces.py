"""Recipe `faces`: GFP-GAN brings out what age has taken from faces.

Reference: Wang et al., "Towards Real-World Blind Face Restoration with Generative Facial Prior"
(2021). Aligned faces are worn by `resilver.ageing.faces`. Tone is kept: a grey or faded face has a
grey or faded target, since colours are the business of other stages, and the restored face goes
back into a photo that is still grey or faded.
"""

from __future__ import annotations

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

from resilver.ageing.faces import FaceWear, toned_face, worn_face
from resilver.errors import ModelError, OptionError, RecipeError
from resilver.nets.discriminator import Discriminator
from resilver.nets.gfpgan import GFPGAN, GFPGANConfig
from resilver.nets.restorer import FaceRestorer
from resilver.nets.stylegan2 import Generator, StyleGAN2Config
from resilver.train.checkpoint import read_content
from resilver.train.face_losses import (
    COMPONENTS,
    ComponentJudge,
    Identity,
    LossWeights,
    component,
    judged_component,
)
from resilver.train.layouts import drawing_part, part, rebuild
from resilver.train.losses import Perceptual, judged, shown_losses, switched_off
from resilver.train.photos import Photos, find_photos
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image
from resilver.train.weights import load_onnx_weights

NET = GFPGANConfig(
    StyleGAN2Config(64, 2, (96, 96, 96, 64, 48, 32)), (24, 32, 48, 64, 96, 96), fold=2
)
UNET_CHANNELS = (16, 24, 32, 48, 64, 96, 96)  # at 256, 128, ... 4 px, beside a trained prior
JUDGE_CHANNELS = (64, 64, 64, 64, 48, 32, 16, 8)  # at 4, 8, ... 512 px
R1_EVERY, R1_WEIGHT = 16, 1.0  # steps; the penalty then counts as often
_SQUEEZENET = "squeezenet1_0.safetensors"
_MOBILEFACENET = "mobilefacenet-insightface.safetensors"
_SEEN_SHARE = 0.5  # of the side: the perceptual loss looks at a part of the face, to save time
_MOVED = 0.5  # share of faces that are not quite in their frame
# Parts of the restorer that no face passes through once it is trained.
_TRAINING_ONLY = ("network.toRGB.", "network.stylegan_decoder.style_mlp.")

INFO = RecipeInfo(
    name="faces",
    summary="Restores faces that lost detail to blur, grain, compression or a small print.",
    reference="Wang et al. 2021 (GFP-GAN)",
    batch=4,
    learning_rate=3e-3,
    limits=(
        "Draws what is likely, not what was: no evidence of who a person is. Trained without a "
        "prior it sharpens what is there and cannot draw what is gone: of prints where the whole "
        "head is some 60 px wide, eyes and mouths come out uneven, and likeness falls. Grey faces "
        "may come out with a trace of colour. Profiles, hands over the face and painted faces come "
        "out badly."
    ),
    task="face",
    judges=("judge.", "component_judges."),
)


class FaceTraining(nn.Module):
    """A restorer and its judges; in eval mode the restorer alone.

    Training: aged and good faces (N, 3, S, S) in [0, 1] -> (restored, the U-Net's own pictures,
    losses of the judges, weighted). Eval: aged -> restored.
    """

    step: Tensor  # how many steps there were with a judge of whole faces

    def __init__(self, restorer: FaceRestorer, weights: LossWeights) -> None:
        super().__init__()
        self.restorer = restorer
        self.weights = weights
        scales = restorer.network.config.size.bit_length() - 2
        self.judge = Discriminator(StyleGAN2Config(channels=JUDGE_CHANNELS[:scales]))
        self.component_judges = nn.ModuleDict({name: ComponentJudge() for name in COMPONENTS})
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        # What no loss asks for gets no gradient, which several GPUs would wait for.
        self.judge.requires_grad_(requires_grad=bool(weights.adversarial))
        asked = bool(weights.components or weights.style)
        self.component_judges.requires_grad_(requires_grad=asked)
        restorer.network.toRGB.requires_grad_(requires_grad=bool(weights.pyramid))

    def forward(self, aged: Tensor, good: Tensor | None = None) -> Any:
        if good is None:
            return self.restorer(aged)
        restored, own = self.restorer.forward_scales(aged)
        return restored, own, self._judged(2.0 * good - 1.0, 2.0 * restored - 1.0)

    def _judged(self, real: Tensor, drawn: Tensor) -> dict[str, Tensor]:
        """The judges' own losses and what they say of the drawn faces."""
        weights, terms = self.weights, dict[str, Tensor]()
        if weights.adversarial:
            judging, fooling = judged(self.judge, real, drawn)
            terms["judging"], terms["adversarial"] = judging, weights.adversarial * fooling
            if int(self.step) % R1_EVERY == 0:
                terms["judging"] = judging + R1_EVERY * R1_WEIGHT / 2 * self._r1(real)
            self.step += 1
        if weights.components or weights.style:
            for name, judge in self.component_judges.items():
                assert isinstance(judge, ComponentJudge)
                judging, fooling, style = judged_component(
                    judge, component(real, name), component(drawn, name)
                )
                terms[f"judging_{name}"] = judging
                terms[name] = weights.components * fooling + weights.style * style
        return terms

    def _r1(self, real: Tensor) -> Tensor:
        """Squared gradient of the judge at real faces, mean over them."""
        with torch.autocast(real.device.type, enabled=False):
            faces = real.detach().float().requires_grad_()
            judgement = self.judge(faces).sum()
            (gradient,) = torch.autograd.grad(judgement, faces, create_graph=True)
            return gradient.square().sum(dim=(1, 2, 3)).mean()


@dataclass
class FacesRecipe:
    """Aligned faces, worn; `teacher` is the folder of the two networks that the losses look with.

    Those of `weights` that need no teacher work without one.
    """

    teacher: Path | None = None
    net: GFPGANConfig = NET
    residual: bool = True  # without a trained prior
    weights: LossWeights = field(default_factory=LossWeights)
    info: RecipeInfo = INFO
    input_names: tuple[str, ...] = ("face",)
    output_names: tuple[str, ...] = ("restored",)
    _perceptual: Perceptual | None = field(default=None, init=False, repr=False)
    _identity: Identity | None = field(default=None, init=False, repr=False)

    @property
    def size_px(self) -> int:
        return self.net.size

    @property
    def how(self) -> str:
        """What a card says of the way it was trained."""
        prior = "no trained prior, its drawing added to the face" if self.residual else "a prior"
        return f"{prior}, losses switched off: {switched_off(self.weights)}"

    @property
    def taught(self) -> tuple[str, ...]:
        """The losses that are not switched off and need a teacher."""
        return tuple(name for name in ("perceptual", "identity") if getattr(self.weights, name))

    @property
    def teachers(self) -> tuple[Path, ...]:
        looking = {"perceptual": _SQUEEZENET, "identity": _MOBILEFACENET}
        names = [looking[name] for name in self.taught]
        return () if self.teacher is None else tuple(self.teacher / name for name in names)

    def network(self) -> FaceTraining:
        return FaceTraining(FaceRestorer(self.net, residual=self.residual), self.weights)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        photos = Photos(find_photos(sources))
        rng = np.random.default_rng(seed)
        while True:
            for index in rng.permutation(len(photos)).tolist():
                face = photos.read(index)
                if face is None:
                    continue
                good = toned_face(_placed(face, self.size_px, rng), rng)
                aged = worn_face(good, FaceWear.drawn(rng), rng)
                yield {"aged": channels_first(aged), "good": channels_first(good)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        aged, good, weights = batch["aged"], batch["good"], self.weights
        restored, own, terms = network(aged, good)
        restored = restored.float()
        if weights.pixels:
            terms["pixels"] = weights.pixels * F.l1_loss(restored, good)
        if weights.pyramid:
            levels = [
                F.l1_loss(small.float(), F.adaptive_avg_pool2d(good, small.shape[-1]))
                for small in own
            ]
            terms["pyramid"] = weights.pyramid * torch.stack(levels).mean()
        if weights.perceptual:
            if self._perceptual is None:
                self._perceptual = Perceptual(
                    self._taught(_SQUEEZENET), good.device, seen_share=_SEEN_SHARE
                )
            terms["perceptual"] = weights.perceptual * self._perceptual(restored, good)
        if weights.identity:
            if self._identity is None:
                self._identity = Identity(self._taught(_MOBILEFACENET), good.device)
            terms["identity"] = weights.identity * self._identity(restored, good)
        if not terms:
            raise OptionError("every loss of the recipe faces is switched off")
        return torch.stack(list(terms.values())).sum(), shown_losses(terms)

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        return (example_image(self.size_px, self.size_px, seed),)

    def started_from(self, path: Path) -> FaceTraining:
        """Goes on from a prior's `state.pt` (as its decoder), or a restorer's, or its export.

        A prior's weights stay as they are: the U-Net learns, and how it steers them.
        The recipe takes over the shape of the state that it starts from; an exported .onnx must
        have the recipe's own, and its judges are fresh.

        Raises:
            RecipeError: it is neither, or does not fit.
        """
        if path.suffix == ".onnx":
            training = self.network()
            load_onnx_weights(training.restorer, path, fresh=_TRAINING_ONLY)
            return training
        try:
            state = read_content(path)
            average: dict[str, Tensor] = state["average"]
            if state["recipe"] == "faces":
                _layout, network = rebuild(part(average, "restorer.network."))
                if not isinstance(network, GFPGAN):
                    raise ModelError("its network restores no faces")
                self.net = network.config
                self.residual = "restorer.last_look.stem.weight" in average
                training = self.network()
                training.load_state_dict(average)
                return training
            _layout, prior = rebuild(drawing_part(average))
            if not isinstance(prior, Generator):
                raise ModelError("its network draws no faces")
            widths = UNET_CHANNELS[-len(prior.config.channels) :]
            self.net = GFPGANConfig(prior.config, widths)
            self.residual = False
            training = self.network()
            training.restorer.network.from_prior(prior)
            # As published: ten steps at the full rate undo what a prior took hours to learn.
            decoder = training.restorer.network.stylegan_decoder
            decoder.requires_grad_(requires_grad=False)
            return training
        except (
            KeyError, AttributeError, TypeError, ValueError, RuntimeError, ModelError,
        ) as error:  # fmt: skip
            reason = " ".join(str(error).removeprefix(f"{path}: ").split())[:200]
            raise RecipeError(f"{path}: no state of a prior or of a restorer ({reason})") from error

    def _taught(self, name: str) -> Path:
        if self.teacher is None:
            raise OptionError(
                f"the recipe faces needs --teacher, a folder with {_SQUEEZENET} and "
                f"{_MOBILEFACENET}"
            )
        return self.teacher / name


def _placed(face: NDArray[np.uint8], side_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A face in its frame, or a little beside it, mirrored half of the time."""
    if face.shape[:2] != (side_px, side_px):
        how = cv2.INTER_AREA if face.shape[0] > side_px else cv2.INTER_CUBIC
        face = np.asarray(cv2.resize(face, (side_px, side_px), interpolation=how), np.uint8)
    if rng.random() < 0.5:
        face = np.ascontiguousarray(face[:, ::-1])
    if rng.random() < _MOVED:
        middle = (side_px / 2, side_px / 2)
        matrix = cv2.getRotationMatrix2D(middle, rng.normal(0.0, 2.0), rng.uniform(0.97, 1.04))
        matrix[:, 2] += rng.normal(0.0, 0.012 * side_px, 2)
        how, border = cv2.INTER_LANCZOS4, cv2.BORDER_REFLECT
        face = np.asarray(
            cv2.warpAffine(face, matrix, (side_px, side_px), flags=how, borderMode=border), np.uint8
        )
    return face.astype(np.float32) / np.float32(255)
