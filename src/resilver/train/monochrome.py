"""What a network that colours learns from: photos as old film would have seen them, and hints.

Reference: Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors" (2017),
for hints drawn from the truth.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing.fading import plan_fading
from resilver.ageing.fields import Field, soften, unit
from resilver.ageing.film import LUMA, Pixels, plan_grain, shoot
from resilver.ageing.recipe import AgeingRecipe
from resilver.imaging.chroma import to_lab

# Kinds of film: how much red, green and blue light counts, and how often.
_FILMS = (LUMA, (0.26, 0.44, 0.30), (0.06, 0.48, 0.46), (0.0, 0.16, 0.84))
_FILM_SHARES = (0.45, 0.3, 0.17, 0.08)  # panchromatic twice, orthochromatic, plates for blue alone
_WEAR = AgeingRecipe(
    lens_blur=0.4,
    lens_sigma_px=(0.3, 1.2),
    motion_blur=0.0,
    low_resolution=0.2,
    low_resolution_factor=(1.3, 2.5),
    grain=0.5,
    grain_sigma=(0.005, 0.05),
    fading=0.35,
    fading_strength=(0.1, 0.6),
    cast=0.0,
    uneven=0.2,
)
_AS_IT_IS = 0.15  # share of photos whose lightness alone is taken, as it is
_NO_HINT, _STROKE = 0.4, 0.15  # shares of photos without hints; of hints that are strokes
_MOST_HINTS = 24


def seen_by_film(photo: Pixels, rng: np.random.Generator) -> Field:
    """A photo (H, W, 3) in [0, 1] in black and white as an old one is after repair, (H, W)."""
    if rng.random() < _AS_IT_IS:
        return np.asarray(to_lab(photo)[..., 0], np.float32) / np.float32(100)
    weights = np.asarray(_FILMS[int(rng.choice(len(_FILMS), p=_FILM_SHARES))], np.float32)
    weights = rng.dirichlet(0.02 + 40.0 * weights).astype(np.float32)
    grey = unit(photo @ weights)
    grey = _printed(grey, rng)
    # The steps of `ageing` work on three channels.
    pixels = np.repeat(grey[..., None], 3, axis=2)
    shape = (grey.shape[0], grey.shape[1])
    pixels = shoot(pixels, rng, _WEAR, 1.0)
    grain, _sigma = plan_grain(rng, shape, _WEAR, True, 1.0)
    steps = plan_fading(rng, shape, _WEAR, True)
    for step in (*([] if grain is None else [grain]), *steps):
        pixels = step(pixels)
    return np.asarray(pixels.mean(axis=2), np.float32)


def _printed(grey: Field, rng: np.random.Generator) -> Field:
    """Soft or hard paper, light or dark prints."""
    grey = grey ** np.float32(np.exp(rng.normal(0.0, 0.25)))
    bend = float(rng.normal(0.0, 0.35))  # more than 0: harder; an S about the middle
    curve = grey * grey * (3 - 2 * grey)
    return unit(grey + np.float32(np.clip(bend, -0.6, 0.8)) * (curve - grey))


def simulated_hints(photo: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    """Points and strokes in the colours of a photo (H, W, 3), as (H, W, 3): a* and b* / 100, mask.

    Mostly few of them, often none.
    """
    height, width = photo.shape[:2]
    hints = np.zeros((height, width, 3), np.float32)
    if rng.random() < _NO_HINT:
        return hints
    ab = soften(np.ascontiguousarray(to_lab(photo)[..., 1:]), 1.5) / np.float32(100)
    for _ in range(min(int(rng.geometric(0.2)), _MOST_HINTS)):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        colour = ab[y, x]
        mask = np.zeros((height, width), np.uint8)
        size = int(rng.integers(1, 8))
        if rng.random() < _STROKE:
            angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(6, 30)
            end = (round(x + length * np.cos(angle)), round(y + length * np.sin(angle)))
            cv2.line(mask, (x, y), end, 1, max(size // 2, 1))
            # A person stays inside the thing: the stroke ends where the colour does.
            alike = np.abs(ab - colour).max(axis=2) < 0.08
            mask *= alike.astype(np.uint8)
        else:
            half = size // 2
            mask[max(y - half, 0) : y + half + 1, max(x - half, 0) : x + half + 1] = 1
        hints[mask > 0] = (*colour, 1.0)
    return hints
