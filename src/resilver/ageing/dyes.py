"""How the dyes of a colour print fade: each at its own rate, and what is left turns yellow.

Reference: Wilhelm and Brower, "The Permanence and Care of Color Photographs" (1993): in the dark
and in light cyan, magenta and yellow lose density at different rates, by the paper; the stain of
what was couplers grows in the whites.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resilver.ageing.fading import plan_fading
from resilver.ageing.film import Pixels, Step
from resilver.ageing.recipe import AgeingRecipe

_THINNEST = 0.003  # linear reflectance of the deepest black of a print


@dataclass(frozen=True)
class FadingMix:
    """How often a print fades in which way; probabilities in [0, 1]."""

    dyes: float = 0.5  # dye by dye; else as a whole
    cast: float = 0.45
    uneven: float = 0.3
    strength: tuple[float, float] = (0.25, 1.0)


def fade_tones(
    photo: Pixels, rng: np.random.Generator, how: FadingMix | None = None, *, monochrome: bool
) -> Pixels:
    """A print whose tones alone have aged, in 8 bit as a scan has them; nothing else is changed.

    Args:
        photo: (H, W, 3) RGB in [0, 1].
        rng: source of randomness; the same state gives the same result.
        how: how often what happens.
        monochrome: a print without dyes: silver fades as a whole.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    how = how or FadingMix()
    shape = (photo.shape[0], photo.shape[1])
    by_dye = not monochrome and rng.random() < how.dyes
    steps: list[Step] = []
    if by_dye:
        steps.append(plan_dyes(rng, float(rng.uniform(*how.strength))))
    rest = AgeingRecipe(
        fading=0.0 if by_dye else 1.0,
        fading_strength=how.strength,
        cast=0.0 if monochrome else how.cast,
        uneven=how.uneven,
    )
    steps += plan_fading(rng, shape, rest, monochrome)
    for step in steps:
        photo = step(photo)
    return (np.rint(photo * 255.0) / 255.0).astype(np.float32)


def plan_dyes(rng: np.random.Generator, strength: float) -> Step:
    """Cyan, magenta and yellow lose density at their own rates; a stain grows."""
    kept = 1.0 - strength * rng.uniform(0.05, 0.75, 3)
    stain = strength * np.array([0.0, 0.03, 0.16]) * rng.uniform(0.0, 1.6)
    fog = strength * rng.uniform(0.0, 0.06)

    def fade(pixels: Pixels) -> Pixels:
        linear = np.power(np.maximum(pixels, 0.0), np.float32(2.2))
        density = -np.log10(np.maximum(linear, np.float32(_THINNEST)))
        # Red light is held back by cyan, green by magenta, blue by yellow: channel by channel.
        faded = density * kept.astype(np.float32) + (stain + fog).astype(np.float32)
        return np.power(np.float32(10.0), -faded / np.float32(2.2)).astype(np.float32)

    return fade
