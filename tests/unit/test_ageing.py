"""Ageing as a whole: the contract of `age`, the recipe, overlays."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.ageing import KINDS, OVERLAY_KINDS, Aged, AgeingRecipe, age, lay_overlay
from resilver.ageing.canvas import Canvas, Patch
from resilver.ageing.overlays import draw_overlay
from resilver.errors import OptionError

PRISTINE = AgeingRecipe.pristine()


def scene(height: int = 160, width: int = 128) -> NDArray[np.float32]:
    """A colourful picture with flat parts, a gradient and texture."""
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    red = 0.2 + 0.6 * xs / max(width - 1, 1)
    green = 0.5 + 0.25 * np.sin(xs / 9) * np.cos(ys / 7)
    blue = np.where(ys > height / 2, 0.7, 0.3)
    return np.stack((red, green, blue), axis=2).astype(np.float32)


def assert_sound(aged: Aged, shape: tuple[int, int]) -> None:
    for image in (aged.photo, aged.intact, aged.clean):
        assert image.shape == (*shape, 3)
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert image.min() >= 0
        assert image.max() <= 1
    assert aged.masks.shape == (*shape, len(KINDS))
    assert aged.masks.dtype == np.uint8
    assert aged.masks.max() <= 1
    assert isinstance(aged.faded, bool)
    assert isinstance(aged.cast, bool)


@pytest.mark.parametrize(
    "recipe",
    [AgeingRecipe(), AgeingRecipe.heavy(), AgeingRecipe.light(), AgeingRecipe.demo(sepia=True)],
)
def test_results_are_sound(recipe: AgeingRecipe) -> None:
    for seed in range(12):
        assert_sound(age(scene(), seed, recipe), (160, 128))


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (17, 23), (96, 96), (9, 300)])
def test_any_size(shape: tuple[int, int]) -> None:
    for seed in range(25):
        assert_sound(age(scene(*shape), seed, AgeingRecipe.heavy()), shape)


def test_large_prints_get_larger_damage() -> None:
    recipe = PRISTINE.only("hair")
    recipe = replace(recipe, marks_per_area=(2.0, 0.0, 0.0, 0.0))

    def median_thickness(size: int) -> float:
        found: list[float] = []
        for seed in range(8):
            mask = np.ascontiguousarray(age(scene(size, size), seed, recipe).masks[..., 0])
            if mask.any():
                distance = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3))
                found.append(float(distance.max()))
        return float(np.median(found))

    assert median_thickness(1500) > 1.5 * median_thickness(500)


def test_same_seed_same_photo() -> None:
    first, again, other = (age(scene(), seed) for seed in (7, 7, 8))
    assert np.array_equal(first.photo, again.photo)
    assert np.array_equal(first.intact, again.intact)
    assert np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.photo, other.photo)
    generator = np.random.default_rng(7)
    assert np.array_equal(age(scene(), generator).photo, first.photo)
    assert not np.array_equal(age(scene(), generator).photo, first.photo)


def test_input_is_left_alone() -> None:
    photo = scene()
    before = photo.copy()
    age(photo, 3, AgeingRecipe.heavy())
    assert np.array_equal(photo, before)


def test_masks_agree_with_the_change() -> None:
    recipe = replace(AgeingRecipe.heavy(), jpeg=0, scan_blur=0)
    inside_changed: list[float] = []
    for seed in range(40):
        aged = age(scene(), seed, recipe)
        change = np.abs(aged.photo - aged.intact).max(axis=2)
        mask = aged.masks.any(axis=2)
        assert float((change[~mask] > 0.12).mean()) < 0.002
        assert float(change[~mask].mean()) < 0.0133  # a third of what counts as visible
        if mask.any():
            inside_changed.append(float((change[mask] > 0.012).mean()))
    assert np.mean(inside_changed) > 0.85


def test_size_scales_every_mark() -> None:
    whole = AgeingRecipe.pristine().only("flat_blob", "scratch_line")

    def widths(size: float) -> float:
        """Mean depth of the damage, px: how far its inside lies from its edge."""
        depths: list[float] = []
        for seed in range(12):
            mask = age(scene(), seed, replace(whole, size=(size, size))).masks.max(axis=2)
            if mask.any():
                depths.append(float(cv2.distanceTransform(mask, cv2.DIST_L2, 3)[mask > 0].mean()))
        return float(np.mean(depths))

    assert widths(0.3) < 0.5 * widths(1.5)


def test_without_damage_nothing_differs() -> None:
    for seed in range(10):
        aged = age(scene(), seed, AgeingRecipe.without_damage())
        assert not aged.masks.any()
        assert np.array_equal(aged.photo, aged.intact)


def test_pristine_recipe_leaves_the_rest_alone() -> None:
    aged = age(scene(), 1, PRISTINE)
    assert np.array_equal(aged.clean, scene())
    assert np.array_equal(aged.intact, aged.clean)
    assert not aged.faded
    assert not aged.cast


def test_shares_of_the_default_recipe() -> None:
    undamaged, single, grey = 0, 0, 0
    runs = 200
    for seed in range(runs):
        aged = age(scene(200, 160), seed, replace(AgeingRecipe(), jpeg=0, grain=0, scan_noise=0))
        kinds = int(aged.masks.any(axis=(0, 1)).sum())
        undamaged += kinds == 0
        single += kinds == 1
        # A toned grey print has one order of its channels everywhere; the scene has not.
        order = np.argsort(aged.clean + 1e-6 * np.arange(3), axis=2)
        grey += bool((order == order[80, 60]).all(axis=2).mean() > 0.9)
    assert 0.10 <= undamaged / runs <= 0.25
    assert 0.22 <= single / runs <= 0.55
    assert 0.5 <= grey / runs <= 0.7


def test_labels_follow_what_can_be_seen() -> None:
    strong = replace(PRISTINE, no_damage=1.0, fading=1.0, fading_strength=(0.95, 1.0))
    weak = replace(strong, fading_strength=(0.0, 0.02))
    assert np.mean([age(scene(), seed, strong).faded for seed in range(20)]) > 0.6
    assert not any(age(scene(), seed, weak).faded for seed in range(20))
    tinted = replace(PRISTINE, no_damage=1.0, cast=1.0, cast_strength=(0.12, 0.13))
    assert np.mean([age(scene(), seed, tinted).cast for seed in range(20)]) > 0.9


def test_grey_and_byte_input() -> None:
    grey = scene()[..., 1]
    aged = age(grey, 2, PRISTINE)
    assert np.array_equal(aged.clean, np.repeat(grey[..., None], 3, axis=2))
    assert np.array_equal(age(grey[..., None], 2, PRISTINE).photo, aged.photo)
    bytes_u8 = (scene() * 255).astype(np.uint8)
    np.testing.assert_allclose(age(bytes_u8, 2, PRISTINE).clean, bytes_u8 / 255, atol=1e-6)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 2), np.float32), np.zeros((4,), np.float32), np.zeros((0, 4, 3), np.float32)],
)
def test_what_is_no_photo_is_refused(array: NDArray[np.float32]) -> None:
    with pytest.raises(OptionError, match="a photo is"):
        age(array, 0)


def test_integers_that_are_no_bytes_are_refused() -> None:
    with pytest.raises(OptionError, match="uint8"):
        age(np.zeros((4, 4, 3), np.int32), 0)  # type: ignore[arg-type]


def test_impossible_recipes_are_refused() -> None:
    with pytest.raises(OptionError, match="probability"):
        AgeingRecipe(grain=1.5)
    with pytest.raises(OptionError, match="range"):
        AgeingRecipe(grain_sigma=(0.2, 0.1))
    with pytest.raises(OptionError, match="not negative"):
        AgeingRecipe(density=-1)
    with pytest.raises(OptionError, match="size are more than 0"):
        AgeingRecipe(size=(0.0, 1.0))
    with pytest.raises(OptionError, match="coffee"):
        age(scene(), 0, AgeingRecipe().only("coffee"))


def _disc() -> NDArray[np.uint8]:
    alpha = np.zeros((120, 120), np.uint8)
    cv2.circle(alpha, (60, 60), 30, 255, -1, cv2.LINE_AA)
    return alpha


@pytest.mark.parametrize("kind", KINDS)
def test_overlay_marks_its_kind(kind: str) -> None:
    marked = 0
    for seed in range(12):
        photo, masks = lay_overlay(scene(), _disc(), kind, seed)
        change = np.abs(photo - scene()).max(axis=2)
        others = [i for i, name in enumerate(KINDS) if name != kind]
        assert not masks[..., others].any()
        assert float((change[masks.any(axis=2) == 0] > 0.12).mean()) < 0.002
        marked += bool(masks.any())
    assert marked >= 8


def test_rgba_overlay_keeps_its_colour() -> None:
    overlay = np.dstack((np.full((120, 120, 3), (255, 0, 0), np.uint8), _disc()))
    photo, masks = lay_overlay(np.zeros((90, 90, 3), np.float32), overlay, "stain", 5)
    inside = masks[..., KINDS.index("stain")] == 1
    assert inside.any()
    assert photo[inside][:, 0].mean() > 0.3
    assert photo[..., 1:].max() < 1e-6


def test_thin_hairs_of_an_overlay_that_is_shrunk_grow_faint_not_dotted() -> None:
    """White lines a pixel wide, a fourth of the area, on red that is transparent."""
    alpha = np.zeros((400, 400), np.uint8)
    alpha[:, ::4] = 255
    colours = np.where(alpha[..., None] > 0, 255, np.array([255, 0, 0])).astype(np.uint8)
    uneven: list[float] = []
    for seed in range(12):
        canvas = Canvas.of(np.zeros((60, 60, 3), np.float32), scale=0.1)  # zooms up to 0.24
        draw_overlay(canvas, np.random.default_rng(seed), np.dstack((colours, alpha)), "scratch")
        red, green, blue = np.moveaxis(canvas.pixels, -1, 0)
        np.testing.assert_array_equal(green, blue)
        assert float(green.sum()) > 0.95 * float(red.sum())
        around = np.asarray(cv2.blur(green, (7, 7)))
        inside = around > 0.9 * around.max()
        uneven.append(float(green[inside].std() / green[inside].mean()))
    assert max(uneven) < 0.3


def test_what_shows_through_a_thin_layer_is_still_marked() -> None:
    canvas = Canvas.of(np.full((12, 20, 3), 0.5, np.float32))
    line = np.zeros((12, 20), np.float32)
    line[5] = 1.0
    canvas.lay("scratch", Patch(line, 0, 0), np.ones(3, np.float32), 1.0)
    loss = np.ones((12, 20), np.float32)
    loss[:, :10] = 0.6
    canvas.lay("missing", Patch(loss, 0, 0), np.zeros(3, np.float32), 1.0, region=True)
    scratch, missing = (canvas.marks[..., KINDS.index(kind)] for kind in ("scratch", "missing"))
    assert (scratch[5] > 0).tolist() == [True] * 10 + [False] * 10
    assert not (missing[:, :10] & 4).any()
    assert (missing[:, :10] & 2).all()
    assert (missing[:, 10:] & 4).all()
    canvas.lay("missing", Patch(loss, 0, 0), np.ones(3, np.float32), 0.8, region=True)
    assert (scratch[5] > 0).tolist() == [True] * 10 + [False] * 10


def test_overlays_reach_age() -> None:
    recipe = replace(PRISTINE, no_damage=0, overlays=1.0, kind_weights=(0, 0, 0, 1), single_kind=0)
    empty = np.zeros((50, 50), np.uint8)
    for seed in range(5):
        assert not age(scene(), seed, recipe, [("dust", empty)]).masks.any()
        aged = age(scene(), seed, recipe, [("dust", _disc()), ("scratch", empty)])
        assert not aged.masks[..., : KINDS.index("dust")].any()


def test_impossible_overlays_are_refused() -> None:
    with pytest.raises(OptionError, match="unknown kind"):
        lay_overlay(scene(), _disc(), "rust", 0)
    with pytest.raises(OptionError, match="an overlay is"):
        lay_overlay(scene(), np.zeros((5, 5, 2), np.uint8), "dust", 0)


def test_every_overlay_folder_has_a_kind() -> None:
    assert set(OVERLAY_KINDS.values()) <= set(KINDS)
    assert len(OVERLAY_KINDS) == 10
