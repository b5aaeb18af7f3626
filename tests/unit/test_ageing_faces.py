"""Wear of a single face: each part of it does what it says, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from resilver.ageing.faces import LEVELS, FaceWear, toned_face, worn_face

Pixels = NDArray[np.float32]


@pytest.fixture
def face() -> Pixels:
    """Smooth colours with sharp edges, (96, 96, 3)."""
    rng = np.random.default_rng(3)
    picture = cv2.resize(rng.random((8, 8, 3), np.float32), (96, 96), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(0.2 + 0.6 * np.asarray(picture, np.float32), 0.0, 1.0)
    picture[30:60, 40:44] = 0.05
    return picture


def detail(picture: Pixels) -> float:
    """How much of a picture a blur takes away."""
    return float(np.abs(picture - cv2.GaussianBlur(picture, (0, 0), 1.5)).mean())


def test_no_wear_leaves_the_face_as_it_is(face: Pixels) -> None:
    np.testing.assert_array_equal(worn_face(face, FaceWear(), np.random.default_rng(0)), face)


@pytest.mark.parametrize(
    "wear", [FaceWear(blur_px=2.0), FaceWear(motion_px=9.0, motion_deg=30.0), FaceWear(shrink=4.0)]
)
def test_blur_and_a_small_print_take_detail(face: Pixels, wear: FaceWear) -> None:
    worn = worn_face(face, wear, np.random.default_rng(0))
    assert worn.shape == face.shape
    assert detail(worn) < 0.7 * detail(face)
    assert float(worn.mean()) == pytest.approx(float(face.mean()), abs=0.01)


@pytest.mark.parametrize("wear", [FaceWear(grain=0.08), FaceWear(grain=0.08, coloured=True)])
def test_grain_is_of_its_strength_and_fades_towards_black(wear: FaceWear) -> None:
    grey = np.full((96, 96, 3), 0.5, np.float32)
    worn = worn_face(grey, wear, np.random.default_rng(0)) - grey
    assert float(worn.std()) == pytest.approx(0.08, rel=0.1)
    spread = float((worn.max(axis=2) - worn.min(axis=2)).mean())
    assert spread > 0.05 if wear.coloured else spread < 1e-5
    black = worn_face(np.full_like(grey, 0.02), wear, np.random.default_rng(0))
    assert float(black.std()) < 0.5 * float(worn.std())


def test_compression_leaves_its_trace_by_quality(face: Pixels) -> None:
    errors = [
        float(np.abs(worn_face(face, FaceWear(quality=q), np.random.default_rng(0)) - face).mean())
        for q in (95, 60, 20)
    ]
    assert 0.0 < errors[0] < errors[1] < errors[2] < 0.05


def test_scratches_are_few_faint_pixels(face: Pixels) -> None:
    worn = worn_face(face, FaceWear(scratches=3), np.random.default_rng(1))
    changed = np.abs(worn - face).max(axis=2) > 1e-3
    assert 0.0005 < float(changed.mean()) < 0.15


@pytest.mark.parametrize("level", list(LEVELS))
def test_the_same_seed_wears_alike_and_stays_in_range(face: Pixels, level: str) -> None:
    wear = replace(LEVELS[level], scratches=2)
    one, again = (worn_face(face, wear, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert one.dtype == np.float32
    assert 0.0 <= float(one.min()) <= float(one.max()) <= 1.0
    assert not np.array_equal(one, worn_face(face, wear, np.random.default_rng(6)))


def test_levels_grow_worse(face: Pixels) -> None:
    rng = np.random.default_rng(0)
    errors = [float(np.abs(worn_face(face, wear, rng) - face).mean()) for wear in LEVELS.values()]
    assert errors == sorted(errors)


def test_drawn_wear_is_seeded_varied_and_sometimes_next_to_nothing() -> None:
    drawn = [FaceWear.drawn(np.random.default_rng(seed)) for seed in range(200)]
    assert drawn == [FaceWear.drawn(np.random.default_rng(seed)) for seed in range(200)]
    hardly = [w for w in drawn if w.shrink == 1.0 and w.blur_px == 0.0 and w.grain <= 0.015]
    assert 10 <= len(hardly) <= 60
    assert max(w.shrink for w in drawn) > 6.0
    assert any(w.quality is None for w in drawn)


def test_half_of_the_faces_are_grey_and_some_faded(face: Pixels) -> None:
    toned = [toned_face(face, np.random.default_rng(seed)) for seed in range(100)]
    grey = [picture for picture in toned if np.ptp(picture, axis=2).max() < 1e-5]
    assert 20 <= len(grey) <= 50  # the others of the grey half are tinted
    assert any(float(picture.min()) > float(face.min()) + 0.1 for picture in toned)
    for picture in toned:
        assert picture.shape == face.shape
        assert 0.0 <= float(picture.min()) <= float(picture.max()) <= 1.0
