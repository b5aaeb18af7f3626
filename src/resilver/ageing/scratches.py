"""Scratches, hairs, lint, abrasion and pen marks: everything long and thin but cracks."""

from __future__ import annotations

import numpy as np

from resilver.ageing.canvas import Canvas
from resilver.ageing.fields import wander
from resilver.ageing.paint import lay_thin
from resilver.ageing.strokes import Stroke, draw, interrupt, stroke, tapered

TAU = 2 * np.pi


def _widths(rng: np.random.Generator, line: Stroke, spread: float) -> Stroke:
    """The same stroke with a width that swells and narrows along it."""
    count = len(line.widths)
    coarse = rng.normal(1, spread, max(3, count // 6))
    swell = np.interp(np.linspace(0, len(coarse) - 1, count), np.arange(len(coarse)), coarse)
    return Stroke(line.points, line.widths * swell.clip(0.3, 2.5).astype(np.float32), line.levels)


def _finish(rng: np.random.Generator, line: Stroke) -> Stroke:
    """Random swelling and breaks."""
    if rng.random() < 0.5:
        line = _widths(rng, line, 0.35)
    if rng.random() < 0.4:
        line = interrupt(rng, line, float(rng.uniform(0.3, 0.95)), float(rng.uniform(1, 8)))
    return line


def scratch_line(canvas: Canvas, rng: np.random.Generator) -> None:
    """One long scratch: straight, bent, or wandering."""
    s = canvas.scale
    length = float(np.exp(rng.uniform(np.log(40), np.log(700)))) * s
    width = float(np.exp(rng.uniform(np.log(0.6), np.log(4.5)))) * s
    form = rng.random()
    if form < 0.3:
        curl, drift, jitter = 0.0, 0.0, 0.0
    elif form < 0.65:
        curl, drift, jitter = float(rng.normal(0, 0.25)), float(rng.uniform(0, 0.6)), 0.01
    else:
        curl, drift, jitter = 0.0, float(rng.uniform(0.3, 1.6)), float(rng.uniform(0.02, 0.22))
    centre, heading = canvas.place(rng), float(rng.uniform(0, TAU))
    along = float(rng.uniform(0.2, 0.8)) * length
    start = (centre[0] - along * np.cos(heading), centre[1] - along * np.sin(heading))
    path = wander(
        rng, start, length, 5 * s, heading, curl=curl / s, curl_drift=drift / s, jitter=jitter
    )
    line = tapered(path, width, float(rng.choice([0.02, 0.1, 0.45])))
    patch = draw(canvas.shape, [_finish(rng, line)])
    if patch is not None:
        lay_thin(canvas, rng, "scratch", patch)


def scratch_bundle(canvas: Canvas, rng: np.random.Generator) -> None:
    """Several near-parallel scratches made by one rub."""
    s = canvas.scale
    centre, heading = canvas.place(rng), float(rng.uniform(0, TAU))
    length, spread = float(rng.uniform(30, 300)) * s, float(rng.uniform(4, 60)) * s
    curl = float(rng.normal(0, 0.3))
    lines: list[Stroke] = []
    for _ in range(int(rng.integers(3, 14))):
        across, own = float(rng.normal(0, spread)), float(rng.uniform(0.3, 1)) * length
        shift = float(rng.normal(0, 0.25)) * length
        x = centre[0] - np.sin(heading) * across + np.cos(heading) * (shift - own / 2)
        y = centre[1] + np.cos(heading) * across + np.sin(heading) * (shift - own / 2)
        turn = heading + float(rng.normal(0, 0.06))
        path = wander(rng, (x, y), own, 6 * s, turn, curl=curl / s, curl_drift=0.1 / s, jitter=0.01)
        level = float(rng.uniform(0.3, 1))
        line = tapered(path, float(rng.uniform(0.5, 2.0)) * s, 0.3, level)
        lines.append(_finish(rng, line))
    patch = draw(canvas.shape, lines)
    if patch is not None:
        lay_thin(canvas, rng, "scratch", patch, softness_px=0.8)


def film_scratch(canvas: Canvas, rng: np.random.Generator) -> None:
    """Thin straight lines down (or across) the whole picture, as film transport leaves them."""
    s = canvas.scale
    height, width = canvas.shape
    vertical = rng.random() < 0.75
    run, across = (height, width) if vertical else (width, height)
    lines: list[Stroke] = []
    at = float(rng.uniform(0, across))
    for _ in range(int(rng.integers(1, 4))):
        count = max(3, int(run / (8 * s)))
        along = np.linspace(-4, run + 4, count + 1, dtype=np.float32)
        side = np.cumsum(rng.normal(0, 0.05 * s, count + 1)) + at + rng.normal(0, 8 * s)
        side = side + np.linspace(0, rng.normal(0, 0.02) * run, count + 1)
        pair = (side, along) if vertical else (along, side)
        line = stroke(np.stack(pair, 1).astype(np.float32), float(rng.uniform(0.5, 1.6)) * s)
        lines.append(_finish(rng, line))
    patch = draw(canvas.shape, lines)
    if patch is not None:
        lay_thin(canvas, rng, "scratch", patch, opacity=(0.15, 0.9), softness_px=0.6)


def abrasion(canvas: Canvas, rng: np.random.Generator) -> None:
    """A cloud of many short fine strokes, near-parallel or crossing."""
    s = canvas.scale
    centre, heading = canvas.place(rng), float(rng.uniform(0, TAU))
    radius, turn = float(rng.uniform(20, 110)) * s, float(rng.choice([0.06, 0.25, 0.8]))
    aspect, mean = float(rng.uniform(0.3, 1.2)), float(rng.uniform(8, 70)) * s
    lines: list[Stroke] = []
    for _ in range(int(rng.integers(15, 70))):
        x = centre[0] + float(rng.normal(0, radius))
        y = centre[1] + float(rng.normal(0, radius * aspect))
        length = mean * float(rng.exponential(0.7) + 0.2)
        step = max(2.0 * s, length / 24)
        path = wander(
            rng, (x, y), length, step, heading + float(rng.normal(0, turn)), curl_drift=0.2 / s
        )
        level = float(rng.uniform(0.25, 1))
        line = tapered(path, float(rng.uniform(0.5, 1.8)) * s, 0.3, level)
        lines.append(interrupt(rng, line, float(rng.uniform(0.3, 0.9)), 1.5))
    patch = draw(canvas.shape, lines)
    if patch is not None:
        lay_thin(canvas, rng, "scratch", patch, softness_px=0.7, broken=0.7)


def hair(canvas: Canvas, rng: np.random.Generator) -> None:
    """A hair on the glass: thin, smooth, curved, of even width."""
    s = canvas.scale
    length = float(rng.uniform(40, 320)) * s
    drift, heading = float(rng.uniform(0.8, 4)), float(rng.uniform(0, TAU))
    curl = float(rng.normal(0, 1.0))
    path = wander(
        rng,
        canvas.place(rng, 20 * s),
        length,
        4 * s,
        heading,
        curl=curl / s,
        curl_drift=drift / s,
        jitter=0.03,
    )
    line = tapered(path, float(rng.uniform(0.7, 2.6)) * s, float(rng.choice([0.03, 0.3])))
    patch = draw(canvas.shape, [line])
    if patch is not None:
        lay_thin(canvas, rng, "scratch", patch, opacity=(0.3, 1.0), softness_px=1.6, broken=0.25)


def lint(canvas: Canvas, rng: np.random.Generator) -> None:
    """A curled thread with loops and loose fibres, dark or bright, sharp or out of focus."""
    s = canvas.scale
    centre, heading = canvas.place(rng, 10 * s), float(rng.uniform(0, TAU))
    width = float(np.exp(rng.uniform(np.log(0.8), np.log(8)))) * s
    lines: list[Stroke] = []
    for index in range(int(rng.integers(1, 4))):
        length = float(rng.uniform(30, 260)) * s * (1 if index == 0 else 0.4)
        curl = float(rng.choice([-1, 1])) * float(rng.uniform(1, 7))
        start = centre if index == 0 else (lines[0].points[len(lines[0].points) // 2].tolist())
        turn = heading if index == 0 else float(rng.uniform(0, TAU))
        at = (float(start[0]), float(start[1]))
        path = wander(
            rng,
            at,
            length,
            3 * s,
            turn,
            curl=curl / s,
            curl_drift=float(rng.uniform(2, 8)) / s,
            jitter=0.05,
        )
        line = stroke(path, width if index == 0 else width * 0.6, float(rng.uniform(0.5, 1)))
        lines.append(_widths(rng, line, 0.3))
    patch = draw(canvas.shape, lines)
    if patch is not None:
        tone = str(rng.choice(["dark", "bright", "any"], p=[0.4, 0.3, 0.3]))
        lay_thin(
            canvas, rng, "scratch", patch, tone, opacity=(0.2, 0.95), softness_px=3.5, broken=0.6
        )


def scribble(canvas: Canvas, rng: np.random.Generator) -> None:
    """Pen, pencil or crayon: a hand-drawn stroke or a few words' worth of loops."""
    s = canvas.scale
    heading = float(rng.normal(0, 0.5)) + (np.pi if rng.random() < 0.3 else 0)
    width = float(np.exp(rng.uniform(np.log(1.2), np.log(8)))) * s
    length = float(rng.uniform(40, 260)) * s
    path = wander(
        rng, canvas.place(rng), length, 4 * s, heading, curl_drift=float(rng.uniform(0.3, 2)) / s
    )
    if rng.random() < 0.5:
        # Handwriting: loops riding on the line.
        count = len(path)
        phase = np.cumsum(rng.normal(0.9, 0.25, count))
        size = float(rng.uniform(3, 12)) * s * (0.7 + 0.5 * np.sin(phase * 0.21))
        path = path + np.stack((np.cos(phase) * size * 0.5, np.sin(phase) * size), 1)
        path = path.astype(np.float32)
    line = _widths(rng, stroke(path, width), 0.25)
    patch = draw(canvas.shape, [line])
    if patch is not None:
        tone = str(rng.choice(["dark", "coloured", "bright"], p=[0.7, 0.2, 0.1]))
        lay_thin(
            canvas, rng, "scratch", patch, tone, opacity=(0.4, 1.0), softness_px=0.8, broken=0.6
        )
