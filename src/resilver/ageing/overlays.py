"""Damage scanned or drawn by others: alpha masks and RGBA overlays, laid at random."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing.canvas import KINDS, Canvas, Patch, print_scale, visible_masks
from resilver.ageing.fields import Field
from resilver.ageing.paint import Colour, flat_colour, lay_thin, mottle, stain_paint
from resilver.errors import OptionError

_SHRUNK = 0.7  # overlays that become smaller than this are averaged, not sampled

OVERLAY_KINDS = {
    "dirt": "dust",
    "dots": "dust",
    "hair": "scratch",
    "hair-short": "scratch",
    "lint": "scratch",
    "scratches": "scratch",
    "smut": "dust",
    "spots": "dust",
    "sprinkles": "dust",
    "stain": "stain",
}
"""The kind under which each of the ten sorts of the FilmDamageSimulator overlays counts."""


def lay_overlay(
    photo: NDArray[np.float32],
    overlay: NDArray[np.uint8],
    kind: str,
    rng_or_seed: np.random.Generator | int,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Lays one overlay with random flip, rotation, size, place, tone and opacity.

    Args:
        photo: (H, W, 3) in [0, 1].
        overlay: alpha mask (h, w), 255 = damage, or RGBA (h, w, 4) whose own colours are kept.
        kind: one of `KINDS`: what the overlay shows.
        rng_or_seed: source of randomness.

    Returns:
        The photo with the overlay, (H, W, 3), and the masks of visible change, (H, W, 4).

    Raises:
        OptionError: an unknown kind, or an overlay that is neither a mask nor RGBA.
    """
    canvas = Canvas.of(np.asarray(photo, np.float32), print_scale(photo.shape))
    draw_overlay(canvas, np.random.default_rng(rng_or_seed), overlay, kind)
    return canvas.pixels, visible_masks(canvas.marks, canvas.pixels, photo, 0.03)


def draw_overlay(
    canvas: Canvas, rng: np.random.Generator, overlay: NDArray[np.uint8], kind: str
) -> None:
    """As `lay_overlay`, on a canvas."""
    if kind not in KINDS:
        raise OptionError(f"unknown kind of damage {kind!r}: one of {', '.join(KINDS)}")
    if overlay.ndim == 2:
        alpha, colours = overlay, None
    elif overlay.ndim == 3 and overlay.shape[2] == 4:
        alpha, colours = np.ascontiguousarray(overlay[..., 3]), overlay[..., :3]
    else:
        raise OptionError(f"an overlay is (h, w) or (h, w, 4), not {overlay.shape}")
    placed = _place(canvas, rng, alpha, colours)
    if placed is None:
        return
    patch, paint = placed
    filled = float((patch.alpha > 0.5).sum()) / max(1.0, float((patch.alpha > 0.1).sum()))
    solid = kind in ("missing", "stain") or (kind == "dust" and filled > 0.8 and _is_blob(patch))
    if paint is not None:
        canvas.lay(kind, patch, paint, float(rng.uniform(0.4, 1)), mode="cover", region=solid)
    elif solid:
        if kind == "stain":
            colour, mode, opacity = stain_paint(rng)
        else:
            colour, mode, opacity = flat_colour(rng), "cover", float(rng.uniform(0.3, 1))
        if mode == "cover" and rng.random() < 0.4:
            shape = (patch.alpha.shape[0], patch.alpha.shape[1])
            colour = mottle(rng, shape, colour, float(rng.uniform(0.01, 0.08)))
        canvas.lay(kind, patch, colour, opacity, mode=mode, region=True)
    else:
        lay_thin(canvas, rng, kind, patch, softness_px=0.9, broken=0.4)


def _is_blob(patch: Patch) -> bool:
    """Whether the mark has an inside, beyond specks and lines."""
    solid = (patch.alpha > 0.5).astype(np.uint8)
    return bool(cv2.erode(solid, np.ones((9, 9), np.uint8)).any())


def _shrunk(
    alpha: NDArray[np.uint8],
    colours: NDArray[np.uint8] | None,
    zoom: float,
    matrix: NDArray[np.float64],
    shift: NDArray[np.float64],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, NDArray[np.float64], NDArray[np.float64]]:
    """An overlay made smaller by areas, and the affine map that then takes it to its place."""
    height, width = alpha.shape
    size = (max(round(width * zoom), 1), max(round(height * zoom), 1))
    small = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    if colours is not None:
        # Weighed by coverage: the colour of what is transparent is nobody's.
        weights = np.maximum(alpha, np.uint8(1)).astype(np.float32)[..., None]
        weighed = cv2.resize(colours * weights, size, interpolation=cv2.INTER_AREA)
        total = np.asarray(cv2.resize(weights, size, interpolation=cv2.INTER_AREA))
        mean = np.asarray(weighed) / total.reshape(*small.shape, 1)
        colours = np.rint(mean).astype(np.uint8)
    ratio = np.array([width / size[0], height / size[1]])
    # The middle of the first small pixel lies at (ratio - 1) / 2 of the large one.
    return small, colours, matrix * ratio, shift + matrix @ ((ratio - 1) / 2)


def _place(
    canvas: Canvas,
    rng: np.random.Generator,
    alpha: NDArray[np.uint8],
    colours: NDArray[np.uint8] | None,
) -> tuple[Patch, Colour | None] | None:
    """Turns, flips, sizes and moves an overlay so that some of its damage meets the print."""
    rows = np.flatnonzero(alpha.max(axis=1) > 25)
    columns = np.flatnonzero(alpha.max(axis=0) > 25)
    if len(rows) == 0:
        return None
    height, width = canvas.shape
    centre = canvas.place(rng)
    # Some damaged pixel of the overlay goes to a random place of the print.
    row = int(rows[int(rng.integers(len(rows)))])
    across = np.flatnonzero(alpha[row] > 25)
    column = int(across[int(rng.integers(len(across)))])
    zoom = float(np.exp(rng.uniform(np.log(0.5), np.log(2.4)))) * canvas.scale
    angle, flip = float(rng.uniform(0, 2 * np.pi)), float(rng.choice([-1, 1]))
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    matrix = np.array([[cos * flip, -sin], [sin * flip, cos]])
    shift = np.asarray(centre) - matrix @ np.array([column, row], np.float64)
    bounds = [(x, y) for x in (columns[0], columns[-1]) for y in (rows[0], rows[-1])]
    corners = np.asarray(bounds, np.float64) @ matrix.T + shift
    low = np.maximum(np.floor(corners.min(axis=0)) - 2, 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)) + 3, (width, height)).astype(int)
    if (high <= low).any():
        return None
    left, top = int(low[0]), int(low[1])
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    if zoom < _SHRUNK:  # averaged first: warping alone leaves dots of thin hairs
        alpha, colours, matrix, shift = _shrunk(alpha, colours, zoom, matrix, shift)
    warp = np.column_stack((matrix, shift - low))
    moved = cv2.warpAffine(alpha, warp, size, flags=cv2.INTER_LINEAR)
    coverage: Field = np.asarray(moved).astype(np.float32).reshape(size[1], size[0])
    coverage *= np.float32(1 / 255)
    if coverage.max() < 0.1:
        return None
    paint: Colour | None = None
    if colours is not None:
        turned = cv2.warpAffine(np.ascontiguousarray(colours), warp, size, flags=cv2.INTER_LINEAR)
        paint = np.asarray(turned).astype(np.float32) * np.float32(1 / 255)
    return Patch(coverage, top, left), paint
