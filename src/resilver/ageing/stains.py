"""Stains: blotches, scattered islands, foxing, mould, smears."""

from __future__ import annotations

import numpy as np

from resilver.ageing.blobs import blob, blob_field, log_uniform
from resilver.ageing.canvas import Canvas, Mode, Patch
from resilver.ageing.fields import Field, fractal_noise, radial, soften, unit, wander
from resilver.ageing.paint import Colour, ink_colour, paper_colour, stain_paint
from resilver.ageing.strokes import draw, tapered

TAU = 2 * np.pi


def textured(rng: np.random.Generator, alpha: Field, cell_px: float) -> Field:
    """Density that varies inside the stain."""
    amount = float(rng.uniform(0, 0.6))
    if amount < 0.08:
        return alpha
    noise = fractal_noise(rng, (alpha.shape[0], alpha.shape[1]), cell_px, 3, 0.6)
    density = np.clip(1 - np.float32(amount) * (0.5 + 0.6 * noise), 0.15, 1)
    return np.asarray(alpha * density, np.float32)


def _lay_rim(
    canvas: Canvas,
    rng: np.random.Generator,
    field: Field,
    origin: tuple[int, int],
    colour: Colour,
    *,
    mode: Mode,
    width_px: float,
) -> None:
    """The darker line where a drying stain left most of what it carried."""
    rim = np.exp(-np.square((field - np.float32(width_px * 0.5)) / np.float32(width_px)))
    deeper = colour if mode == "add" else colour * np.float32(rng.uniform(0.55, 0.95))
    canvas.lay("stain", Patch(rim, *origin), deeper, float(rng.uniform(0.2, 0.9)), mode=mode)


def blotch(canvas: Canvas, rng: np.random.Generator) -> None:
    """One irregular stain, from a spot to a third of the photo."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 4, 150) * s, 0.5 * max(height, width))
    found = blob_field(
        rng,
        canvas,
        canvas.place(rng),
        radius,
        aspect=log_uniform(rng, 0.4, 2.5),
        ragged=float(rng.uniform(0.2, 1.0)),
        cell=float(rng.uniform(0.3, 1.2)),
        roughness=float(rng.uniform(0.45, 0.85)),
        lobes=int(rng.integers(1, 5)),
    )
    if found is None:
        return
    field, top, left = found
    _lay_stain(canvas, rng, field, (top, left), radius)


def noise_stains(canvas: Canvas, rng: np.random.Generator) -> None:
    """Scattered fractal islands: multi-octave noise over a threshold, all over or in one part."""
    s = canvas.scale
    radius = log_uniform(rng, 35, 320) * s
    centre = canvas.place(rng)
    box = canvas.box(centre, radius, radius)
    if box is None:
        return
    top, left, height, width = box
    cell = log_uniform(rng, 10, 110) * s
    octaves = int(rng.integers(3, 7))
    noise = fractal_noise(rng, (height, width), cell, octaves, float(rng.uniform(0.45, 0.85)))
    away = radial((height, width), (centre[0] - left, centre[1] - top), (radius, radius), 0)
    envelope = np.float32(rng.uniform(0.4, 1.6)) + np.square(away) * 1.9
    field = np.asarray((noise - envelope) * np.float32(cell * 0.3), np.float32)
    _lay_stain(canvas, rng, field, (top, left), cell * 0.6)


def _lay_stain(
    canvas: Canvas, rng: np.random.Generator, field: Field, origin: tuple[int, int], size: float
) -> None:
    s = canvas.scale
    edge = log_uniform(rng, 0.8, max(1.0, min(0.35 * size / s, 14))) * s
    alpha = unit(field / np.float32(edge) + 0.5)
    colour, mode, opacity = stain_paint(rng)
    density = textured(rng, alpha, log_uniform(rng, 2, 30) * s)
    canvas.lay("stain", Patch(density, *origin), colour, opacity, mode=mode, region=True)
    if rng.random() < 0.5:
        _lay_rim(
            canvas, rng, field, origin, colour, mode=mode, width_px=log_uniform(rng, 0.7, 3) * s
        )


def foxing(canvas: Canvas, rng: np.random.Generator) -> None:
    """Small soft brown spots, single or in swarms."""
    s = canvas.scale
    centre, spread = canvas.place(rng), log_uniform(rng, 20, 140) * s
    tint = np.asarray([0.75, 0.52, 0.30], np.float32) ** np.float32(rng.uniform(0.4, 1.8))
    for _ in range(int(rng.integers(3, 16))):
        at = (centre[0] + float(rng.normal(0, spread)), centre[1] + float(rng.normal(0, spread)))
        radius = log_uniform(rng, 1.5, 9) * s
        patch = blob(
            rng, canvas, at, radius, radius * float(rng.uniform(0.4, 1.6)), aspect=1, ragged=0.4
        )
        if patch is not None:
            canvas.lay(
                "stain", patch, tint, float(rng.uniform(0.25, 0.95)), mode="multiply", region=True
            )


def mould(canvas: Canvas, rng: np.random.Generator) -> None:
    """Colonies of small blots with fine threads between them: white, grey, green or black."""
    s = canvas.scale
    centre, spread = canvas.place(rng), log_uniform(rng, 10, 70) * s
    if rng.random() < 0.5:
        colour = paper_colour(rng) * np.asarray([0.9, 0.95, 0.88], np.float32)
    else:
        colour = ink_colour(rng) + np.asarray([0.05, 0.1, 0.04], np.float32)
    opacity = float(rng.uniform(0.25, 0.9))
    threads = [
        tapered(
            wander(
                rng,
                centre,
                log_uniform(rng, 8, 70) * s,
                3 * s,
                float(rng.uniform(0, TAU)),
                curl_drift=3 / s,
                jitter=0.25,
            ),
            float(rng.uniform(0.5, 1.3)) * s,
            0.5,
            float(rng.uniform(0.3, 0.9)),
        )
        for _ in range(int(rng.integers(0, 12)))
    ]
    patch = draw(canvas.shape, threads)
    if patch is not None:
        canvas.lay("stain", patch, colour, opacity)
    box = canvas.box(centre, 2.5 * spread, 2.5 * spread)
    if box is None:
        return
    top, left, height, width = box
    away = radial((height, width), (centre[0] - left, centre[1] - top), (spread, spread), 0)
    noise = fractal_noise(rng, (height, width), log_uniform(rng, 3, 14) * s, 3, 0.7)
    alpha = unit((noise - 0.3 - 0.45 * np.square(away)) * np.float32(rng.uniform(1.5, 5)))
    canvas.lay("stain", Patch(alpha, top, left), colour, opacity, region=True)


def smear(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wide streak of low contrast: a wipe, a run of glue or water."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 15, 110) * s, 0.6 * max(height, width))
    found = blob_field(
        rng, canvas, canvas.place(rng), radius, aspect=log_uniform(rng, 2, 7), ragged=0.5, cell=0.8
    )
    if found is None:
        return
    field, top, left = found
    alpha = unit(field / np.float32(log_uniform(rng, 3, 14) * s) + 0.5)
    colour, mode, opacity = stain_paint(rng)
    opacity = min(opacity, 0.45)
    density = textured(rng, alpha, 6 * s)
    canvas.lay(
        "stain", Patch(soften(density, s), top, left), colour, opacity, mode=mode, region=True
    )
