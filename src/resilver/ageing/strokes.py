"""Drawing of paths with changing width and strength, antialiased, inside their bounding box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing.canvas import Patch
from resilver.ageing.fields import unit

Points: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Stroke:
    """One path to draw."""

    points: Points  # (N, 2) of (x, y)
    widths: NDArray[np.float32]  # (N - 1,) px, one a segment
    levels: NDArray[np.float32]  # (N - 1,) coverage in [0, 1]; 0 is a gap


def stroke(points: Points, width: float, level: float = 1.0) -> Stroke:
    """A stroke of even width and strength."""
    count = len(points) - 1
    return Stroke(points, np.full(count, width, np.float32), np.full(count, level, np.float32))


def tapered(points: Points, width: float, ends: float, level: float = 1.0) -> Stroke:
    """A stroke that thins out over the fraction `ends` of its length at both ends."""
    along = (np.arange(len(points) - 1, dtype=np.float32) + 0.5) / (len(points) - 1)
    shape = np.clip(np.minimum(along, 1 - along) / max(ends, 1e-3), 0.15, 1).astype(np.float32)
    return Stroke(points, width * shape, np.sqrt(shape) * np.float32(level))


def interrupt(rng: np.random.Generator, line: Stroke, filled: float, piece: float) -> Stroke:
    """Breaks a stroke into pieces.

    Args:
        rng: source of randomness.
        line: the stroke.
        filled: fraction that stays, in (0, 1].
        piece: mean length of a piece or gap, in segments.
    """
    count = len(line.levels)
    coarse = rng.standard_normal(int(count / max(piece, 1)) + 3)
    at = np.linspace(0, len(coarse) - 1.001, count) + 0.0
    noise = np.interp(at, np.arange(len(coarse)), coarse) + rng.normal(0, 0.25, count)
    cut = np.quantile(noise, 1 - min(filled, 1.0))
    keep = unit((noise - cut) * 3 + 0.2)
    return Stroke(line.points, line.widths, line.levels * keep)


def draw(shape: tuple[int, int], strokes: Sequence[Stroke], margin_px: float = 4.0) -> Patch | None:
    """Draws strokes on a print of `shape`; None where they all lie outside it.

    Drawn at twice the resolution where the box is small, so that widths of fractions of a pixel
    and tapering look right; a width below one drawn pixel becomes a lower level instead.
    """
    strokes = [line for line in strokes if len(line.points) > 1]
    if not strokes:
        return None
    everything = np.concatenate([line.points for line in strokes])
    reach = margin_px + max(float(line.widths.max()) for line in strokes)
    low, high = everything.min(axis=0) - reach, everything.max(axis=0) + reach
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(shape[1], int(high[0]) + 1), min(shape[0], int(high[1]) + 1)
    if right - left < 1 or bottom - top < 1:
        return None
    factor = 2 if (right - left) * (bottom - top) < 700 * 700 else 1
    ink = np.zeros(((bottom - top) * factor, (right - left) * factor), np.uint8)
    origin = np.array([left, top], np.float32)
    for line in strokes:
        _draw_one(ink, line, origin, factor)
    if factor == 2:
        ink = cv2.resize(ink, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    alpha = np.asarray(ink).reshape(bottom - top, right - left).astype(np.float32)
    alpha *= 1 / 255
    return Patch(alpha, top, left)


def _draw_one(ink: NDArray[np.uint8], line: Stroke, origin: Points, factor: int) -> None:
    fixed = np.rint((line.points - origin) * (factor * 16)).astype(np.int32)
    widths = line.widths * factor
    levels = np.rint(line.levels * np.minimum(widths, 1) * 255).astype(np.int32)
    thick = np.maximum(1, np.rint(widths)).astype(np.int32)
    # Runs of segments of equal look are drawn as one polyline: far fewer calls.
    quantised = (levels + 4) // 8
    change = np.flatnonzero((np.diff(quantised) != 0) | (np.diff(thick) != 0)) + 1
    starts = np.concatenate(([0], change))
    ends = np.concatenate((change, [len(levels)]))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        level = int(levels[start])
        if level < 8:
            continue
        cv2.polylines(
            ink, [fixed[start : end + 1]], False, level, int(thick[start]), cv2.LINE_AA, shift=4
        )
