"""Missing matter at the sides: torn corners and edges, tears, worn rims."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.blobs import log_uniform
from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.fields import fractal_noise, jagged, radial, unit
from resilver.ageing.losses import backing, lay_hole
from resilver.ageing.paint import flat_colour, mottle, paper_colour, roughen


def torn_corner(canvas: Canvas, rng: np.random.Generator) -> None:
    """A corner torn or rounded off."""
    s = canvas.scale
    height, width = canvas.shape
    limit = 0.7 * min(height, width)
    reach_x = min(log_uniform(rng, 10, 190) * s, limit)
    reach_y = min(reach_x * log_uniform(rng, 0.4, 2.5), limit)
    box_width = min(width, int(reach_x * 1.6 + 24 * s))
    box_height = min(height, int(reach_y * 1.6 + 24 * s))
    xs = np.arange(box_width, dtype=np.float32)[None, :]
    ys = np.arange(box_height, dtype=np.float32)[:, None]
    size = min(reach_x, reach_y)
    if rng.random() < 0.8:
        # Distance to the line of the tear in px, steeper outside so that noise stays near it.
        field = (1 - xs / reach_x - ys / reach_y) / np.float32(np.hypot(1 / reach_x, 1 / reach_y))
        field = field - np.square(np.minimum(field, 0)) * np.float32(1 / size)
    else:
        # A worn, rounded corner: what lies outside the arc is gone.
        arc = radial((box_height, box_width), (reach_x, reach_y), (reach_x, reach_y), 0)
        field = (arc - 1) * np.float32(size)
        field = np.where((xs > reach_x) | (ys > reach_y), np.float32(-2 * size), field)
    noise = fractal_noise(rng, (box_height, box_width), max(8 * s, size * 0.4), 5, 0.55)
    field = field + noise * np.float32(size * rng.uniform(0.01, 0.12))
    right, bottom = rng.random() < 0.5, rng.random() < 0.5
    if right:
        field = field[:, ::-1]
    if bottom:
        field = field[::-1]
    top, left = (height - box_height if bottom else 0), (width - box_width if right else 0)
    lay_hole(canvas, rng, np.ascontiguousarray(field, np.float32), top, left)


def torn_edge(canvas: Canvas, rng: np.random.Generator) -> None:
    """A ragged strip missing along one side, or a bite out of it."""
    s = canvas.scale
    height, width = canvas.shape
    side = int(rng.integers(4))
    run, across = (width, height) if side < 2 else (height, width)
    depth = min(log_uniform(rng, 3, 70) * s, 0.4 * across)
    deep = min(across, int(depth * 2.6) + 3)
    ys = np.arange(deep, dtype=np.float32)[:, None]
    line = fractal_noise(rng, (1, run), max(20 * s, float(rng.uniform(0.1, 0.8)) * run), 6, 0.6)
    if rng.random() < 0.5:
        # A bite: the strip exists on part of the side only.
        middle, half = float(rng.uniform(0, run)), float(rng.uniform(0.08, 0.35)) * run
        along = (np.arange(run, dtype=np.float32)[None, :] - middle) / half
        reach = depth * (1.6 * np.exp(-along * along) - 0.5) + line * depth * 0.2
    else:
        reach = depth * (0.35 + 0.5 * line)
    noise = fractal_noise(rng, (deep, run), 10 * s, 3, 0.7) * np.float32(rng.uniform(0.3, 2.5) * s)
    field = (reach - ys + noise).astype(np.float32)
    if side == 1:
        field = field[::-1]
    elif side == 2:
        field = field.T
    elif side == 3:
        field = field.T[:, ::-1]
    top = height - deep if side == 1 else 0
    left = width - deep if side == 3 else 0
    lay_hole(canvas, rng, np.ascontiguousarray(field), top, left)


def tear(canvas: Canvas, rng: np.random.Generator) -> None:
    """A tear from the edge inwards, opening to a wedge, its lips pale with fibres."""
    s = canvas.scale
    height, width = canvas.shape
    start, end = canvas.place(rng), canvas.place(rng)
    side = int(rng.integers(4))
    if side < 2:
        start = (start[0], -2.0 if side == 0 else height + 2.0)
    else:
        start = (-2.0 if side == 2 else width + 2.0, start[1])
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    limit = log_uniform(rng, 30, 260) * s
    if length > limit:
        share = limit / length
        end = (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)
    path = jagged(rng, start, end, float(rng.uniform(0.05, 0.16)), 5 * s)
    opening = log_uniform(rng, 1.5, 22) * s
    half = opening * np.linspace(1, 0, len(path), dtype=np.float32) ** np.float32(0.8) / 2
    normal = np.array([-(end[1] - start[1]), end[0] - start[0]], np.float32)
    normal /= max(float(np.hypot(*normal)), 1e-6)
    ring = np.concatenate((path + normal * half[:, None], (path - normal * half[:, None])[::-1]))
    margin = opening + 8 * s
    low, high = ring.min(axis=0) - margin, ring.max(axis=0) + margin
    middle = ((float(low[0]) + float(high[0])) / 2, (float(low[1]) + float(high[1])) / 2)
    box = canvas.box(middle, float(high[1] - low[1]) / 2, float(high[0] - low[0]) / 2)
    if box is None:
        return
    top, left, box_height, box_width = box
    ink = np.zeros((box_height, box_width), np.uint8)
    fixed = np.rint((ring - (left, top)) * 16).astype(np.int32)
    lip_px = max(1, round(float(rng.uniform(1, 6)) * s))
    spine = np.rint((path - (left, top)) * 16).astype(np.int32)
    cv2.fillPoly(ink, [fixed], 255, cv2.LINE_AA, 4)
    cv2.polylines(ink, [spine], False, 255, max(1, round(0.8 * s)), cv2.LINE_AA, 4)
    gap = ink.astype(np.float32) * np.float32(1 / 255)
    cv2.polylines(ink, [fixed], True, 255, lip_px, cv2.LINE_AA, 4)
    lip = roughen(rng, ink.astype(np.float32) * np.float32(1 / 255), 0.4, 4 * s)
    canvas.lay("missing", Patch(lip, top, left), paper_colour(rng), float(rng.uniform(0.5, 1)))
    canvas.lay(
        "missing", Patch(gap, top, left), flat_colour(rng), float(rng.uniform(0.8, 1)), region=True
    )


def worn_edges(canvas: Canvas, rng: np.random.Generator) -> None:
    """Rounded corners and rubbed edges: a pale frayed rim, and what the print lay on beyond it."""
    s = canvas.scale
    height, width = canvas.shape
    # A crop shows one corner of a larger print.
    full_height, full_width = max(height, int(300 * s)), max(width, int(300 * s))
    off_x = float(rng.choice([0, full_width - width]))
    off_y = float(rng.choice([0, full_height - height]))
    radius = min(log_uniform(rng, 4, 60) * s, 0.3 * min(full_height, full_width))
    inset = float(rng.choice([0.0, 0.0, rng.uniform(0, 10)])) * s
    ys = np.abs(np.arange(height, dtype=np.float32) + np.float32(off_y - full_height / 2))
    xs = np.abs(np.arange(width, dtype=np.float32) + np.float32(off_x - full_width / 2))
    qy = (ys - np.float32(full_height / 2 - inset - radius))[:, None]
    qx = (xs - np.float32(full_width / 2 - inset - radius))[None, :]
    outer = np.sqrt(np.square(np.maximum(qx, 0)) + np.square(np.maximum(qy, 0)))
    beyond = outer + np.minimum(np.maximum(qx, qy), 0) - np.float32(radius)
    shape = (height, width)
    noise = fractal_noise(rng, shape, float(rng.uniform(12, 60)) * s, 4, 0.65)
    if rng.random() < 0.8:
        wear = log_uniform(rng, 0.6, 8) * s
        rim = unit((beyond + np.float32(wear) * (noise - 0.3)) / s + 0.5)
        colour = mottle(rng, shape, paper_colour(rng), 0.05)
        opacity = float(rng.uniform(0.6, 1))
        canvas.lay("missing", Patch(rim, 0, 0), colour, opacity, region=True)
    gone = unit((beyond + noise * np.float32(rng.uniform(0, 1.5) * s)) / s + 0.5)
    canvas.lay("missing", Patch(gone, 0, 0), backing(rng, shape), 1.0, region=True)
