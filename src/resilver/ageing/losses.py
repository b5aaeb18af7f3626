"""Missing matter inside the print: holes, flaked and rubbed emulsion, tape, flat blobs."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.blobs import blob, log_uniform
from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.fields import Field, fractal_noise, radial, shifted, soften, unit
from resilver.ageing.paint import Colour, flat_colour, ink_colour, mottle, paper_colour, roughen


def backing(rng: np.random.Generator, shape: tuple[int, int]) -> Colour:
    """What lies behind the missing part: flat, or with a texture."""
    colour = flat_colour(rng)
    if rng.random() < 0.5:
        return colour
    return mottle(rng, shape, colour, float(rng.uniform(0.01, 0.08)))


def lay_hole(canvas: Canvas, rng: np.random.Generator, field: Field, top: int, left: int) -> None:
    """Lays a hole given its signed field in px, with or without a fibre rim and a shadow."""
    s = canvas.scale
    shape = (field.shape[0], field.shape[1])
    edge = float(rng.choice([0.8, 1.2, 2.0, 5.0], p=[0.35, 0.35, 0.2, 0.1])) * s
    opacity = 1.0 if rng.random() < 0.75 else float(rng.uniform(0.55, 0.98))
    if rng.random() < 0.45:
        # Torn paper shows its fibres: a ragged pale rim outside the hole proper.
        wide = log_uniform(rng, 1.0, 9.0) * s
        fray = fractal_noise(rng, shape, 5 * s, 3, 0.8) * np.float32(0.5 * wide)
        rim = unit((field + wide + fray) / s + 0.5)
        colour = mottle(rng, shape, paper_colour(rng), 0.04)
        canvas.lay("missing", Patch(rim, top, left), colour, opacity, region=True)
    elif rng.random() < 0.3:
        wide = float(rng.uniform(1.5, 6)) * s
        shade = unit(1 + field / wide)
        depth = np.full(3, -rng.uniform(0.05, 0.3), np.float32)
        canvas.lay("missing", Patch(shade, top, left), depth, 1.0, mode="add", visible_from=0.06)
    alpha = unit(field / np.float32(edge) + 0.5)
    canvas.lay("missing", Patch(alpha, top, left), backing(rng, shape), opacity, region=True)


def hole(canvas: Canvas, rng: np.random.Generator) -> None:
    """A hole through the print: pin, burn, insect, punched."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 2.5, 60) * s, 0.4 * max(height, width))
    ragged = float(rng.choice([0.0, 0.1, 0.3, 0.6]))
    patch = blob(
        rng,
        canvas,
        canvas.place(rng),
        radius,
        2 * radius,
        aspect=log_uniform(rng, 0.5, 2),
        ragged=ragged,
    )
    if patch is not None:
        field = (patch.alpha - 0.5) * np.float32(2 * radius)
        lay_hole(canvas, rng, field, patch.top, patch.left)


def flakes(canvas: Canvas, rng: np.random.Generator) -> None:
    """Chipped emulsion: a cluster of angular or fractal flakes, pale or dark."""
    s = canvas.scale
    centre, radius = canvas.place(rng), log_uniform(rng, 15, 110) * s
    box = canvas.box(centre, radius * 2, radius * 2)
    if box is None:
        return
    top, left, height, width = box
    angular = rng.random() < 0.5
    if angular:
        ink = np.zeros((height, width), np.uint8)
        middle = np.asarray([centre[0] - left, centre[1] - top])
        for _ in range(int(rng.integers(4, 40))):
            size = log_uniform(rng, 1.5, 14) * s
            at = rng.normal(0, radius * 0.6, 2) + middle
            corners = int(rng.integers(4, 9))
            angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
            reach = size * rng.uniform(0.4, 1.3, corners)
            shape = np.stack((np.cos(angles) * reach, np.sin(angles) * reach), 1) + at
            cv2.fillPoly(ink, [np.rint(shape * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        alpha = ink.astype(np.float32) * np.float32(1 / 255)
    else:
        away = radial((height, width), (centre[0] - left, centre[1] - top), (radius, radius), 0)
        cell = log_uniform(rng, 5, 40) * s
        noise = fractal_noise(rng, (height, width), cell, 4, float(rng.uniform(0.45, 0.8)))
        field = noise - np.float32(rng.uniform(0.3, 1.0)) - away * away * 0.7
        alpha = unit(field * np.float32(cell / (3 * s)))
    colour = paper_colour(rng) if rng.random() < 0.6 else flat_colour(rng)
    colour = mottle(rng, (height, width), colour, float(rng.uniform(0, 0.06)))
    opacity = float(rng.uniform(0.5, 1.0))
    if rng.random() < 0.4:
        # The step at the flake's edge throws a small shadow.
        shadow = soften(shifted(alpha, round(s)), 0.8 * s)
        depth = np.full(3, -rng.uniform(0.1, 0.4), np.float32)
        canvas.lay("missing", Patch(shadow, top, left), depth, 1.0, mode="add", visible_from=0.06)
    canvas.lay("missing", Patch(alpha, top, left), colour, opacity, region=True)


def abraded(canvas: Canvas, rng: np.random.Generator) -> None:
    """Emulsion rubbed thin over an area: a broken, half transparent pale or dark patch."""
    s = canvas.scale
    radius = log_uniform(rng, 8, 80) * s
    patch = blob(
        rng,
        canvas,
        canvas.place(rng),
        radius,
        radius * 0.6,
        aspect=log_uniform(rng, 0.25, 4),
        ragged=0.6,
        cell=0.5,
        roughness=0.75,
    )
    if patch is None:
        return
    alpha = roughen(rng, patch.alpha, float(rng.uniform(0.2, 0.9)), log_uniform(rng, 1.5, 8) * s)
    colour = paper_colour(rng) if rng.random() < 0.65 else ink_colour(rng)
    lay = Patch(alpha, patch.top, patch.left)
    canvas.lay("missing", lay, colour, float(rng.uniform(0.4, 1)), region=True)


def tape(canvas: Canvas, rng: np.random.Generator) -> None:
    """A strip where tape pulled the surface off, or a strip of old tape still on it."""
    s = canvas.scale
    height, width = canvas.shape
    centre, heading = canvas.place(rng), float(rng.uniform(0, np.pi))
    half_long = min(log_uniform(rng, 20, 130) * s, 0.6 * max(height, width))
    half_wide = min(log_uniform(rng, 6, 24) * s, half_long)
    box = canvas.box(centre, half_long + 8 * s, half_long + 8 * s)
    if box is None:
        return
    top, left, box_height, box_width = box
    ys = np.arange(box_height, dtype=np.float32)[:, None] - np.float32(centre[1] - top)
    xs = np.arange(box_width, dtype=np.float32)[None, :] - np.float32(centre[0] - left)
    cos, sin = np.float32(np.cos(heading)), np.float32(np.sin(heading))
    along = half_long - np.abs(xs * cos + ys * sin)
    across = half_wide - np.abs(ys * cos - xs * sin)
    noise = fractal_noise(rng, (box_height, box_width), 12 * s, 4, 0.7)
    field = np.minimum(along + noise * np.float32(3 * s), across + noise * np.float32(0.6 * s))
    alpha = unit(field / s + 0.5).astype(np.float32)
    if rng.random() < 0.5:
        alpha = roughen(rng, alpha, float(rng.uniform(0.1, 0.6)), 9 * s)
        colour = mottle(rng, (box_height, box_width), paper_colour(rng), 0.05)
        canvas.lay(
            "missing", Patch(alpha, top, left), colour, float(rng.uniform(0.6, 1)), region=True
        )
    else:
        yellow = np.asarray([0.95, 0.82, 0.5], np.float32) ** np.float32(rng.uniform(0.4, 1.6))
        mode = "multiply" if rng.random() < 0.6 else "cover"
        canvas.lay(
            "stain",
            Patch(alpha, top, left),
            yellow,
            float(rng.uniform(0.3, 0.8)),
            mode=mode,
            region=True,
        )


def flat_blob(canvas: Canvas, rng: np.random.Generator) -> None:
    """A large irregular area of one flat colour: lost emulsion, paint, a stuck label."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 10, 75) * s, 0.4 * max(height, width))
    patch = blob(
        rng,
        canvas,
        canvas.place(rng),
        radius,
        float(rng.choice([0.8, 1.5, 4.0])) * s,
        aspect=log_uniform(rng, 0.4, 2.5),
        ragged=float(rng.uniform(0.05, 0.7)),
        cell=float(rng.uniform(0.25, 1.0)),
        roughness=float(rng.uniform(0.4, 0.8)),
        lobes=int(rng.integers(1, 6)),
    )
    if patch is None:
        return
    colour = backing(rng, (patch.alpha.shape[0], patch.alpha.shape[1]))
    opacity = 1.0 if rng.random() < 0.6 else float(rng.uniform(0.5, 1))
    canvas.lay("missing", patch, colour, opacity, region=True)
