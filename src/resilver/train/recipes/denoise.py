"""Recipe `denoise`: a blind denoiser learned without clean targets.

Reference: Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data" (2018).
The network is shown one noisy observation of a photo and scored against others with the squared
error, whose minimiser is the mean of the targets: the clean photo, which it never sees. The target
is the mean of 32 further observations: the expected gradient is that of a single one, with a 32nd
of its variance. At sigma 50 the noise of a mean of eight was still four times the error to learn
from, which a short training cannot average out.

A published denoiser may teach it besides. What a photo was like nobody can tell from noisy pixels,
so targets pull a network to and fro however clean they are; what the teacher answers follows from
what was seen (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015).
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

from resilver.errors import ModelError, RecipeError
from resilver.models.session import Network, OrtNetwork
from resilver.nets.unet import Denoiser, UNetConfig
from resilver.train.noise import draw_noise
from resilver.train.photos import CropStream, find_shards, part_overlays, shuffled
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

Pixels = NDArray[np.float32]  # (H, W, 3)

OBSERVATIONS = 32  # noisy observations behind one target

TRUTH = 0.25  # how much the noisy targets count beside what a teacher makes of a crop
# With a teacher: it looks at so much of a photo at once, and many crops are cut from that.
_WINDOW_PX, _CROPS = 384, 32
_HELD = 768  # crops held back, so that a batch shows many photos

INFO = RecipeInfo(
    name="denoise",
    summary="Blind removal of grain and sensor noise, learned from noisy pairs.",
    reference="Lehtinen et al. 2018 (Noise2Noise); U-Net after Zhang et al. 2021 (DRUNet)",
    batch=24,
    learning_rate=3e-3,
    limits=(
        "Fine texture of the size of the grain is lost with it; grain coarser than 1.5 px stays."
    ),
)


@dataclass
class DenoiseRecipe:
    """Noise2Noise by default; `clean_targets` trains the same network the classical way.

    `teacher` is an ONNX network that takes the noise from an `image` (N, 3, H, W) whose `sigma`
    (N, 1, 1, 1) it is told, both in [0, 1]; None = noisy targets alone teach. It is asked about
    white noise in colour, the only kind that a single number describes.
    """

    teacher: Path | None = None
    clean_targets: bool = False
    crop_px: int = 96
    net: UNetConfig = field(default_factory=UNetConfig)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("denoised",)

    @property
    def how(self) -> str:
        """What a card says of the way it was trained."""
        own = "clean targets" if self.clean_targets else "noisy targets"
        return own if self.teacher is None else f"{own}, {self.teacher.name} to copy"

    def network(self) -> nn.Module:
        return Denoiser(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        """Raises RecipeError: the teacher is no network that is told the noise."""
        photos, _overlays = part_overlays(sources)
        shards = find_shards(photos)
        rng = np.random.default_rng(seed)
        if self.teacher is None:
            for crop in CropStream(shards, self.crop_px, seed):
                yield _sample(*self._observed(crop, rng, None))
        else:
            windows = CropStream(shards, _WINDOW_PX, seed)
            yield from shuffled(self._cuts(windows, _opened(self.teacher), rng), _HELD, seed)

    def _cuts(
        self, windows: CropStream, teacher: Network, rng: np.random.Generator
    ) -> Iterator[Sample]:
        side = self.crop_px
        for window in windows:
            pictures, sigma = self._observed(window, rng, teacher)
            for _ in range(_CROPS):
                top, left = rng.integers(_WINDOW_PX - side + 1, size=2)
                turns, step = int(rng.integers(4)), int(rng.choice((-1, 1)))
                yield _sample(
                    {
                        name: np.rot90(picture[top : top + side, left : left + side][::step], turns)
                        for name, picture in pictures.items()
                    },
                    sigma,
                )

    def _observed(
        self, photo: Pixels, rng: np.random.Generator, teacher: Network | None
    ) -> tuple[dict[str, Pixels], float]:
        """What is `seen` of a photo, its `target`, what a teacher makes of it; and the sigma."""
        mono = rng.random() < 0.25
        grey = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        clean = grey.astype(np.float32, copy=False) if mono else photo
        noise = draw_noise(rng, mono=mono)
        raw = seen = noise.draw(clean, rng)
        if rng.random() < 0.35:
            # Scans come as 8 bits: what is shown may be clipped. The target never is, since
            # clipping would move its mean.
            seen = (np.round(np.clip(seen, 0, 1) * 255) / 255).astype(np.float32)
            if rng.random() < 0.6:
                seen = _as_jpeg(seen, int(rng.integers(60, 98)))
        target = clean if self.clean_targets else noise.draw(clean, rng, OBSERVATIONS)
        pictures = {"seen": seen, "target": target}
        if teacher is not None:
            white = noise.kind == "gaussian" and not mono
            # It sees what is not clipped yet: the better answer, whose mean over all that look
            # alike afterwards is the best one there is.
            pictures["taught"] = _answer(teacher, raw, noise.sigma) if white else target
        return pictures, noise.sigma

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        restored = network(batch["seen"]).float()
        # Weak noise has errors a hundred times smaller; without the weight it would go unlearned.
        weight = 1.0 / (batch["sigma"] + 6.0 / 255.0)
        error = (restored - batch["target"]).square().mean(dim=(1, 2, 3))
        noise_power = (batch["seen"] - batch["target"]).square().mean()
        figures = {"left": float(error.mean().detach() / noise_power.clamp_min(1e-8))}
        if "taught" in batch:
            apart = (restored - batch["taught"]).square().mean(dim=(1, 2, 3))
            figures["apart"] = float(apart.mean().detach() / noise_power.clamp_min(1e-8))
            error = TRUTH * error + apart
        return (error * weight[:, 0]).mean(), figures

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        image = example_image(height, width, seed)
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed + 1))
        return (image + 0.1 * noise,)


def _sample(pictures: dict[str, Pixels], sigma: float) -> Sample:
    laid = {
        name: channels_first(picture.astype(np.float32, copy=False))
        for name, picture in pictures.items()
    }
    return {**laid, "sigma": np.array([sigma], np.float32)}


def _opened(teacher: Path) -> Network:
    try:
        return OrtNetwork(teacher, 1)
    except ModelError as error:
        raise RecipeError(f"{teacher}: no network that takes noise off") from error


def _answer(teacher: Network, seen: Pixels, sigma: float) -> Pixels:
    (answer,) = teacher.run(channels_first(seen)[None], np.full((1, 1, 1, 1), sigma, np.float32))
    return np.moveaxis(answer[0], 0, -1)


def _as_jpeg(image: Pixels, quality: int) -> Pixels:
    """The image after JPEG: what most people's scans have been through, grain and all."""
    levels = np.rint(image[..., ::-1] * 255).astype(np.uint8)
    _done, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[..., ::-1].astype(np.float32) / np.float32(255)
