"""How the print was made: monochrome and toned, through a lens, on grainy film and rough paper.

Every `plan_*` draws its random choices once and returns a function on pixels, so that the damaged
and the undamaged print go through exactly the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing.fields import Field, fractal_noise, soften, unit
from resilver.ageing.recipe import AgeingRecipe

Pixels: TypeAlias = NDArray[np.float32]
Step: TypeAlias = Callable[[Pixels], Pixels]

LUMA = np.asarray([0.299, 0.587, 0.114], np.float32)

_LEVELS = np.linspace(0, 1, 1025, dtype=np.float32)  # where curves of tones are computed
_SAMPLES, _LEAST_SAMPLES = 36, 12  # pixels that a deviation is measured from, and can be

# Gamma of each channel: pigment tones bend the middle of the scale and leave black and white.
_TINTS = {
    "sepia": (0.82, 1.0, 1.32),
    "warm": (0.93, 1.0, 1.10),
    "selenium": (0.97, 1.05, 1.0),
    "cool": (1.08, 1.0, 0.93),
    "cyanotype": (1.55, 1.05, 0.75),
    "green": (1.05, 0.95, 1.08),
}


def luma(pixels: Pixels) -> Field:
    """Weighted grey value, (H, W) in [0, 1] (ITU-R BT.601)."""
    return np.asarray(pixels @ LUMA, np.float32)


def print_monochrome(pixels: Pixels, rng: np.random.Generator, tint: float) -> Pixels:
    """A black and white print, with probability `tint` toned; (H, W, 3)."""
    weights = LUMA
    if rng.random() < 0.35:
        # Old emulsions were blind to red, or nearly.
        weights = rng.dirichlet([2.0, 4.0, 3.0]).astype(np.float32)
    grey = unit(pixels @ weights)
    if rng.random() >= tint:
        return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2), np.float32)
    name = str(rng.choice(list(_TINTS), p=[0.42, 0.24, 0.12, 0.12, 0.04, 0.06]))
    strength = float(rng.uniform(0.3, 1.3))
    gammas = np.asarray(_TINTS[name]) ** strength
    return toned(grey, (float(gammas[0]), float(gammas[1]), float(gammas[2])))


def toned(grey: Field, gammas: tuple[float, float, float]) -> Pixels:
    """A grey print toned by a gamma a channel: the middle takes the tint, black and white stay."""
    steps = _steps(grey)
    return np.stack([(_LEVELS ** np.float32(g))[steps] for g in gammas], axis=2).astype(np.float32)


def expose(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A print made too dark, too light or on hard paper, which has few middle tones; (H, W, 3)."""
    gamma = np.float32(np.exp(rng.normal(0.1, 0.4)))
    hardness = float(np.exp(rng.uniform(np.log(1.0), np.log(2.6))))
    curve = _LEVELS**gamma
    # Logistic around the middle grey, stretched so that black and white stay.
    steep = 4 * (hardness - 0.9)
    bent = 1 / (1 + np.exp(-steep * (curve - 0.5)))
    curve = ((bent - bent[0]) / (bent[-1] - bent[0])).astype(np.float32)
    return curve[_steps(pixels)]


def _steps(pixels: Pixels | Field) -> NDArray[np.int32]:
    """Which of `_LEVELS` each value is next to."""
    return (unit(pixels) * np.float32(1024) + np.float32(0.5)).astype(np.int32)


def add_border(pixels: Pixels, rng: np.random.Generator, scale: float) -> Pixels:
    """A straight border along one to four sides: paper white, or the black of a film's rebate."""
    height, width = pixels.shape[:2]
    out = pixels.copy()
    level = float(rng.uniform(0.82, 1)) if rng.random() < 0.75 else float(rng.uniform(0, 0.12))
    thick = float(np.exp(rng.uniform(np.log(4), np.log(28)))) * scale
    for side in rng.permutation(4)[: int(rng.choice([1, 2, 4], p=[0.4, 0.35, 0.25]))].tolist():
        px = int(min(max(2.0, thick * float(rng.uniform(0.9, 1.1))), 0.25 * min(height, width)))
        if px < 1:
            continue
        area = (slice(px), slice(-px, None))[side % 2]
        out[(area, slice(None)) if side < 2 else (slice(None), area)] = level
    return out


def shoot(pixels: Pixels, rng: np.random.Generator, recipe: AgeingRecipe, scale: float) -> Pixels:
    """Lens blur, motion blur and loss of resolution; (H, W, 3)."""
    height, width = pixels.shape[:2]
    if rng.random() < recipe.lens_blur:
        pixels = soften(pixels, float(rng.uniform(*recipe.lens_sigma_px)) * scale)
    if rng.random() < recipe.motion_blur:
        length = max(3, round(float(rng.uniform(3, 9)) * scale)) | 1
        kernel = np.zeros((length, length), np.float32)
        angle, half = float(rng.uniform(0, np.pi)), length // 2
        dx, dy = round(np.cos(angle) * half), round(np.sin(angle) * half)
        cv2.line(kernel, (half - dx, half - dy), (half + dx, half + dy), 1.0)
        kernel /= kernel.sum()
        moved = cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT)
        pixels = np.asarray(moved, np.float32).reshape(pixels.shape)
    if rng.random() < recipe.low_resolution and min(height, width) >= 16:
        factor = float(rng.uniform(*recipe.low_resolution_factor))
        small = (max(8, int(width / factor)), max(8, int(height / factor)))
        reduced = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
        back = cv2.INTER_CUBIC if rng.random() < 0.6 else cv2.INTER_LINEAR
        enlarged = cv2.resize(reduced, (width, height), interpolation=back)
        pixels = np.asarray(enlarged, np.float32).reshape(pixels.shape)
    return unit(pixels)


def plan_grain(
    rng: np.random.Generator,
    shape: tuple[int, int],
    recipe: AgeingRecipe,
    monochrome: bool,
    scale: float,
) -> tuple[Step | None, float]:
    """Film grain that depends on the tone, and its standard deviation in mid-grey."""
    if rng.random() >= recipe.grain:
        return None, 0.0
    low, high = recipe.grain_sigma
    # Most prints have little grain, some have much.
    sigma = float(low + (high - low) * rng.beta(1.1, 2.2))
    size = float(rng.choice([0.0, 0.5, 0.8, 1.3], p=[0.3, 0.3, 0.25, 0.15])) * scale
    if recipe.coarse_grain and rng.random() < recipe.coarse_grain:
        size = float(rng.uniform(1.5, 3.0)) * scale
    noise = _grain_field(rng, shape, size)
    if rng.random() < 0.3:
        noise = noise + _grain_field(rng, shape, size * 2 + 0.8) * np.float32(0.6)
    layers = noise[..., None]
    if not monochrome:
        chroma = float(rng.uniform(0, 1))
        if chroma > 0.1:
            own = [_grain_field(rng, shape, size) for _ in range(3)]
            layers = layers * np.float32(1 - 0.5 * chroma) + np.stack(own, 2) * np.float32(chroma)
    layers = layers * np.float32(sigma / _deviation(layers, 3))
    bias = float(rng.uniform(0, 1))  # 0: even; 1: strongest in the middle tones

    def grain(pixels: Pixels) -> Pixels:
        tone = luma(pixels)[..., None]
        weight = np.float32(1 - bias) + np.float32(bias * 4) * tone * (1 - tone)
        return unit(pixels + layers * weight)

    return grain, sigma


def _grain_field(rng: np.random.Generator, shape: tuple[int, int], size_px: float) -> Field:
    """Noise with grains about `size_px` wide; band-passed where they are wide; unit deviation."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if size_px < 0.2:
        return noise
    out = soften(noise, size_px)
    if size_px > 1:
        out = out - soften(out, size_px * 3) * np.float32(0.7)
    return out * np.float32(1 / _deviation(out, 2))


def _deviation(noise: NDArray[np.floating], step: int) -> float:
    """Standard deviation of noise (H, W) or (H, W, C), from every `step`-th pixel each way.

    From all of them in a small print, and 1 in one of so few pixels that they tell nothing.
    """
    some = noise[::step, ::step]
    if some.shape[0] * some.shape[1] >= _SAMPLES:
        return max(float(some.std()), 1e-4)
    if noise.shape[0] * noise.shape[1] < _LEAST_SAMPLES:
        return 1.0
    # Off 0, not off their mean: a single grain may be wider than the print.
    return max(float(np.square(noise).mean()) ** 0.5, 1e-4)


def plan_paper(
    rng: np.random.Generator, shape: tuple[int, int], recipe: AgeingRecipe, scale: float
) -> list[Step]:
    """Paper texture (silk, linen, rough) and halftone screens."""
    steps: list[Step] = []
    if rng.random() < recipe.paper:
        amount = float(rng.uniform(0.01, 0.06))
        steps.append(_texture_step(_paper_relief(rng, shape, scale) * np.float32(amount)))
    if rng.random() < recipe.halftone:
        steps.append(_plan_halftone(rng, shape, scale))
    return steps


def _texture_step(relief: Field) -> Step:
    def texture(pixels: Pixels) -> Pixels:
        return unit(pixels + relief[..., None])

    return texture


def _paper_relief(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Field:
    """Unit-deviation relief of a paper surface lit from one side."""
    pick = rng.random()
    if pick < 0.4:
        relief = fractal_noise(rng, shape, float(rng.uniform(3, 9)) * scale, 3, 0.7)
        return relief - np.pad(relief, ((1, 0), (1, 0)), mode="edge")[:-1, :-1]
    pitch = float(rng.uniform(2.5, 7)) * scale
    ys = np.arange(shape[0], dtype=np.float32)[:, None]
    xs = np.arange(shape[1], dtype=np.float32)[None, :]
    angle = float(rng.uniform(0, np.pi))
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    turn = np.float32(2 * np.pi / pitch)
    u, v = (xs * cos + ys * sin) * turn, (ys * cos - xs * sin) * turn
    if pick < 0.7:
        # Silk or honeycomb: three waves at 60 degrees.
        third = np.cos(0.5 * u + 0.866 * v) + np.cos(0.5 * u - 0.866 * v)
        return ((np.cos(u) + third) * np.float32(0.7)).astype(np.float32)
    weave = np.cos(u) + np.cos(v)
    return (weave + 0.5 * fractal_noise(rng, shape, 4 * scale, 2)).astype(np.float32)


def _plan_halftone(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Step:
    pitch, angle = float(rng.uniform(2.6, 5)) * scale, float(rng.uniform(0, np.pi / 2))
    ys = np.arange(shape[0], dtype=np.float32)[:, None]
    xs = np.arange(shape[1], dtype=np.float32)[None, :]
    turn = np.float32(2 * np.pi / pitch)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    screen = np.cos((xs * cos + ys * sin) * turn) + np.cos((ys * cos - xs * sin) * turn)
    screen = (screen * np.float32(0.25) + np.float32(0.5))[..., None]
    hardness, mix = float(rng.uniform(1.5, 5)), float(rng.uniform(0.25, 0.8))

    def halftone(pixels: Pixels) -> Pixels:
        dots = unit((pixels - screen) * np.float32(hardness) + 0.5)
        return unit(pixels + (dots - pixels) * np.float32(mix))

    return halftone
