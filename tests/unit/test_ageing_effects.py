"""Each effect by itself: it damages what it says, where its mask says, at every size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.ageing import EFFECTS, KINDS, AgeingRecipe, age
from resilver.ageing.fading import plan_fading
from resilver.ageing.fields import fractal_noise, jagged, radial, shifted, wander
from resilver.ageing.film import expose, plan_grain, plan_paper, print_monochrome
from resilver.ageing.scan import plan_jpeg

# A burn may leave a hole, and old tape still on the print is a stain.
ALSO = {"burn": {"missing"}, "tape": {"stain"}}


def grey_card(height: int = 200, width: int = 200) -> NDArray[np.float32]:
    return np.full((height, width, 3), 0.55, np.float32)


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_damages_what_it_says(name: str) -> None:
    recipe = AgeingRecipe.pristine().only(name)
    allowed = {EFFECTS[name].kind} | ALSO.get(name, set())
    seen = 0
    for seed in range(12):
        aged = age(grey_card(), seed, recipe)
        found = {kind for i, kind in enumerate(KINDS) if aged.masks[..., i].any()}
        assert found <= allowed
        change = np.abs(aged.photo - aged.intact).max(axis=2)
        mask = aged.masks.any(axis=2)
        assert float((change[~mask] > 0.12).mean()) < 0.002
        if mask.any():
            seen += 1
            # Not all of it: a hole may show a ground of the card's own grey inside its rim.
            assert float((change[mask] > 0.01).mean()) > 0.35
    assert seen >= 6


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_varies(name: str) -> None:
    recipe = AgeingRecipe.pristine().only(name)
    photos = [age(grey_card(64, 64), seed, recipe).photo for seed in range(10)]
    # Bright and dark marks both: no effect knows one tone only.
    means = [float((photo - 0.55).sum()) for photo in photos]
    assert len({round(mean, 3) for mean in means}) >= 4


@pytest.mark.parametrize("name", EFFECTS)
def test_effect_at_odd_sizes(name: str) -> None:
    recipe = AgeingRecipe.pristine().only(name)
    for shape in ((1, 1), (17, 23), (3, 90)):
        for seed in range(4):
            photo = age(grey_card(*shape), seed, recipe).photo
            assert photo.shape == (*shape, 3)
            assert np.isfinite(photo).all()


def test_kinds_all_have_effects() -> None:
    assert {effect.kind for effect in EFFECTS.values()} == set(KINDS)


def test_grain_has_the_sigma_it_says() -> None:
    recipe = replace(AgeingRecipe(), grain=1.0, grain_sigma=(0.05, 0.05))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        grain, sigma = plan_grain(rng, (200, 200), recipe, monochrome=True, scale=1.0)
        assert grain is not None
        assert sigma == pytest.approx(0.05)
        card = np.full((200, 200, 3), 0.5, np.float32)
        assert (grain(card) - card).std() == pytest.approx(0.05, rel=0.15)
        # Grain of a black and white print is grey.
        noisy = grain(card)
        assert np.array_equal(noisy[..., 0], noisy[..., 2])


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 3), (1, 7), (5, 4), (2, 40)])
def test_grain_of_a_tiny_print_is_no_stronger(shape: tuple[int, int]) -> None:
    recipe = replace(AgeingRecipe(), grain=1.0, grain_sigma=(0.05, 0.05), coarse_grain=0.3)
    card = np.full((*shape, 3), 0.5, np.float32)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        grain, _sigma = plan_grain(rng, shape, recipe, monochrome=seed % 2 == 0, scale=1.0)
        assert grain is not None
        assert np.square(grain(card) - card).mean() ** 0.5 < 4 * 0.05


def test_monochrome_print_is_grey_unless_toned() -> None:
    photo = np.random.default_rng(0).random((40, 40, 3)).astype(np.float32)
    plain = print_monochrome(photo, np.random.default_rng(1), tint=0.0)
    assert np.array_equal(plain[..., 0], plain[..., 1])
    toned = [print_monochrome(photo, np.random.default_rng(s), tint=1.0) for s in range(10)]
    assert all(np.ptp(print_, axis=2).max() > 0.01 for print_ in toned)


def test_exposure_keeps_order_black_and_white_and_changes_contrast() -> None:
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None, :, None], 3, axis=2)
    prints = [expose(ramp, np.random.default_rng(seed)) for seed in range(40)]
    for made in prints:
        assert made[0, 0, 0] == pytest.approx(0, abs=1e-4)
        assert made[0, -1, 0] == pytest.approx(1, abs=1e-4)
        assert (np.diff(made[0], axis=0) >= -1e-6).all()
    means = [float(made.mean()) for made in prints]
    assert min(means) < 0.4
    assert max(means) > 0.6
    slopes = [float(np.gradient(made[0, :, 0]).max() * 255) for made in prints]
    assert max(slopes) > 2  # hard paper


def test_exposure_is_off_unless_asked_for() -> None:
    photo = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    off = replace(AgeingRecipe.pristine(), no_damage=1.0)
    on = replace(off, exposure=1.0)
    assert all(np.array_equal(age(photo, seed, off).photo, photo) for seed in range(8))
    changes = [np.abs(age(photo, seed, on).photo - photo).mean() for seed in range(8)]
    assert max(changes) > 0.05
    assert min(changes) > 0.001


def test_fading_takes_contrast_and_keeps_order() -> None:
    ramp = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None, :, None], 3, axis=2)
    recipe = replace(AgeingRecipe(), fading=1.0, fading_strength=(1.0, 1.0), cast=0, uneven=0)
    for seed in range(10):
        (fade,) = plan_fading(np.random.default_rng(seed), (1, 64), recipe, monochrome=True)
        faded = fade(ramp)
        assert np.ptp(faded[..., 2]) < 1
        assert (np.diff(faded[0], axis=0) >= -1e-6).all()


def test_paper_and_jpeg_stay_in_range() -> None:
    recipe = replace(AgeingRecipe(), paper=1.0, halftone=1.0, jpeg=1.0)
    card = np.random.default_rng(0).random((48, 52, 3)).astype(np.float32)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        out = card
        for step in plan_paper(rng, (48, 52), recipe, 1.0):
            out = step(out)
        jpeg = plan_jpeg(rng, recipe)
        assert jpeg is not None
        out = jpeg(out)
        assert out.shape == card.shape
        assert out.min() >= 0
        assert out.max() <= 1


def test_noise_has_unit_deviation_and_the_shape_asked_for() -> None:
    for cell in (0.5, 1.15, 1.3, 7.0, 40.0):
        noise = np.stack(
            [fractal_noise(np.random.default_rng(s), (120, 90), cell) for s in range(12)]
        )
        assert noise.shape == (12, 120, 90)
        assert noise.dtype == np.float32
        assert 0.5 < noise.std() < 1.6


def test_paths_start_and_end_where_they_should() -> None:
    rng = np.random.default_rng(0)
    line = jagged(rng, (3.0, 4.0), (103.0, 54.0), 0.1, 5.0)
    assert tuple(line[0]) == (3, 4)
    assert tuple(line[-1]) == (103, 54)
    path = wander(rng, (1.0, 2.0), 100, 5, 0.0)
    np.testing.assert_allclose(path[-1], (101, 2), atol=1e-3)
    curled = wander(rng, (0.0, 0.0), 100, 5, 0.0, curl=6.0)
    assert np.hypot(*curled[-1]) < 40


def test_radial_is_one_on_the_ellipse() -> None:
    away = radial((41, 61), (30.0, 20.0), (20.0, 10.0), 0.0)
    assert away[20, 50] == pytest.approx(1)
    assert away[10, 30] == pytest.approx(1)
    assert away[20, 30] == pytest.approx(0)


def test_what_is_moved_does_not_come_in_again_at_the_other_side() -> None:
    field = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    assert shifted(field, 1).tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [0, 5, 6, 7]]
    assert shifted(field, 5).tolist() == np.zeros((3, 4)).tolist()


def test_a_photo_too_wide_for_jpeg_goes_without() -> None:
    step = plan_jpeg(np.random.default_rng(0), AgeingRecipe(jpeg=1.0))
    assert step is not None
    wide = np.random.default_rng(1).random((2, 66_000, 3), np.float32)
    np.testing.assert_array_equal(step(wide), wide)
    assert (step(wide[:, :6000]) != wide[:, :6000]).any()
