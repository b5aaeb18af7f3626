"""Stains: blotches, tide lines, foxing, mould, fingerprints, coffee rings, smears."""

from __future__ import annotations

import numpy as np

from resilver.ageing.blobs import blob, blob_field, log_uniform
from resilver.ageing.canvas import Canvas, Mode, Patch
from resilver.ageing.fields import Field, fractal_noise, radial, soften, wander
from resilver.ageing.paint import Colour, ink_colour, paper_colour, stain_paint, stain_tint
from resilver.ageing.strokes import draw, tapered

TAU = 2 * np.pi


def _textured(rng: np.random.Generator, alpha: Field, cell_px: float) -> Field:
    """Density that varies inside the stain."""
    amount = float(rng.uniform(0, 0.6))
    if amount < 0.08:
        return alpha
    noise = fractal_noise(rng, (alpha.shape[0], alpha.shape[1]), cell_px, 3, 0.6)
    return alpha * np.clip(1 - np.float32(amount) * (0.5 + 0.6 * noise), 0.15, 1)


def _lay_rim(
    canvas: Canvas,
    rng: np.random.Generator,
    field: Field,
    origin: tuple[int, int],
    colour: Colour,
    mode: Mode,
    width_px: float,
) -> None:
    """The darker line where a drying stain left most of what it carried."""
    rim = np.exp(-np.square((field - np.float32(width_px * 0.5)) / np.float32(width_px)))
    deeper = colour if mode == "add" else colour * np.float32(rng.uniform(0.55, 0.95))
    canvas.lay("stain", Patch(rim, *origin), deeper, float(rng.uniform(0.2, 0.9)), mode)


def blotch(canvas: Canvas, rng: np.random.Generator) -> None:
    """One irregular stain, from a spot to a third of the photo."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 4, 150) * s, 0.5 * max(height, width))
    found = blob_field(rng, canvas, canvas.place(rng), radius, log_uniform(rng, 0.4, 2.5),
                       float(rng.uniform(0.2, 1.0)), float(rng.uniform(0.3, 1.2)),
                       float(rng.uniform(0.45, 0.85)), int(rng.integers(1, 5)))  # fmt: skip
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
    field = (noise - envelope) * np.float32(cell * 0.3)
    _lay_stain(canvas, rng, field, (top, left), cell * 0.6)


def _lay_stain(
    canvas: Canvas, rng: np.random.Generator, field: Field, origin: tuple[int, int], size: float
) -> None:
    s = canvas.scale
    edge = log_uniform(rng, 0.8, max(1.0, min(0.35 * size / s, 14))) * s
    alpha = np.clip(field / np.float32(edge) + 0.5, 0, 1)
    colour, mode, opacity = stain_paint(rng)
    density = _textured(rng, alpha, log_uniform(rng, 2, 30) * s)
    canvas.lay("stain", Patch(density, *origin), colour, opacity, mode, True)
    if rng.random() < 0.5:
        _lay_rim(canvas, rng, field, origin, colour, mode, log_uniform(rng, 0.7, 3) * s)


def tide_line(canvas: Canvas, rng: np.random.Generator) -> None:
    """A water mark: wavering rings where the water dried, faint inside."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 15, 200) * s, 0.7 * max(height, width))
    found = blob_field(rng, canvas, canvas.place(rng, 0.2 * radius), radius,
                       log_uniform(rng, 0.5, 2), float(rng.uniform(0.1, 0.5)),
                       float(rng.uniform(0.5, 1.5)), 0.45, int(rng.integers(1, 4)))  # fmt: skip
    if found is None:
        return
    field, top, left = found
    colour, mode, opacity = stain_tint(rng), "multiply", float(rng.uniform(0.1, 0.45))
    if rng.random() < 0.2:
        colour, mode = paper_colour(rng), "cover"
    inside = np.clip(field / np.float32(2 * s) + 0.5, 0, 1)
    canvas.lay("stain", Patch(_textured(rng, inside, 30 * s), top, left), colour, opacity,
               mode, True)  # fmt: skip
    step = float(rng.uniform(4, 26)) * s
    for index in range(int(rng.integers(1, 4))):
        shifted = field - np.float32(index * step)
        wide = log_uniform(rng, 0.8, 4) * s
        # The ring falls off steeply outwards and slowly inwards, as dried water does.
        out, inward = np.minimum(shifted, 0), np.maximum(shifted, 0)
        ring = np.exp(out / np.float32(0.6 * wide) - inward / np.float32(2.5 * wide))
        canvas.lay("stain", Patch(ring.astype(np.float32), top, left), colour,
                   float(rng.uniform(0.3, 0.95)), mode)  # fmt: skip


def foxing(canvas: Canvas, rng: np.random.Generator) -> None:
    """Small soft brown spots, single or in swarms."""
    s = canvas.scale
    centre, spread = canvas.place(rng), log_uniform(rng, 20, 140) * s
    tint = np.asarray([0.75, 0.52, 0.30], np.float32) ** np.float32(rng.uniform(0.4, 1.8))
    for _ in range(int(rng.integers(3, 16))):
        at = (centre[0] + float(rng.normal(0, spread)), centre[1] + float(rng.normal(0, spread)))
        radius = log_uniform(rng, 1.5, 9) * s
        patch = blob(rng, canvas, at, radius, radius * float(rng.uniform(0.4, 1.6)), 1, 0.4)
        if patch is not None:
            canvas.lay("stain", patch, tint, float(rng.uniform(0.25, 0.95)), "multiply", True)


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
            wander(rng, centre, log_uniform(rng, 8, 70) * s, 3 * s, float(rng.uniform(0, TAU)),
                   0, 3 / s, 0.25),
            float(rng.uniform(0.5, 1.3)) * s, 0.5, float(rng.uniform(0.3, 0.9)),
        )
        for _ in range(int(rng.integers(0, 12)))
    ]  # fmt: skip
    patch = draw(canvas.shape, threads)
    if patch is not None:
        canvas.lay("stain", patch, colour, opacity)
    box = canvas.box(centre, 2.5 * spread, 2.5 * spread)
    if box is None:
        return
    top, left, height, width = box
    away = radial((height, width), (centre[0] - left, centre[1] - top), (spread, spread), 0)
    noise = fractal_noise(rng, (height, width), log_uniform(rng, 3, 14) * s, 3, 0.7)
    alpha = np.clip((noise - 0.3 - 0.45 * np.square(away)) * np.float32(rng.uniform(1.5, 5)), 0, 1)
    canvas.lay("stain", Patch(alpha, top, left), colour, opacity, "cover", True)


def burn(canvas: Canvas, rng: np.random.Generator) -> None:
    """Rust or a burn: an orange halo, brown rings, a dark or missing middle."""
    s = canvas.scale
    radius = log_uniform(rng, 6, 60) * s
    found = blob_field(rng, canvas, canvas.place(rng), radius, log_uniform(rng, 0.7, 1.5),
                       float(rng.uniform(0.1, 0.5)), 0.7, 0.55)  # fmt: skip
    if found is None:
        return
    field, top, left = found
    depth = field / np.float32(radius)
    strength = np.float32(rng.uniform(0.4, 1.5))
    halo = np.clip(depth * 0.9 + 0.45, 0, 1)
    orange = np.asarray([0.98, 0.72, 0.38], np.float32) ** strength
    canvas.lay(
        "stain", Patch(halo, top, left), orange, float(rng.uniform(0.4, 1)), "multiply", True
    )
    brown = np.asarray([0.55, 0.30, 0.14], np.float32) ** strength
    for _ in range(int(rng.integers(0, 4))):
        at, wide = float(rng.uniform(0, 0.8)), log_uniform(rng, 0.03, 0.14)
        ring = np.exp(-np.square((depth - np.float32(at)) / np.float32(wide)))
        canvas.lay("stain", Patch(ring, top, left), brown, float(rng.uniform(0.3, 0.9)), "multiply")
    if rng.random() < 0.5:
        middle = np.clip((depth - np.float32(rng.uniform(0.3, 0.8))) * np.float32(radius / s), 0, 1)
        colour = ink_colour(rng) if rng.random() < 0.7 else paper_colour(rng)
        canvas.lay("missing", Patch(middle, top, left), colour, 1.0, "cover", True)


def fingerprint(canvas: Canvas, rng: np.random.Generator) -> None:
    """Ridges of a finger, faint, pale or dark."""
    s = canvas.scale
    radius = float(rng.uniform(14, 34)) * s
    centre = canvas.place(rng)
    box = canvas.box(centre, radius * 1.5, radius * 1.5)
    if box is None:
        return
    top, left, height, width = box
    middle = (centre[0] - left, centre[1] - top)
    angle, aspect = float(rng.uniform(0, np.pi)), float(rng.uniform(1.1, 1.5))
    away = radial((height, width), middle, (radius * aspect, radius / aspect), angle)
    bend = fractal_noise(rng, (height, width), radius * 0.9, 2, 0.4)
    pitch = float(rng.uniform(2.4, 4)) * s
    ridges = np.sin((away * radius + bend * np.float32(0.25 * radius)) * np.float32(TAU / pitch))
    breaks = fractal_noise(rng, (height, width), 4 * s, 2)
    alpha = np.clip(ridges + 0.3 * breaks, 0, 1) * np.clip((1 - away) * 4, 0, 1)
    depth = float(rng.choice([-1, 1])) * float(rng.uniform(0.08, 0.35))
    warm = np.asarray([1.0, 1.1, 1.25], np.float32) * np.float32(depth)
    canvas.lay("stain", Patch(alpha.astype(np.float32), top, left), warm, 1.0, "add")


def coffee_ring(canvas: Canvas, rng: np.random.Generator) -> None:
    """The ring a cup left, closed or broken."""
    s = canvas.scale
    radius = float(rng.uniform(25, 95)) * s
    centre = canvas.place(rng)
    box = canvas.box(centre, radius * 1.3, radius * 1.3)
    if box is None:
        return
    top, left, height, width = box
    middle = (centre[0] - left, centre[1] - top)
    away = (radial((height, width), middle, (radius, radius), 0) - 1) * np.float32(radius)
    noise = fractal_noise(rng, (height, width), radius * 0.4, 4)
    wide = float(rng.uniform(1.2, 6)) * s
    ring = np.exp(-np.square((away + noise * np.float32(0.6 * s)) / np.float32(wide)))
    gaps = fractal_noise(rng, (height, width), radius, 2)
    alpha = ring * np.clip(0.75 + gaps * 0.7, 0, 1)
    tint = np.asarray([0.62, 0.45, 0.28], np.float32) ** np.float32(rng.uniform(0.4, 1.4))
    canvas.lay("stain", Patch(alpha.astype(np.float32), top, left), tint,
               float(rng.uniform(0.3, 0.95)), "multiply")  # fmt: skip


def smear(canvas: Canvas, rng: np.random.Generator) -> None:
    """A wide streak of low contrast: a wipe, a run of glue or water."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 15, 110) * s, 0.6 * max(height, width))
    found = blob_field(rng, canvas, canvas.place(rng), radius, log_uniform(rng, 2, 7), 0.5, 0.8)
    if found is None:
        return
    field, top, left = found
    alpha = np.clip(field / np.float32(log_uniform(rng, 3, 14) * s) + 0.5, 0, 1)
    colour, mode, opacity = stain_paint(rng)
    opacity = min(opacity, 0.45)
    density = _textured(rng, alpha, 6 * s)
    canvas.lay("stain", Patch(soften(density, s), top, left), colour, opacity, mode, True)
