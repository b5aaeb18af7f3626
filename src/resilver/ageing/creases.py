"""Creases and folds across the print: sharp, ragged, soft, and at the corners."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.blobs import log_uniform
from resilver.ageing.canvas import Canvas, Patch, emboss
from resilver.ageing.fields import Field, fractal_noise, jagged, soften, unit, wander
from resilver.ageing.paint import ink_colour, lay_thin, mottle, paper_colour, roughen
from resilver.ageing.strokes import Points, draw, interrupt, stroke, tapered

TAU = 2 * np.pi


def _across(
    canvas: Canvas, rng: np.random.Generator, roughness: tuple[float, float] = (0.0, 0.03)
) -> Points:
    """A path across the whole print, or most of it."""
    height, width = canvas.shape
    s = canvas.scale
    reach = float(np.hypot(height, width))
    pick = rng.random()
    if pick < 0.3:
        heading = float(rng.normal(0, 0.06))
    elif pick < 0.55:
        heading = np.pi / 2 + float(rng.normal(0, 0.06))
    else:
        heading = float(rng.uniform(0, np.pi))
    centre = canvas.place(rng, -0.08 * min(height, width))
    cos, sin = float(np.cos(heading)), float(np.sin(heading))
    before, after = reach, reach
    if rng.random() < 0.3:
        before, after = float(rng.uniform(0.05, 0.5)) * reach, float(rng.uniform(0.05, 0.5)) * reach
    start = (centre[0] - cos * before, centre[1] - sin * before)
    end = (centre[0] + cos * after, centre[1] + sin * after)
    return jagged(rng, start, end, float(rng.uniform(*roughness)), 7 * s)


def _side_field(shape: tuple[int, int], path: Points) -> Field:
    """Signed distance (px) to the straight line from the path's first to its last point."""
    start, end = path[0].astype(np.float64), path[-1].astype(np.float64)
    along = (end - start) / max(float(np.hypot(*(end - start))), 1e-6)
    ys = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(start[1])
    xs = np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(start[0])
    return np.asarray(xs * np.float32(-along[1]) + ys * np.float32(along[0]), np.float32)


def crease(canvas: Canvas, rng: np.random.Generator) -> None:
    """A crease: broken paper-white core, dark edges, soft shading on either side."""
    s = canvas.scale
    path = _across(canvas, rng)
    core = float(np.exp(rng.uniform(np.log(0.8), np.log(4.5)))) * s
    lines = [stroke(path, core)]
    lines[0] = interrupt(rng, lines[0], float(rng.uniform(0.35, 1.0)), float(rng.uniform(2, 9)))
    for _ in range(int(rng.poisson(2))):
        node = path[int(rng.integers(len(path)))]
        at = (float(node[0]), float(node[1]))
        side = wander(
            rng,
            at,
            float(rng.uniform(8, 60)) * s,
            5 * s,
            float(rng.uniform(0, TAU)),
            curl_drift=0.5 / s,
            jitter=0.25,
        )
        lines.append(tapered(side, core * 0.6, 0.4))
    if rng.random() < 0.5:
        edge = draw(canvas.shape, [stroke(path, core * float(rng.uniform(2, 4)))])
        if edge is not None:
            soft = soften(edge.alpha, core * float(rng.uniform(0.4, 1.2)))
            depth = np.full(3, float(rng.choice([-1, -1, 1])) * rng.uniform(0.05, 0.3), np.float32)
            canvas.lay(
                "scratch",
                Patch(soft, edge.top, edge.left),
                depth,
                1.0,
                mode="add",
                visible_from=0.06,
            )
    patch = draw(canvas.shape, lines)
    if patch is None:
        return
    alpha = roughen(rng, patch.alpha, float(rng.uniform(0, 0.7)), float(rng.uniform(1.5, 7)) * s)
    if rng.random() < 0.4:
        alpha = soften(alpha, float(rng.uniform(0.3, 0.8)) * s)
    if rng.random() < 0.8:
        colour = mottle(rng, (alpha.shape[0], alpha.shape[1]), paper_colour(rng), 0.07)
    else:
        colour = ink_colour(rng)
    canvas.lay("scratch", Patch(alpha, patch.top, patch.left), colour, float(rng.uniform(0.35, 1)))
    if rng.random() < 0.4:
        _shade_fold(canvas, rng, path)


def _shade_fold(canvas: Canvas, rng: np.random.Generator, path: Points) -> None:
    """Light falls differently on the two sides of a fold."""
    side = _side_field(canvas.shape, path)
    reach = float(rng.uniform(3, 14)) * canvas.scale
    relief = side / reach * np.exp(-np.abs(side) / reach)
    depth = np.full(3, rng.uniform(-0.22, 0.22), np.float32)
    canvas.lay(
        "scratch", Patch(relief.astype(np.float32), 0, 0), depth, 1.0, mode="add", visible_from=0.06
    )


def fold(canvas: Canvas, rng: np.random.Generator) -> None:
    """A soft fold without a break: a bright or dark ridge with shading, low in contrast."""
    s = canvas.scale
    path = _across(canvas, rng)
    patch = draw(canvas.shape, [stroke(path, float(rng.uniform(1, 7)) * s)], 12 * s)
    if patch is None:
        return
    alpha = soften(patch.alpha, float(rng.uniform(0.5, 2.5)) * s)
    peak = float(alpha.max())
    if peak <= 0:
        return
    alpha = np.asarray(alpha / np.float32(peak), np.float32)
    noise = fractal_noise(rng, (alpha.shape[0], alpha.shape[1]), 30 * s, 3)
    alpha = alpha * unit(0.8 + 0.5 * noise)
    depth = float(rng.choice([-1, 1])) * float(rng.uniform(0.06, 0.4))
    colour = np.full(3, depth, np.float32)
    canvas.lay(
        "scratch", Patch(alpha, patch.top, patch.left), colour, 1.0, mode="add", visible_from=0.06
    )
    if rng.random() < 0.5:
        _shade_fold(canvas, rng, path)


def folded_corner(canvas: Canvas, rng: np.random.Generator) -> None:
    """The line a bent corner leaves, with fine cracks along it and a tone of its own."""
    s = canvas.scale
    height, width = canvas.shape
    reach = min(float(rng.uniform(25, 160)) * s, 0.8 * min(height, width))
    x, y = float(rng.choice([0, 1])) * width, float(rng.choice([0, 1])) * height
    towards_x, towards_y = (1 if x == 0 else -1), (1 if y == 0 else -1)
    start = (x + towards_x * reach * float(rng.uniform(0.6, 1.4)), y)
    end = (x, y + towards_y * reach * float(rng.uniform(0.6, 1.4)))
    path = jagged(rng, start, end, float(rng.uniform(0, 0.03)), 6 * s)
    core = float(rng.uniform(0.8, 4)) * s
    line = interrupt(rng, stroke(path, core), float(rng.uniform(0.5, 1)), 3)
    patch = draw(canvas.shape, [line])
    if patch is None:
        return
    lay_thin(
        canvas, rng, "scratch", patch, "bright" if rng.random() < 0.7 else "any", opacity=(0.4, 1)
    )
    shift = (max(1, round(s)) * towards_x, max(1, round(s)) * towards_y)
    relief = emboss(patch.alpha, shift, 0.7 * s)
    depth = np.full(3, rng.uniform(-0.4, 0.4), np.float32)
    canvas.lay(
        "scratch", Patch(relief, patch.top, patch.left), depth, 1.0, mode="add", visible_from=0.06
    )


def ragged_crease(canvas: Canvas, rng: np.random.Generator) -> None:
    """A crease folded so often that the emulsion broke off along it: white, frayed, with chips."""
    s = canvas.scale
    paths = [_across(canvas, rng, (0.01, 0.05))]
    for _ in range(int(rng.poisson(1.2))):
        node = paths[0][int(rng.integers(len(paths[0])))]
        at = (float(node[0]), float(node[1]))
        length = log_uniform(rng, 15, 200) * s
        paths.append(
            wander(
                rng, at, length, 6 * s, float(rng.uniform(0, TAU)), curl_drift=0.4 / s, jitter=0.2
            )
        )
    _lay_frayed(canvas, rng, paths, log_uniform(rng, 0.7, 5) * s)


def creased_corner(canvas: Canvas, rng: np.random.Generator) -> None:
    """A web of frayed creases around a corner that was bent back and forth."""
    s = canvas.scale
    height, width = canvas.shape
    x, y = float(rng.choice([0, 1])) * width, float(rng.choice([0, 1])) * height
    reach = log_uniform(rng, 30, 170) * s
    paths: list[Points] = []
    for _ in range(int(rng.integers(2, 7))):
        first, second = rng.uniform(0.15, 1.2, 2) * reach
        ends = [(abs(x - first), y), (x, abs(y - second))]
        paths.append(jagged(rng, ends[0], ends[1], float(rng.uniform(0.02, 0.1)), 6 * s))
    _lay_frayed(canvas, rng, paths, log_uniform(rng, 0.5, 3.5) * s)


def _lay_frayed(canvas: Canvas, rng: np.random.Generator, paths: list[Points], core: float) -> None:
    """Paper shows where the distance to a path is below a width that noise makes uneven."""
    s = canvas.scale
    everything = np.concatenate(paths)
    margin = 4 * core + 12 * s
    low = np.maximum(everything.min(axis=0) - margin, 0).astype(int)
    high = np.minimum(everything.max(axis=0) + margin, canvas.shape[::-1]).astype(int)
    if (high <= low).any():
        return
    shape = (int(high[1] - low[1]), int(high[0] - low[0]))
    free = np.full(shape, 255, np.uint8)
    fixed = [np.rint((path - low) * 16).astype(np.int32) for path in paths]
    cv2.polylines(free, fixed, False, 0, 1, cv2.LINE_8, 4)
    distance = np.asarray(cv2.distanceTransform(free, cv2.DIST_L2, 3), np.float32).reshape(shape)
    np.minimum(distance, 4096, out=distance)  # infinite where no path meets the print
    broad = fractal_noise(rng, shape, float(rng.uniform(25, 80)) * s, 2)
    fine = fractal_noise(rng, shape, float(rng.uniform(4, 12)) * s, 3, 0.7)
    width = np.float32(core) * (0.55 + np.float32(rng.uniform(0.2, 0.8)) * broad + 0.5 * fine)
    chips = float(rng.uniform(0.0, 1.0))
    if chips > 0.3:
        # Crumbs broken off beside the line, fewer with the distance.
        crumbs = fractal_noise(rng, shape, float(rng.uniform(2.5, 6)) * s, 2, 0.6)
        near = (crumbs - 1.1 - distance / np.float32(core * 2 + 5 * s)) * np.float32(2 * s)
        field = np.maximum(width - distance, near)
    else:
        field = width - distance
    top, left = int(low[1]), int(low[0])
    if rng.random() < 0.5:
        # The surface sinks or lifts beside the break.
        reach = np.float32(core + float(rng.uniform(1.5, 5)) * s)
        shade = np.exp(-np.square(distance / reach))
        depth = np.full(3, float(rng.choice([-1, -1, 1])) * rng.uniform(0.03, 0.2), np.float32)
        canvas.lay("scratch", Patch(shade, top, left), depth, 1.0, mode="add", visible_from=0.06)
    alpha = unit(field / np.float32(float(rng.uniform(0.7, 1.6)) * s) + 0.5)
    if not alpha.any():
        return
    paper = paper_colour(rng) if rng.random() < 0.85 else ink_colour(rng)
    colour = mottle(rng, shape, paper, float(rng.uniform(0.01, 0.08)))
    canvas.lay("scratch", Patch(alpha, top, left), colour, float(rng.uniform(0.5, 1)))
