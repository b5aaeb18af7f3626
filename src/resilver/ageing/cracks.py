"""Cracks and craquelure: where the emulsion gave way."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.blobs import log_uniform
from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.fields import fractal_noise, jagged, soften, unit, wander
from resilver.ageing.paint import ink_colour, lay_thin, paper_colour
from resilver.ageing.strokes import Stroke, draw, stroke, tapered

TAU = 2 * np.pi


def _branches(
    rng: np.random.Generator, start: tuple[float, float], heading: float, length: float, s: float
) -> list[Stroke]:
    """A crack and its side branches, thinner with each fork."""
    lines: list[Stroke] = []
    width = float(np.exp(rng.uniform(np.log(0.8), np.log(4)))) * s
    rate, jitter = float(rng.uniform(0.3, 1.4)), float(rng.uniform(0.08, 0.5))
    todo = [(start, heading, length, width)]
    while todo and len(lines) < 40:
        at, turn, run, wide = todo.pop()
        path = wander(rng, at, run, 5 * s, turn, curl_drift=0.8 / s, jitter=jitter)
        lines.append(tapered(path, wide, 0.35))
        for _ in range(int(rng.poisson(rate * run / (45 * s)))):
            if run < 14 * s:
                break
            node = path[int(rng.integers(len(path)))]
            side = turn + float(rng.choice([-1, 1])) * float(rng.uniform(0.4, 1.4))
            reach = run * float(rng.uniform(0.2, 0.65))
            todo.append(((float(node[0]), float(node[1])), side, reach, max(wide * 0.7, 0.6 * s)))
    return lines


def branching_crack(canvas: Canvas, rng: np.random.Generator) -> None:
    """A crack that forks, from the edge or from inside, bright, dark or both."""
    s = canvas.scale
    height, width = canvas.shape
    centre = canvas.place(rng)
    if rng.random() < 0.4:
        side = float(rng.choice([0, 1]))
        upright = rng.random() < 0.5
        centre = (side * width, centre[1]) if upright else (centre[0], side * height)
        aim = (width * rng.uniform(0.2, 0.8), height * rng.uniform(0.2, 0.8))
        heading = float(np.arctan2(aim[1] - centre[1], aim[0] - centre[0]))
    else:
        heading = float(rng.uniform(0, TAU))
    lines = _branches(rng, centre, heading, float(rng.uniform(30, 320)) * s, s)
    patch = draw(canvas.shape, lines)
    if patch is not None:
        _lay_crack(canvas, rng, patch)


def _lay_crack(canvas: Canvas, rng: np.random.Generator, patch: Patch) -> None:
    """A crack's look: sometimes a dark gap with a lifted bright lip, otherwise as a scratch."""
    if rng.random() < 0.35:
        wide = soften(patch.alpha, float(rng.uniform(0.8, 2)) * canvas.scale)
        lip = Patch(unit(wide * 1.8), patch.top, patch.left)
        first, second = paper_colour(rng), ink_colour(rng)
        if rng.random() < 0.4:
            first, second = second, first
        canvas.lay("scratch", lip, first, float(rng.uniform(0.2, 0.8)))
        canvas.lay("scratch", patch, second, float(rng.uniform(0.4, 1)))
        return
    lay_thin(canvas, rng, "scratch", patch, softness_px=0.9, broken=0.6)


def craquelure(canvas: Canvas, rng: np.random.Generator) -> None:
    """A net of cracks between cells (Voronoi), all over one area and fading out from it."""
    s = canvas.scale
    radius = log_uniform(rng, 30, 220) * s
    cell = max(log_uniform(rng, 8, 42) * s, radius / 14)
    centre = canvas.place(rng)
    stretch = float(rng.uniform(0.5, 1.5))
    box = canvas.box(centre, radius, radius * stretch)
    if box is None:
        return
    top, left, height, width = box
    rows, columns = int(height / cell) + 3, int(width / cell) + 3
    seeds = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) - 0.5
    seeds = ((seeds + rng.uniform(-0.42, 0.42, seeds.shape)) * cell).astype(np.float32)
    reach = int(3 * cell)
    division = cv2.Subdiv2D((-reach, -reach, width + 6 * reach, height + 6 * reach))
    division.insert([(float(x), float(y)) for x, y in seeds])
    facets, _ = division.getVoronoiFacetList([])
    wide, decay = log_uniform(rng, 0.6, 2.4) * s, float(rng.uniform(0.6, 1.4))
    gaps, seen = float(rng.uniform(0.0, 0.5)), set[tuple[int, int]]()
    clumps = fractal_noise(rng, (height, width), 3 * cell, 2)
    lines: list[Stroke] = []
    for facet in facets:
        corners = np.asarray(facet, np.float32)
        for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            middle = (first + second) / 2
            key = (round(float(middle[0]) * 4), round(float(middle[1]) * 4))
            span = float(np.hypot(*(second - first)))
            if key in seen or span > 3 * cell or span < 0.5:
                continue  # neighbours share an edge: it is drawn once
            seen.add(key)
            spot = clumps[
                int(np.clip(middle[1], 0, height - 1)), int(np.clip(middle[0], 0, width - 1))
            ]
            away = np.hypot((middle[0] + left - centre[0]) / stretch, middle[1] + top - centre[1])
            if (
                0.3 * rng.random() + 0.25 * float(spot)
                < gaps + (float(away) / radius) ** 2 * decay - 0.4
            ):
                continue
            ends = [(float(x) + left, float(y) + top) for x, y in (first, second)]
            path = jagged(rng, ends[0], ends[1], 0.09, 6 * s)
            level = float(rng.uniform(0.4, 1))
            lines.append(stroke(path, wide * float(rng.uniform(0.5, 1.4)), level))
    patch = draw(canvas.shape, lines)
    if patch is not None:
        _lay_crack(canvas, rng, patch)
