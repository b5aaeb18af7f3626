"""Irregular filled shapes: the one form that holes, flakes, stains, smuts and specks share."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.fields import Field, fractal_noise, radial, unit


def blob_field(
    rng: np.random.Generator,
    canvas: Canvas,
    centre: tuple[float, float],
    radius_px: float,
    *,
    aspect: float = 1.0,
    ragged: float = 0.4,
    cell: float = 0.6,
    roughness: float = 0.6,
    lobes: int = 1,
) -> tuple[Field, int, int] | None:
    """Signed field of an irregular blob, in px: positive inside. None where it misses the print.

    Args:
        rng: source of randomness.
        canvas: the print.
        centre: (x, y).
        radius_px: mean radius.
        aspect: ratio of the two half axes.
        ragged: how far noise moves the outline, in radii.
        cell: size of the coarsest noise features, in radii.
        roughness: of the noise's octaves: higher gives a more fractal outline.
        lobes: number of blobs strung together.

    Returns:
        (field (h, w), top, left).
    """
    reach = radius_px * (1 + 1.3 * ragged) * max(aspect, 1 / aspect) ** 0.5 + 2
    spread = radius_px * 0.75 * (lobes - 1) ** 0.7
    box = canvas.box(centre, reach + spread, reach + spread)
    if box is None:
        return None
    top, left, height, width = box
    x, y = centre[0] - left, centre[1] - top
    radii = (radius_px * aspect**0.5, radius_px / aspect**0.5)
    heading = float(rng.uniform(0, 2 * np.pi))
    if lobes == 1:
        distance = radial((height, width), (x, y), radii, heading)
    else:
        distance = np.full((height, width), 9.0, np.float32)
        for _ in range(lobes):
            size = float(rng.uniform(0.35, 0.8))
            own = (radii[0] * size, radii[1] * size)
            np.minimum(distance, radial((height, width), (x, y), own, heading), out=distance)
            turn = heading + float(rng.normal(0, 1.1))
            x += float(np.cos(turn)) * radius_px * size
            y += float(np.sin(turn)) * radius_px * size
    # Steeper far out, so that noise never carries the outline to the edge of the box.
    steep = 1 - distance - np.square(np.maximum(distance - 1, 0)) * np.float32(0.5)
    field = np.asarray(steep * np.float32(radius_px), np.float32)
    if ragged > 0:
        octaves = int(np.clip(np.log2(max(radius_px * cell, 2)) + 1, 2, 6))
        noise = fractal_noise(rng, (height, width), radius_px * cell, octaves, roughness)
        cv2.scaleAdd(noise, ragged * radius_px * 0.6, field, field)
    return field, top, left


def blob(
    rng: np.random.Generator,
    canvas: Canvas,
    centre: tuple[float, float],
    radius_px: float,
    edge_px: float = 1.0,
    *,
    aspect: float = 1.0,
    ragged: float = 0.4,
    cell: float = 0.6,
    roughness: float = 0.6,
    lobes: int = 1,
) -> Patch | None:
    """Coverage of an irregular blob with an edge `edge_px` soft; arguments as `blob_field`."""
    found = blob_field(
        rng,
        canvas,
        centre,
        radius_px,
        aspect=aspect,
        ragged=ragged,
        cell=cell,
        roughness=roughness,
        lobes=lobes,
    )
    if found is None:
        return None
    field, top, left = found
    alpha = unit(field / np.float32(max(edge_px, 0.3)) + 0.5)
    return Patch(alpha, top, left)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between `low` and `high`, even in its logarithm: sizes come in ratios."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
