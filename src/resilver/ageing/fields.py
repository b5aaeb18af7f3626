"""Random fields and shapes that damage is made of: fractal noise, ragged blobs, wandering paths.

Noise is drawn on small grids and enlarged, so that its cost hardly grows with the photo.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Field: TypeAlias = NDArray[np.float32]


def unit(values: NDArray[np.floating]) -> Field:
    """Values cut to [0, 1], float32, any shape."""
    return np.asarray(np.clip(values, 0, 1), np.float32)


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cell_px: float) -> Field:
    """Smooth noise, (H, W), zero mean, features `cell_px` wide, standard deviation near 0.7."""
    height, width = shape
    cell = max(cell_px, 1.0)
    if cell < 1.2:
        return rng.standard_normal(shape, dtype=np.float32)
    rows, columns = int(height / cell) + 3, int(width / cell) + 3
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    # The grid is sampled from a random phase, so that its lattice shows in no fixed place.
    off_y, off_x = rng.uniform(0.5, 1.5, 2)
    matrix = np.array([[1 / cell, 0, off_x], [0, 1 / cell, off_y]], np.float64)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REFLECT
    enlarged = cv2.warpAffine(grid, matrix, (width, height), flags=flags, borderMode=border)
    return np.asarray(enlarged, np.float32).reshape(shape)


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell_px: float,
    octaves: int = 4,
    roughness: float = 0.55,
) -> Field:
    """Sum of octaves of value noise, (H, W), zero mean, standard deviation near 1.

    Args:
        rng: source of randomness.
        shape: (height, width).
        cell_px: width of the coarsest features.
        octaves: how many times the feature size is halved, at most; stops at one pixel.
        roughness: amplitude of each octave relative to the one before.
    """
    total = np.zeros(shape, np.float32)
    amplitude, power, cell = 1.0, 0.0, cell_px
    for _ in range(octaves):
        cv2.scaleAdd(value_noise(rng, shape, cell), amplitude, total, total)
        power += amplitude * amplitude
        amplitude *= roughness
        cell /= 2
        if cell < 0.7:
            break
    total *= 1.4 / np.sqrt(power)
    return total


def soften(values: Field, sigma_px: float) -> Field:
    """Gaussian blur, any shape; sigmas under 0.2 px leave the values alone."""
    if sigma_px < 0.2:
        return values
    if sigma_px > 6 and min(values.shape[:2]) > 64:
        # Wide blurs look the same at a lower resolution and cost a fraction.
        height, width = values.shape[:2]
        factor = min(sigma_px / 3, min(height, width) / 16)
        size = (max(2, int(width / factor)), max(2, int(height / factor)))
        small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), sigma_px / factor)
        wide = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide, np.float32).reshape(values.shape)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32).reshape(values.shape)


def shifted(values: Field, by_px: int) -> Field:
    """A field (H, W) moved down and to the right; what comes in is 0."""
    height, width = values.shape
    out = np.zeros_like(values)
    out[by_px:, by_px:] = values[: max(height - by_px, 0), : max(width - by_px, 0)]
    return out


def radial(
    shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float], angle: float
) -> Field:
    """Distance from an ellipse's centre in units of its radii, (H, W); 1 on the ellipse.

    Args:
        shape: (height, width).
        centre: (x, y) of the centre.
        radii: half axes in px.
        angle: rotation of the first axis in radians.
    """
    ys = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(centre[1])
    xs = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(centre[0])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u = (xs * cos + ys * sin) / np.float32(max(radii[0], 0.3))
    v = (ys * cos - xs * sin) / np.float32(max(radii[1], 0.3))
    return np.sqrt(u * u + v * v)


def wander(
    rng: np.random.Generator,
    start: tuple[float, float],
    length_px: float,
    step_px: float,
    heading: float,
    *,
    curl: float = 0.0,
    curl_drift: float = 0.0,
    jitter: float = 0.0,
) -> NDArray[np.float32]:
    """A path (N, 2) of (x, y) points that walks on with a turning heading.

    Args:
        rng: source of randomness.
        start: first point.
        length_px: total length.
        step_px: distance between points.
        heading: first direction in radians.
        curl: mean turn, radians per 100 px.
        curl_drift: how far the turn itself wanders, radians per 100 px.
        jitter: uncorrelated turn per step, radians.
    """
    count = int(np.clip(length_px / max(step_px, 0.5), 2, 400))
    turn = np.full(count, curl * step_px / 100, np.float32)
    if curl_drift > 0:
        drift = rng.standard_normal(count).cumsum()
        drift -= np.linspace(0, drift[-1], count)
        turn += (drift / np.sqrt(count) * 2 * curl_drift * step_px / 100).astype(np.float32)
    if jitter > 0:
        turn += rng.normal(0, jitter, count).astype(np.float32)
    angles = heading + turn.cumsum()
    points = np.empty((count + 1, 2), np.float32)
    points[0] = start
    points[1:, 0] = start[0] + (np.cos(angles) * step_px).cumsum()
    points[1:, 1] = start[1] + (np.sin(angles) * step_px).cumsum()
    return points


def jagged(
    rng: np.random.Generator,
    start: tuple[float, float],
    end: tuple[float, float],
    roughness: float,
    step_px: float,
) -> NDArray[np.float32]:
    """A broken line (N, 2) from start to end by midpoint displacement.

    Args:
        rng: source of randomness.
        start: first point (x, y).
        end: last point (x, y).
        roughness: sideways displacement relative to the length of the piece halved.
        step_px: stop halving when pieces are shorter than this.
    """
    points = np.array([start, end], np.float32)
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    while length > step_px and len(points) < 400:
        along = np.diff(points, axis=0)
        middle = (points[:-1] + points[1:]) / 2
        shift = rng.normal(0, roughness, (len(middle), 1)).astype(np.float32)
        middle += np.stack((-along[:, 1], along[:, 0]), axis=1) * shift
        merged = np.empty((len(points) + len(middle), 2), np.float32)
        merged[0::2], merged[1::2] = points, middle
        points, length = merged, length / 2
    return points
