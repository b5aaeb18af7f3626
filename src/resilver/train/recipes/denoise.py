"""Recipe `denoise`: a blind denoiser learned without clean targets.

Reference: Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data" (2018).
The network is shown one noisy observation of a photo and scored against others with the squared
error, whose minimiser is the mean of the targets: the clean photo, which it never sees. The target
is the mean of 32 further observations: the expected gradient is that of a single one, with a 32nd
of its variance. At sigma 50 the noise of a mean of eight was still four times the error to learn
from, which a short training cannot average out.
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

from resilver.nets.unet import Denoiser, UNetConfig
from resilver.train.noise import draw_noise
from resilver.train.photos import CropStream, find_photos
from resilver.train.recipe import Batch, RecipeInfo, Sample, channels_first, example_image

OBSERVATIONS = 32  # noisy observations behind one target


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
    """Noise2Noise by default; `clean_targets` trains the same network the classical way."""

    clean_targets: bool = False
    crop_px: int = 96
    net: UNetConfig = field(default_factory=UNetConfig)
    info: RecipeInfo = INFO
    size_px: int = 0
    input_names: tuple[str, ...] = ("image",)
    output_names: tuple[str, ...] = ("denoised",)

    def network(self) -> nn.Module:
        return Denoiser(self.net)

    def samples(self, sources: list[Path], seed: int) -> Iterator[Sample]:
        rng = np.random.default_rng(seed)
        for crop in CropStream(find_photos(sources), self.crop_px, seed):
            mono = rng.random() < 0.25
            grey = np.repeat(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
            clean = grey.astype(np.float32, copy=False) if mono else crop
            noise = draw_noise(rng, mono=mono)
            seen = noise.draw(clean, rng)
            if rng.random() < 0.35:
                # Scans come as 8 bits: what is shown may be clipped. The target never is, since
                # clipping would move its mean.
                seen = (np.round(np.clip(seen, 0, 1) * 255) / 255).astype(np.float32)
                if rng.random() < 0.6:
                    seen = _as_jpeg(seen, int(rng.integers(60, 98)))
            target = clean if self.clean_targets else noise.draw(clean, rng, OBSERVATIONS)
            yield {
                "seen": channels_first(seen.astype(np.float32)),
                "target": channels_first(target.astype(np.float32)),
                "sigma": np.array([noise.sigma], np.float32),
            }

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        restored = network(batch["seen"]).float()
        # Weak noise has errors a hundred times smaller; without the weight it would go unlearned.
        weight = 1.0 / (batch["sigma"] + 6.0 / 255.0)
        error = (restored - batch["target"]).square().mean(dim=(1, 2, 3))
        loss = (error * weight[:, 0]).mean()
        noise_power = (batch["seen"] - batch["target"]).square().mean()
        return loss, {"left": float(error.mean().detach() / noise_power.clamp_min(1e-8))}

    def example(self, height: int, width: int, seed: int) -> tuple[Tensor, ...]:
        image = example_image(height, width, seed)
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed + 1))
        return (image + 0.1 * noise,)


def _as_jpeg(image: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    """The image after JPEG: what most people's scans have been through, grain and all."""
    levels = np.rint(image[..., ::-1] * 255).astype(np.uint8)
    _done, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded[..., ::-1].astype(np.float32) / np.float32(255)
