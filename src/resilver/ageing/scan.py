"""The scan: slight blur, sensor noise, JPEG; the same for the damaged and the undamaged print."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.fields import soften, unit
from resilver.ageing.film import Pixels, Step
from resilver.ageing.recipe import AgeingRecipe


def plan_scan(rng: np.random.Generator, shape: tuple[int, int], recipe: AgeingRecipe) -> list[Step]:
    """The steps of one scan; blur and noise come before `plan_jpeg`'s compression."""
    steps: list[Step] = []
    if rng.random() < recipe.scan_blur:
        sigma = float(rng.uniform(*recipe.scan_sigma_px))
        steps.append(lambda pixels: soften(pixels, sigma))
    if rng.random() < recipe.scan_noise:
        amount = float(rng.uniform(*recipe.scan_noise_sigma))
        noise = rng.standard_normal((*shape, 3), dtype=np.float32) * np.float32(amount)
        steps.append(lambda pixels: unit(pixels + noise))
    return steps


_JPEG_MOST_PX = 65_500  # of a side; longer ones cannot be a JPEG


def plan_jpeg(rng: np.random.Generator, recipe: AgeingRecipe) -> Step | None:
    """JPEG compression at a random quality, or None."""
    if rng.random() >= recipe.jpeg:
        return None
    low, high = recipe.jpeg_quality
    quality = int(rng.integers(low, high + 1))

    def compress(pixels: Pixels) -> Pixels:
        if max(pixels.shape[:2]) > _JPEG_MOST_PX:
            return pixels
        bytes_u8 = (pixels[..., ::-1] * np.float32(255) + np.float32(0.5)).astype(np.uint8)
        _, encoded = cv2.imencode(".jpg", bytes_u8, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
        return np.ascontiguousarray(decoded[..., ::-1]).astype(np.float32) * np.float32(1 / 255)

    return compress
