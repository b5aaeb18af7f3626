"""The whole life of a print: made, aged, damaged, scanned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.ageing.canvas import Canvas, print_scale, visible_masks
from resilver.ageing.damage import damage
from resilver.ageing.fading import plan_fading
from resilver.ageing.film import (
    Pixels,
    Step,
    add_border,
    expose,
    luma,
    plan_grain,
    plan_paper,
    print_monochrome,
    shoot,
)
from resilver.ageing.recipe import AgeingRecipe
from resilver.ageing.scan import plan_jpeg, plan_scan
from resilver.errors import OptionError


@dataclass(frozen=True)
class Aged:
    """A photo before and after, and where it was damaged."""

    photo: NDArray[np.float32]  # (H, W, 3) in [0, 1]: everything
    intact: NDArray[np.float32]  # (H, W, 3): the same print and scan without structural damage
    clean: NDArray[np.float32]  # (H, W, 3): the input as first printed: its tint, its border
    masks: NDArray[np.uint8]  # (H, W, 4) in the order of KINDS, 1 = visibly damaged
    faded: bool  # contrast visibly lost
    cast: bool  # colours visibly shifted


def age(
    photo: NDArray[np.float32] | NDArray[np.uint8],
    rng_or_seed: np.random.Generator | int,
    recipe: AgeingRecipe | None = None,
    overlays: Sequence[tuple[str, NDArray[np.uint8]]] = (),
) -> Aged:
    """Ages a photo: fading, grain, damage, scan, in the order in which a print suffers them.

    Sizes of damage are px of a print whose longest side is 600 px; larger photos get larger damage,
    smaller ones are seen as crops of such a print.

    Args:
        photo: (H, W, 3), (H, W, 1) or (H, W), RGB; float in [0, 1] or uint8.
        rng_or_seed: source of randomness; the same seed gives the same result.
        recipe: what happens how often; the default is for training.
        overlays: (kind, alpha mask (h, w) or RGBA (h, w, 4)) pairs to lay besides our own damage.

    Returns:
        The aged photo and its counterparts; see `Aged`. `photo` and `intact` differ outside the
        masks only by what is too faint to see, and by what the blur of the scan and the JPEG
        compression carry over the rim of a mark: up to half of its contrast, one pixel beside it.

    Raises:
        OptionError: an array that is no photo, or a recipe naming an unknown effect.
    """
    recipe = recipe or AgeingRecipe()
    rng = np.random.default_rng(rng_or_seed)
    clean = _as_rgb(photo)
    shape = (clean.shape[0], clean.shape[1])
    scale = print_scale(shape) * float(np.exp(rng.uniform(*np.log(recipe.size))))
    if rng.random() < recipe.border:
        clean = add_border(clean, rng, scale)
    if recipe.exposure and rng.random() < recipe.exposure:
        clean = expose(clean, rng)
    monochrome = bool(rng.random() < recipe.monochrome)
    if monochrome:
        clean = print_monochrome(clean, rng, recipe.tint)
    monochrome = monochrome or bool(np.ptp(clean[::4, ::4], axis=2).max() < 0.02)
    base = shoot(clean, rng, recipe, scale)

    grain, sigma = plan_grain(rng, shape, recipe, monochrome, scale)
    made = [grain] if grain is not None else []
    made += plan_paper(rng, shape, recipe, scale)
    faded = plan_fading(rng, shape, recipe, monochrome)
    steps: list[Step] = [*made, *faded]
    # Damage to the negative is printed and fades with the print; most damage came later.
    early = (
        int(rng.integers(0, len(steps) + 1)) if rng.random() < recipe.early_damage else len(steps)
    )
    before = _run(base, steps[:early])
    low, high = np.log(recipe.boldness)
    canvas = Canvas.of(before, scale, float(np.exp(rng.uniform(low, high))))
    damage(canvas, rng, recipe, overlays)
    untouched = not canvas.marks.any()
    intact = _run(before, steps[early:])
    pixels = intact if untouched else _run(canvas.pixels, steps[early:])

    # Grain hides faint marks: what nobody can tell from it is not called damage.
    threshold = 0.05 + 0.2 * sigma
    masks = canvas.marks if untouched else visible_masks(canvas.marks, pixels, intact, threshold)
    is_faded, is_cast = _judge(base, _run(base, faded))

    steps = plan_scan(rng, shape, recipe)
    jpeg = plan_jpeg(rng, recipe)
    if jpeg is not None:
        steps = [*steps, jpeg]
    intact = _run(intact, steps)
    pixels = intact.copy() if untouched else _run(pixels, steps)
    return Aged(pixels, intact, clean, masks, is_faded, is_cast)


def _run(pixels: Pixels, steps: Sequence[Step]) -> Pixels:
    for step in steps:
        pixels = step(pixels)
    return pixels


def _as_rgb(photo: NDArray[np.float32] | NDArray[np.uint8]) -> Pixels:
    array = np.asarray(photo)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or min(array.shape[:2]) < 1:
        raise OptionError(f"a photo is (H, W, 3), (H, W, 1) or (H, W), not {np.shape(photo)}")
    pixels = array.astype(np.float32)
    if array.dtype == np.uint8:
        pixels *= np.float32(1 / 255)
    elif array.dtype.kind != "f":
        raise OptionError(f"a photo is float in [0, 1] or uint8, not {array.dtype}")
    if array.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels)


def _judge(before: Pixels, after: Pixels) -> tuple[bool, bool]:
    """Whether fading and cast can be seen: measured on the print, not on what was intended."""
    if after is before:
        return False, False
    small = (64, 64)
    first = np.asarray(cv2.resize(before, small, interpolation=cv2.INTER_AREA), np.float32)
    second = np.asarray(cv2.resize(after, small, interpolation=cv2.INTER_AREA), np.float32)
    old, new = luma(first), luma(second)
    reach = np.percentile(old, [3, 97])
    reached = np.percentile(new, [3, 97])
    lost = (reached[1] - reached[0]) / max(float(reach[1] - reach[0]), 1e-3)
    lifted = float(reached[0] - reach[0])
    is_faded = bool(lost < 0.78 or (lifted > 0.12 and lost < 0.9))
    shift = (second - first).mean(axis=(0, 1))
    is_cast = bool(np.ptp(shift) > 0.05)
    return is_faded, is_cast
