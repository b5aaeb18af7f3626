"""What a mark looks like: its tone, opacity, softness and texture."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from resilver.ageing.canvas import Canvas, Mode, Patch, emboss
from resilver.ageing.fields import Field, fractal_noise, soften, unit

Colour: TypeAlias = NDArray[np.float32]

_STAIN_TINTS = (
    (0.62, 0.45, 0.28),  # tea brown
    (0.80, 0.66, 0.40),  # yellow-brown
    (0.92, 0.84, 0.58),  # pale yellow
    (0.45, 0.30, 0.20),  # dark brown
    (0.60, 0.62, 0.48),  # green-grey
    (0.38, 0.42, 0.34),  # mould
    (0.70, 0.70, 0.70),  # grey
    (0.40, 0.40, 0.42),  # dark grey
    (0.80, 0.62, 0.58),  # rose
    (0.62, 0.66, 0.76),  # blue-grey
    (0.72, 0.42, 0.26),  # rust
    (0.50, 0.42, 0.56),  # violet, silver mirroring
    (1.00, 0.74, 0.42),  # orange
    (0.70, 0.95, 0.98),  # cyan bleach
)


def paper_colour(rng: np.random.Generator) -> Colour:
    """Bare paper: white to cream or greyish, (3,)."""
    level = rng.uniform(0.72, 1.0)
    warm = abs(rng.normal(0, 0.05))
    return np.asarray([level, level - warm * 0.5, level - warm * 1.4], np.float32).clip(0, 1)


def ink_colour(rng: np.random.Generator) -> Colour:
    """Dark matter: black, brown-black, now and then an ink, (3,)."""
    level = rng.uniform(0.0, 0.3)
    if rng.random() < 0.15:
        return (level + rng.uniform(-0.05, 0.35, 3)).clip(0, 1).astype(np.float32)
    warm = abs(rng.normal(0, 0.03))
    return np.asarray([level + warm, level, level - warm], np.float32).clip(0, 1)


def flat_colour(rng: np.random.Generator) -> Colour:
    """What shows where the print is gone: any grey, paper, backing board, scanner lid, (3,)."""
    pick = rng.random()
    if pick < 0.3:
        return paper_colour(rng)
    if pick < 0.6:
        return ink_colour(rng)
    level = rng.uniform(0.05, 0.95)
    spread = 0.03 if rng.random() < 0.7 else 0.15
    return (level + rng.normal(0, spread, 3)).clip(0, 1).astype(np.float32)


def stain_tint(rng: np.random.Generator) -> Colour:
    """Transmittance of a stain per channel, (3,) in [0, 1.1]."""
    tint = np.asarray(_STAIN_TINTS[int(rng.integers(len(_STAIN_TINTS)))], np.float32)
    tint = tint ** np.float32(rng.uniform(0.5, 1.6))
    return (tint + rng.normal(0, 0.04, 3)).clip(0.05, 1.1).astype(np.float32)


def stain_paint(rng: np.random.Generator) -> tuple[Colour, Mode, float]:
    """Colour, how it acts, and opacity of a stain."""
    opacity = float(rng.uniform(0.15, 0.95))
    pick = rng.random()
    if pick < 0.62:
        return stain_tint(rng), "multiply", opacity
    if pick < 0.87:
        # Dirt that lies on the surface has its own colour and covers.
        return stain_tint(rng) * np.float32(rng.uniform(0.5, 1.1)), "cover", opacity
    if pick < 0.95:
        return paper_colour(rng), "cover", opacity
    return rng.normal(0, 0.2, 3).astype(np.float32), "add", 1.0


def mottle(
    rng: np.random.Generator, shape: tuple[int, int], colour: Colour, amount: float
) -> Colour:
    """A flat colour broken up by noise, (h, w, 3)."""
    cell = float(rng.choice([1.0, 2.0, 5.0, 14.0]))
    noise = fractal_noise(rng, shape, cell, 3, 0.7) * np.float32(amount * min(1, 0.3 + cell / 6))
    return unit(colour + noise[..., None])


def roughen(rng: np.random.Generator, alpha: Field, amount: float, cell_px: float) -> Field:
    """Eats into coverage by noise: 0 leaves it alone, 1 breaks it to crumbs."""
    if amount < 0.03:
        return alpha
    noise = fractal_noise(rng, (alpha.shape[0], alpha.shape[1]), cell_px, 2, 0.8)
    keep = unit(1.15 - np.float32(amount * 1.3) + noise * np.float32(amount))
    return alpha * keep


def lay_thin(
    canvas: Canvas,
    rng: np.random.Generator,
    kind: str,
    patch: Patch,
    tone: str = "any",
    *,
    opacity: tuple[float, float] = (0.25, 1.0),
    softness_px: float = 1.0,
    broken: float = 0.5,
) -> None:
    """Lays a thin mark (scratch, hair, speck) in a random look.

    Args:
        canvas: the print.
        rng: source of randomness.
        kind: one of `KINDS`.
        patch: the mark's coverage.
        tone: `bright`, `dark` or `any` (also relative to what lies under it, or coloured).
        opacity: range of the opacity.
        softness_px: greatest blur of the edge.
        broken: greatest amount of noise eaten out of it.
    """
    alpha = patch.alpha
    if rng.random() < 0.55:
        alpha = soften(alpha, float(rng.uniform(0.25, max(softness_px, 0.26))) * canvas.scale)
        peak = float(alpha.max())
        if 0 < peak < 0.6:
            alpha = alpha * np.float32(rng.uniform(0.6, 0.9) / peak)
    if rng.random() < 0.5:
        cell = float(rng.choice([1.0, 2.0, 6.0])) * canvas.scale
        alpha = roughen(rng, alpha, float(rng.uniform(0, broken)), cell)
    patch = Patch(alpha, patch.top, patch.left)
    strength = float(rng.uniform(*opacity))
    mean = float(canvas.mean_under(patch).mean())
    if tone == "any":
        # White on white happens, but teaches nothing: most marks differ from what is under them.
        bright = 0.72 * float(np.clip(1.35 - 1.6 * mean, 0.08, 0.92))
        shares = [bright, 0.72 - bright, 0.2, 0.08]
        tone = str(rng.choice(["bright", "dark", "relative", "coloured"], p=shares))
    mode: Mode = "cover"
    if tone == "bright":
        colour = paper_colour(rng)
    elif tone == "dark":
        colour = ink_colour(rng)
    elif tone == "coloured":
        colour = rng.uniform(0, 1, 3).astype(np.float32)
    else:
        mode = "add"
        sign = 1.0 if rng.random() > mean else -1.0
        contrast = float(np.exp(rng.uniform(np.log(0.06), np.log(0.5))))
        colour = np.full(3, sign * contrast, np.float32) * rng.normal(1, 0.1, 3).astype(np.float32)
        strength = 1.0
    canvas.lay(kind, patch, colour, strength, mode=mode)
    if rng.random() < 0.2:
        shift = (int(rng.integers(-1, 2)) or 1, int(rng.integers(-1, 2)) or 1)
        reach = max(1, round(canvas.scale))
        relief = emboss(alpha, (shift[0] * reach, shift[1] * reach), 0.5 * canvas.scale)
        depth = np.full(3, rng.uniform(-0.35, 0.35), np.float32)
        canvas.lay(kind, Patch(relief, patch.top, patch.left), depth, 1.0, mode="add")
