"""Dust: specks, clouds of them, short fibres, dirt clumps, smudges, spots with a halo."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.blobs import blob, log_uniform
from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.fields import Field, fractal_noise, radial, unit, value_noise, wander
from resilver.ageing.paint import flat_colour, ink_colour, lay_thin, mottle, paper_colour
from resilver.ageing.strokes import Stroke, draw, stroke


def specks(canvas: Canvas, rng: np.random.Generator) -> None:
    """A handful of irregular specks of 1 to 8 px."""
    s = canvas.scale
    centre, spread = canvas.place(rng), log_uniform(rng, 10, 150) * s
    tone = str(rng.choice(["bright", "dark", "any"], p=[0.4, 0.3, 0.3]))
    for _ in range(int(rng.integers(1, 9))):
        at = (centre[0] + float(rng.normal(0, spread)), centre[1] + float(rng.normal(0, spread)))
        radius = log_uniform(rng, 0.6, 4.5) * s
        patch = blob(
            rng,
            canvas,
            at,
            radius,
            log_uniform(rng, 0.6, 1.8) * s,
            aspect=log_uniform(rng, 0.35, 2.8),
            ragged=0.45,
            cell=0.9,
        )
        if patch is not None and patch.alpha.max() > 0.2:
            lay_thin(
                canvas, rng, "dust", patch, tone, opacity=(0.3, 1.0), softness_px=0.9, broken=0.3
            )


def _dots(shape: tuple[int, int], points: Field, sizes: Field) -> Field:
    """Coverage of many tiny dots drawn at twice the resolution, (h, w)."""
    ink = np.zeros((shape[0] * 2, shape[1] * 2), np.uint8)
    fixed = np.rint(points * 32).astype(np.int32)
    radii = np.rint(sizes * 32).astype(np.int32)
    for (x, y), radius in zip(fixed.tolist(), radii.tolist(), strict=True):
        level = int(255 * min(1.0, radius / 14))
        if radius < 40:
            cv2.circle(ink, (x, y), max(radius, 12), level, -1, cv2.LINE_AA, 4)
        else:
            axes = (radius, max(10, int(radius * (0.35 + 0.65 * ((x * 7 + y) % 16) / 16))))
            turn = float((x + 3 * y) % 180)
            cv2.ellipse(ink, (x, y), axes, turn, 0, 360, level, -1, cv2.LINE_AA, 4)
    small = cv2.resize(ink, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small).astype(np.float32).reshape(shape) * np.float32(1 / 255)


def cloud(canvas: Canvas, rng: np.random.Generator) -> None:
    """A dense cluster of hundreds of tiny specks, thinning out from its middle."""
    s = canvas.scale
    centre, spread = canvas.place(rng), log_uniform(rng, 6, 70) * s
    box = canvas.box(centre, 3 * spread, 3 * spread)
    if box is None:
        return
    top, left, height, width = box
    middle = np.asarray([centre[0] - left, centre[1] - top])
    count = int(np.clip((spread / s) ** 1.3 * rng.uniform(0.8, 4), 12, 600))
    stretch = np.asarray([1.0, float(rng.uniform(0.3, 1.0))])
    points = rng.standard_normal((count, 2)) * spread * stretch
    angle = float(rng.uniform(0, np.pi))
    turn = np.asarray([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = (points @ turn + middle).astype(np.float32)
    mean = log_uniform(rng, 0.3, 1.3) * s
    sizes = (mean * np.exp(rng.normal(0, 0.45, count))).astype(np.float32)
    alpha = _dots((height, width), points, sizes)
    lay_thin(
        canvas, rng, "dust", Patch(alpha, top, left), opacity=(0.3, 1), softness_px=0.5, broken=0.3
    )


def speckle(canvas: Canvas, rng: np.random.Generator) -> None:
    """Fine noise-like dirt: thresholded pixel noise under a cloudy envelope."""
    s = canvas.scale
    radius = log_uniform(rng, 20, 170) * s
    centre = canvas.place(rng)
    box = canvas.box(centre, radius, radius)
    if box is None:
        return
    top, left, height, width = box
    shape = (height, width)
    fine = value_noise(rng, shape, float(rng.uniform(1.2, 3.5)) * s)
    broad = fractal_noise(rng, shape, radius * 0.5, 2)
    away = radial(shape, (centre[0] - left, centre[1] - top), (radius, radius), 0)
    field = fine + 0.45 * broad - np.float32(rng.uniform(0.9, 1.7)) - 1.6 * np.square(away)
    alpha = unit(field * np.float32(rng.uniform(2, 6)))
    lay_thin(
        canvas, rng, "dust", Patch(alpha, top, left), opacity=(0.3, 1), softness_px=0.4, broken=0.2
    )


def sprinkle(canvas: Canvas, rng: np.random.Generator) -> None:
    """Single specks all over the print, of one tone or both."""
    s = canvas.scale
    height, width = canvas.shape
    count = int(np.clip(canvas.relative_area * rng.uniform(6, 60), 3, 1500))
    points = (rng.random((count, 2)) * (width, height)).astype(np.float32)
    sizes = (log_uniform(rng, 0.3, 1.4) * s * np.exp(rng.normal(0, 0.5, count))).astype(np.float32)
    alpha = _dots((height, width), points, sizes)
    lay_thin(canvas, rng, "dust", Patch(alpha, 0, 0), opacity=(0.3, 1), softness_px=0.6, broken=0.2)


def fibres(canvas: Canvas, rng: np.random.Generator) -> None:
    """Short fibres under 12 px."""
    s = canvas.scale
    centre, spread = canvas.place(rng), log_uniform(rng, 5, 120) * s
    lines: list[Stroke] = []
    for _ in range(int(rng.integers(1, 9))):
        at = (centre[0] + float(rng.normal(0, spread)), centre[1] + float(rng.normal(0, spread)))
        path = wander(
            rng,
            at,
            float(rng.uniform(3, 12)) * s,
            1.5 * s,
            float(rng.uniform(0, 2 * np.pi)),
            curl_drift=14 / s,
        )
        lines.append(stroke(path, float(rng.uniform(0.6, 1.6)) * s))
    patch = draw(canvas.shape, lines)
    if patch is not None:
        lay_thin(canvas, rng, "dust", patch, softness_px=0.7, broken=0.3)


def smudge(canvas: Canvas, rng: np.random.Generator) -> None:
    """A soft dirty patch of low contrast."""
    s = canvas.scale
    radius = log_uniform(rng, 4, 40) * s
    patch = blob(
        rng,
        canvas,
        canvas.place(rng),
        radius,
        radius * float(rng.uniform(0.5, 1.3)),
        aspect=log_uniform(rng, 0.4, 2.5),
        ragged=0.5,
    )
    if patch is None:
        return
    colour = ink_colour(rng) if rng.random() < 0.6 else paper_colour(rng)
    canvas.lay("dust", patch, colour, float(rng.uniform(0.12, 0.6)), region=True)


def haloed_spot(canvas: Canvas, rng: np.random.Generator) -> None:
    """A spot with a ring of the other tone around it, as from drying or retouching."""
    s = canvas.scale
    radius, centre = log_uniform(rng, 1.5, 10) * s, canvas.place(rng)
    halo = blob(
        rng, canvas, centre, radius * float(rng.uniform(1.5, 3)), radius, aspect=1, ragged=0.15
    )
    core = blob(rng, canvas, centre, radius, s, aspect=1, ragged=0.25)
    if halo is None or core is None:
        return
    first, second = paper_colour(rng), ink_colour(rng)
    if rng.random() < 0.5:
        first, second = second, first
    canvas.lay("dust", halo, first, float(rng.uniform(0.1, 0.6)))
    canvas.lay("dust", core, second, float(rng.uniform(0.3, 1)), region=True)


def smut(canvas: Canvas, rng: np.random.Generator) -> None:
    """Solid dirt of one colour with a crumbling outline."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 6, 60) * s, 0.4 * max(height, width))
    patch = blob(
        rng,
        canvas,
        canvas.place(rng),
        radius,
        log_uniform(rng, 0.8, 4) * s,
        aspect=1.0,
        ragged=float(rng.uniform(0.4, 1.1)),
        cell=float(rng.uniform(0.3, 0.9)),
        roughness=float(rng.uniform(0.6, 0.85)),
        lobes=int(rng.integers(1, 7)),
    )
    if patch is None:
        return
    colour = ink_colour(rng) if rng.random() < 0.6 else flat_colour(rng)
    if rng.random() < 0.4:
        shape = (patch.alpha.shape[0], patch.alpha.shape[1])
        colour = mottle(rng, shape, colour, float(rng.uniform(0.02, 0.1)))
    canvas.lay("dust", patch, colour, float(rng.uniform(0.3, 1)), region=True)
