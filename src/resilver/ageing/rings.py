"""Stains with an edge of their own: tide lines, burns and rust, fingerprints, coffee rings."""

from __future__ import annotations

import numpy as np

from resilver.ageing.blobs import blob_field, log_uniform
from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.fields import fractal_noise, radial, unit
from resilver.ageing.paint import ink_colour, paper_colour, stain_tint
from resilver.ageing.stains import textured

TAU = 2 * np.pi


def tide_line(canvas: Canvas, rng: np.random.Generator) -> None:
    """A water mark: wavering rings where the water dried, faint inside."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 15, 200) * s, 0.7 * max(height, width))
    found = blob_field(
        rng,
        canvas,
        canvas.place(rng, 0.2 * radius),
        radius,
        aspect=log_uniform(rng, 0.5, 2),
        ragged=float(rng.uniform(0.1, 0.5)),
        cell=float(rng.uniform(0.5, 1.5)),
        roughness=0.45,
        lobes=int(rng.integers(1, 4)),
    )
    if found is None:
        return
    field, top, left = found
    colour, mode, opacity = stain_tint(rng), "multiply", float(rng.uniform(0.1, 0.45))
    if rng.random() < 0.2:
        colour, mode = paper_colour(rng), "cover"
    inside = unit(field / np.float32(2 * s) + 0.5)
    canvas.lay(
        "stain",
        Patch(textured(rng, inside, 30 * s), top, left),
        colour,
        opacity,
        mode=mode,
        region=True,
    )
    step = float(rng.uniform(4, 26)) * s
    for index in range(int(rng.integers(1, 4))):
        shifted = field - np.float32(index * step)
        wide = log_uniform(rng, 0.8, 4) * s
        # The ring falls off steeply outwards and slowly inwards, as dried water does.
        out, inward = np.minimum(shifted, 0), np.maximum(shifted, 0)
        ring = np.exp(out / np.float32(0.6 * wide) - inward / np.float32(2.5 * wide))
        canvas.lay(
            "stain",
            Patch(ring.astype(np.float32), top, left),
            colour,
            float(rng.uniform(0.3, 0.95)),
            mode=mode,
        )


def burn(canvas: Canvas, rng: np.random.Generator) -> None:
    """Rust or a burn: an orange halo, brown rings, a dark or missing middle."""
    s = canvas.scale
    radius = log_uniform(rng, 6, 60) * s
    found = blob_field(
        rng,
        canvas,
        canvas.place(rng),
        radius,
        aspect=log_uniform(rng, 0.7, 1.5),
        ragged=float(rng.uniform(0.1, 0.5)),
        cell=0.7,
        roughness=0.55,
    )
    if found is None:
        return
    field, top, left = found
    depth = field / np.float32(radius)
    strength = np.float32(rng.uniform(0.4, 1.5))
    halo = unit(depth * 0.9 + 0.45)
    orange = np.asarray([0.98, 0.72, 0.38], np.float32) ** strength
    canvas.lay(
        "stain",
        Patch(halo, top, left),
        orange,
        float(rng.uniform(0.4, 1)),
        mode="multiply",
        region=True,
    )
    brown = np.asarray([0.55, 0.30, 0.14], np.float32) ** strength
    for _ in range(int(rng.integers(0, 4))):
        at, wide = float(rng.uniform(0, 0.8)), log_uniform(rng, 0.03, 0.14)
        ring = np.exp(-np.square((depth - np.float32(at)) / np.float32(wide)))
        canvas.lay(
            "stain", Patch(ring, top, left), brown, float(rng.uniform(0.3, 0.9)), mode="multiply"
        )
    if rng.random() < 0.5:
        middle = unit((depth - np.float32(rng.uniform(0.3, 0.8))) * np.float32(radius / s))
        colour = ink_colour(rng) if rng.random() < 0.7 else paper_colour(rng)
        canvas.lay("missing", Patch(middle, top, left), colour, 1.0, region=True)


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
    alpha = unit(ridges + 0.3 * breaks) * unit((1 - away) * 4)
    depth = float(rng.choice([-1, 1])) * float(rng.uniform(0.08, 0.35))
    warm = np.asarray([1.0, 1.1, 1.25], np.float32) * np.float32(depth)
    canvas.lay("stain", Patch(alpha.astype(np.float32), top, left), warm, 1.0, mode="add")


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
    alpha = ring * unit(0.75 + gaps * 0.7)
    tint = np.asarray([0.62, 0.45, 0.28], np.float32) ** np.float32(rng.uniform(0.4, 1.4))
    canvas.lay(
        "stain",
        Patch(alpha.astype(np.float32), top, left),
        tint,
        float(rng.uniform(0.3, 0.95)),
        mode="multiply",
    )
