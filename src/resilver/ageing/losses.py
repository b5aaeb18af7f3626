"""Missing matter: torn corners and edges, holes, flaked emulsion, tape, tears, flat blobs."""

from __future__ import annotations

import cv2
import numpy as np

from resilver.ageing.blobs import blob, log_uniform
from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.fields import Field, fractal_noise, jagged, radial, soften
from resilver.ageing.paint import Colour, flat_colour, ink_colour, mottle, paper_colour, roughen


def _surface(rng: np.random.Generator, shape: tuple[int, int]) -> Colour:
    """What lies behind the missing part: flat, or with a texture."""
    colour = flat_colour(rng)
    if rng.random() < 0.5:
        return colour
    return mottle(rng, shape, colour, float(rng.uniform(0.01, 0.08)))


def _lay_hole(canvas: Canvas, rng: np.random.Generator, field: Field, top: int, left: int) -> None:
    """Lays a hole given its signed field in px, with or without a fibre rim and a shadow."""
    s = canvas.scale
    shape = (field.shape[0], field.shape[1])
    edge = float(rng.choice([0.8, 1.2, 2.0, 5.0], p=[0.35, 0.35, 0.2, 0.1])) * s
    opacity = 1.0 if rng.random() < 0.75 else float(rng.uniform(0.55, 0.98))
    if rng.random() < 0.45:
        # Torn paper shows its fibres: a ragged pale rim outside the hole proper.
        wide = log_uniform(rng, 1.0, 9.0) * s
        fray = fractal_noise(rng, shape, 5 * s, 3, 0.8) * np.float32(0.5 * wide)
        rim = np.clip((field + wide + fray) / s + 0.5, 0, 1)
        colour = mottle(rng, shape, paper_colour(rng), 0.04)
        canvas.lay("missing", Patch(rim, top, left), colour, opacity, "cover", region=True)
    elif rng.random() < 0.3:
        wide = float(rng.uniform(1.5, 6)) * s
        shade = np.clip(1 + field / wide, 0, 1)
        depth = np.full(3, -rng.uniform(0.05, 0.3), np.float32)
        canvas.lay("missing", Patch(shade, top, left), depth, 1.0, "add")
    alpha = np.clip(field / np.float32(edge) + 0.5, 0, 1)
    canvas.lay("missing", Patch(alpha, top, left), _surface(rng, shape), opacity, "cover", True)


def torn_corner(canvas: Canvas, rng: np.random.Generator) -> None:
    """A corner torn or rounded off."""
    s = canvas.scale
    height, width = canvas.shape
    limit = 0.7 * min(height, width)
    reach_x = min(log_uniform(rng, 10, 190) * s, limit)
    reach_y = min(reach_x * log_uniform(rng, 0.4, 2.5), limit)
    box_width = min(width, int(reach_x * 1.6) + 4)
    box_height = min(height, int(reach_y * 1.6) + 4)
    xs = np.arange(box_width, dtype=np.float32)[None, :]
    ys = np.arange(box_height, dtype=np.float32)[:, None]
    size = min(reach_x, reach_y)
    if rng.random() < 0.8:
        field = (1 - xs / reach_x - ys / reach_y) * np.float32(size * 0.7)
    else:
        # A worn, rounded corner: what lies outside the arc is gone.
        arc = radial((box_height, box_width), (reach_x, reach_y), (reach_x, reach_y), 0)
        field = (arc - 1) * np.float32(size)
        field = np.where((xs > reach_x) | (ys > reach_y), np.float32(-9 * s), field)
    noise = fractal_noise(rng, (box_height, box_width), max(8 * s, size * 0.4), 5, 0.55)
    field = field + noise * np.float32(size * rng.uniform(0.01, 0.14))
    right, bottom = rng.random() < 0.5, rng.random() < 0.5
    if right:
        field = field[:, ::-1]
    if bottom:
        field = field[::-1]
    top, left = (height - box_height if bottom else 0), (width - box_width if right else 0)
    _lay_hole(canvas, rng, np.ascontiguousarray(field, np.float32), top, left)


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
    _lay_hole(canvas, rng, np.ascontiguousarray(field), top, left)


def hole(canvas: Canvas, rng: np.random.Generator) -> None:
    """A hole through the print: pin, burn, insect, punched."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 2.5, 60) * s, 0.4 * max(height, width))
    ragged = float(rng.choice([0.0, 0.1, 0.3, 0.6]))
    patch = blob(
        rng, canvas, canvas.place(rng), radius, 2 * radius, log_uniform(rng, 0.5, 2), ragged
    )
    if patch is not None:
        field = (patch.alpha - 0.5) * np.float32(2 * radius)
        _lay_hole(canvas, rng, field, patch.top, patch.left)


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
        for _ in range(int(rng.integers(4, 40))):
            size = log_uniform(rng, 1.5, 14) * s
            at = rng.normal(0, radius * 0.6, 2) + (centre[0] - left, centre[1] - top)
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
        alpha = np.clip(field * np.float32(cell / (3 * s)), 0, 1)
    colour = paper_colour(rng) if rng.random() < 0.6 else flat_colour(rng)
    colour = mottle(rng, (height, width), colour, float(rng.uniform(0, 0.06)))
    opacity = float(rng.uniform(0.5, 1.0))
    if rng.random() < 0.4:
        # The step at the flake's edge throws a small shadow.
        shadow = soften(np.roll(alpha, (round(s), round(s)), (0, 1)), 0.8 * s)
        depth = np.full(3, -rng.uniform(0.1, 0.4), np.float32)
        canvas.lay("missing", Patch(shadow, top, left), depth, 1.0, "add")
    canvas.lay("missing", Patch(alpha, top, left), colour, opacity, "cover", True)


def abraded(canvas: Canvas, rng: np.random.Generator) -> None:
    """Emulsion rubbed thin over an area: a broken, half transparent pale or dark patch."""
    s = canvas.scale
    radius = log_uniform(rng, 8, 80) * s
    patch = blob(rng, canvas, canvas.place(rng), radius, radius * 0.6,
                 log_uniform(rng, 0.25, 4), 0.6, 0.5, 0.75)  # fmt: skip
    if patch is None:
        return
    alpha = roughen(rng, patch.alpha, float(rng.uniform(0.2, 0.9)), log_uniform(rng, 1.5, 8) * s)
    colour = paper_colour(rng) if rng.random() < 0.65 else ink_colour(rng)
    lay = Patch(alpha, patch.top, patch.left)
    canvas.lay("missing", lay, colour, float(rng.uniform(0.4, 1)), "cover", True)


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
    alpha = np.clip(field / s + 0.5, 0, 1).astype(np.float32)
    if rng.random() < 0.5:
        alpha = roughen(rng, alpha, float(rng.uniform(0.1, 0.6)), 9 * s)
        colour = mottle(rng, (box_height, box_width), paper_colour(rng), 0.05)
        canvas.lay("missing", Patch(alpha, top, left), colour, float(rng.uniform(0.6, 1)),
                   "cover", True)  # fmt: skip
    else:
        yellow = np.asarray([0.95, 0.82, 0.5], np.float32) ** np.float32(rng.uniform(0.4, 1.6))
        mode = "multiply" if rng.random() < 0.6 else "cover"
        canvas.lay("stain", Patch(alpha, top, left), yellow, float(rng.uniform(0.3, 0.8)),
                   mode, True)  # fmt: skip


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
    canvas.lay("missing", Patch(gap, top, left), flat_colour(rng), float(rng.uniform(0.8, 1)),
               "cover", True)  # fmt: skip


def flat_blob(canvas: Canvas, rng: np.random.Generator) -> None:
    """A large irregular area of one flat colour: lost emulsion, paint, a stuck label."""
    s = canvas.scale
    height, width = canvas.shape
    radius = min(log_uniform(rng, 10, 75) * s, 0.4 * max(height, width))
    patch = blob(rng, canvas, canvas.place(rng), radius,
                 float(rng.choice([0.8, 1.5, 4.0])) * s, log_uniform(rng, 0.4, 2.5),
                 float(rng.uniform(0.05, 0.7)), float(rng.uniform(0.25, 1.0)),
                 float(rng.uniform(0.4, 0.8)), int(rng.integers(1, 6)))  # fmt: skip
    if patch is None:
        return
    colour = _surface(rng, (patch.alpha.shape[0], patch.alpha.shape[1]))
    opacity = 1.0 if rng.random() < 0.6 else float(rng.uniform(0.5, 1))
    canvas.lay("missing", patch, colour, opacity, "cover", True)


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
        rim = np.clip((beyond + np.float32(wear) * (noise - 0.3)) / s + 0.5, 0, 1)
        colour = mottle(rng, shape, paper_colour(rng), 0.05)
        opacity = float(rng.uniform(0.6, 1))
        canvas.lay("missing", Patch(rim, 0, 0), colour, opacity, "cover", True)
    gone = np.clip((beyond + noise * np.float32(rng.uniform(0, 1.5) * s)) / s + 0.5, 0, 1)
    canvas.lay("missing", Patch(gone, 0, 0), _surface(rng, shape), 1.0, "cover", True)
