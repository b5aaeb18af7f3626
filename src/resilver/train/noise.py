"""Noise of photographs, drawn for training: Gaussian, Poisson, film grain; numpy, seeded.

Every kind has mean zero given the clean image, and two draws are independent: the two conditions
under which Noise2Noise (Lehtinen et al., 2018) learns the clean image from noisy pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Noise:
    """One drawn kind of noise; `draw` may be called twice for two independent observations."""

    kind: str  # "gaussian", "poisson" or "grain"
    sigma: float  # standard deviation in [0, 1] units; for poisson and grain at mid-grey
    grain_px: float  # blur of the grain (Gaussian sigma, pixels); 0 = white
    chroma: float  # 1: channels independent; 0: one draw for all channels

    def draw(self, clean: Image, rng: np.random.Generator, observations: int = 1) -> Image:
        """A noisy observation of `clean` (H, W, 3) in [0, 1]; not clipped.

        With `observations` > 1 the mean of that many independent ones, drawn at once.
        """
        sigma = self.sigma / observations**0.5
        if self.kind == "gaussian":
            seen = clean + np.float32(sigma) * self._field(clean.shape, rng)
            return seen.astype(np.float32, copy=False)
        if self.kind == "poisson":
            # Photon counts: variance proportional to brightness, `sigma` at mid-grey. A real
            # Poisson draw is skewed, which the normal field is not.
            peak = 0.5 / max(sigma, 1e-3) ** 2
            counts = rng.poisson(np.maximum(clean, 0) * peak).astype(np.float32)
            shot = counts / np.float32(peak) - clean
            if self.chroma == 0.0:
                shot = np.repeat(shot[..., :1], 3, axis=2)
            return clean + shot
        # Film: densest in the mid-tones, falls off to both ends (Newson et al., 2017), never to 0.
        strength = 0.35 + 2.6 * np.clip(clean * (1.0 - clean), 0.0, 0.25)
        seen = clean + np.float32(sigma) * strength * self._field(clean.shape, rng)
        return seen.astype(np.float32, copy=False)

    def _field(self, shape: tuple[int, ...], rng: np.random.Generator) -> Image:
        """Unit-variance noise (H, W, 3), blurred to the grain's size."""
        height, width = shape[:2]
        shared = rng.standard_normal((height, width, 1), dtype=np.float32)
        if self.chroma == 0.0:
            field = np.repeat(shared, 3, axis=2)
        else:
            own = rng.standard_normal((height, width, 3), dtype=np.float32)
            field = np.sqrt(self.chroma) * own + np.sqrt(1.0 - self.chroma) * shared
        if self.grain_px > 0.0:
            field = cv2.GaussianBlur(field, (0, 0), self.grain_px)
            field = field / np.float32(_blur_gain(self.grain_px))
        return field.astype(np.float32)


def _blur_gain(sigma_px: float) -> float:
    """Standard deviation that white unit noise keeps after a Gaussian blur of this sigma."""
    radius = max(int(np.ceil(4 * sigma_px)), 1)
    kernel = cv2.getGaussianKernel(2 * radius + 1, sigma_px)
    return float((kernel**2).sum())


def draw_noise(rng: np.random.Generator, *, mono: bool) -> Noise:
    """A random kind and strength: Gaussian 0-50 (of 255), Poisson, or film grain."""
    kind = rng.choice(["gaussian", "poisson", "grain"], p=[0.62, 0.13, 0.25])
    sigma = float(rng.uniform(0.0, 52.0)) / 255.0
    grain_px, chroma = 0.0, 1.0
    if kind == "grain":
        grain_px = float(rng.choice([0.0, rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.4)]))
        sigma = float(rng.uniform(0.0, 36.0)) / 255.0
        chroma = float(rng.choice([0.0, 0.3, 1.0]))
    elif kind == "poisson":
        sigma = float(rng.uniform(1.0, 40.0)) / 255.0
    return Noise(str(kind), sigma, grain_px, 0.0 if mono else chroma)
