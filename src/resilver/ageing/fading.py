"""What time and light do to the whole print: fading, yellowing, casts, uneven light."""

from __future__ import annotations

import numpy as np

from resilver.ageing.fields import Field, fractal_noise, radial, unit
from resilver.ageing.film import Pixels, Step, luma
from resilver.ageing.recipe import AgeingRecipe


def plan_fading(
    rng: np.random.Generator, shape: tuple[int, int], recipe: AgeingRecipe, monochrome: bool
) -> list[Step]:
    """Fading, cast and uneven light, in the order in which they work."""
    steps: list[Step] = []
    if rng.random() < recipe.fading:
        steps.append(_plan_fade(rng, float(rng.uniform(*recipe.fading_strength)), monochrome))
    if rng.random() < recipe.cast:
        steps.append(_plan_cast(rng, float(rng.uniform(*recipe.cast_strength))))
    if rng.random() < recipe.uneven:
        steps.append(_plan_uneven(rng, shape))
    return steps


def _plan_fade(rng: np.random.Generator, strength: float, monochrome: bool) -> Step:
    """Blacks lift, whites yellow, contrast goes; the dye layers of colour prints go unevenly."""
    black = np.full(3, strength * rng.uniform(0.05, 0.38))
    white = np.full(3, 1 - strength * rng.uniform(0.0, 0.28))
    yellow = strength * float(rng.uniform(0, 0.22))
    white = white - yellow * np.array([0.0, 0.25, 1.0])
    black = black + strength * rng.normal(0, 0.02, 3)
    gamma = float(np.exp(rng.normal(0, 0.25 * strength)))
    saturation = 1.0
    if not monochrome:
        # Cyan goes first on one paper, magenta or yellow on another: its channel lifts.
        layer = int(rng.integers(3))
        black[layer] += strength * rng.uniform(0, 0.18)
        saturation = 1 - strength * float(rng.uniform(0, 0.75))
    low = black.clip(0, 0.6).astype(np.float32)
    high = np.maximum(white.clip(0.3, 1), low + 0.15).astype(np.float32)

    def fade(pixels: Pixels) -> Pixels:
        out = pixels
        if saturation < 1:
            grey = luma(out)[..., None]
            out = grey + (out - grey) * np.float32(saturation)
        if abs(gamma - 1) > 0.02:
            out = np.power(out, np.float32(gamma))
        return unit(low + out * (high - low)).astype(np.float32)

    return fade


_CASTS = (
    (1.0, 0.25, -1.0),  # yellow-brown
    (1.0, -0.4, -0.3),  # red
    (0.7, -0.7, 0.5),  # magenta
    (-0.6, 0.6, -0.3),  # green
    (-0.8, 0.0, 0.9),  # blue
    (-0.9, 0.4, 0.4),  # cyan
    (0.4, 0.4, -1.2),  # yellow
)


def _plan_cast(rng: np.random.Generator, strength: float) -> Step:
    weights = [0.3, 0.2, 0.12, 0.08, 0.1, 0.06, 0.14]
    shift = np.asarray(_CASTS[int(rng.choice(len(_CASTS), p=weights))]) * strength
    shift = (shift + rng.normal(0, 0.15 * strength, 3)).astype(np.float32)
    bend = rng.random() < 0.5

    def cast(pixels: Pixels) -> Pixels:
        if bend:
            # A gamma for each channel: no cast in black and white, most in the middle.
            return np.power(pixels, np.exp(-2.2 * shift).astype(np.float32))
        return unit(pixels + shift)

    return cast


def _plan_uneven(rng: np.random.Generator, shape: tuple[int, int]) -> Step:
    """Vignette, light falling from one side, paler or darker edges, broad clouds of fading."""
    height, width = shape
    gain = _uneven_gain(rng, (height, width))
    lift = rng.random() < 0.4  # towards paper white instead of darker or brighter

    def uneven(pixels: Pixels) -> Pixels:
        if lift:
            away = np.clip(np.abs(gain - 1), 0, 0.8)[..., None]
            return unit(pixels + (np.float32(0.85) - pixels) * away)
        return unit(pixels * gain[..., None])

    return uneven


def _uneven_gain(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    height, width = shape
    amount = float(rng.uniform(0.08, 0.5)) * float(rng.choice([-1, -1, 1]))
    pick = rng.random()
    if pick < 0.4:
        centre = (float(rng.uniform(0.3, 0.7)) * width, float(rng.uniform(0.3, 0.7)) * height)
        away = radial(shape, centre, (0.75 * width, 0.75 * height), 0)
        field = np.clip(away, 0, 1.6) ** 2
    elif pick < 0.7:
        angle = float(rng.uniform(0, 2 * np.pi))
        ys = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
        xs = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :]
        field = xs * np.float32(np.cos(angle)) + ys * np.float32(np.sin(angle))
    else:
        field = 0.5 * fractal_noise(rng, shape, 0.6 * max(height, width), 2, 0.5)
    return np.clip(1 + np.float32(amount) * field, 0.25, 1.6).astype(np.float32)
