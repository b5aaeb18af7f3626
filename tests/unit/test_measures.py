"""The measures, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.data import astronaut

from resilver.errors import OptionError
from resilver.imaging.measures import (
    Agreement,
    Scores,
    agreement,
    balanced_accuracy,
    f1_with_tolerance,
    mean_scores,
    pooled_scores,
    psnr,
    ssim,
)


def grey(level: float, size: tuple[int, int] = (16, 16)) -> NDArray[np.float32]:
    return np.full((*size, 3), level, np.float32)


def points(*places: tuple[int, int], size: tuple[int, int] = (20, 20)) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.bool_)
    for row, column in places:
        mask[row, column] = True
    return mask


def test_psnr_of_a_known_difference() -> None:
    assert psnr(grey(0.5), grey(0.6)) == pytest.approx(20.0, abs=1e-4)
    assert psnr(grey(0.5), grey(0.51)) == pytest.approx(40.0, abs=1e-3)
    assert psnr(grey(0.5), grey(0.5)) == math.inf


def test_psnr_in_a_mask_sees_nothing_else() -> None:
    damaged = grey(0.5)
    damaged[4:6, 4:6] = 0.6
    damaged[10:, 10:] = 1.0
    mask = np.zeros((16, 16), np.bool_)
    mask[4:6, 4:6] = True
    assert psnr(damaged, grey(0.5), mask) == pytest.approx(20.0, abs=1e-4)
    with pytest.raises(OptionError, match="empty mask"):
        psnr(damaged, grey(0.5), np.zeros((16, 16), np.bool_))
    with pytest.raises(OptionError, match="mask"):
        psnr(damaged, grey(0.5), np.ones((8, 16), np.bool_))
    with pytest.raises(OptionError, match="one size"):
        psnr(damaged, grey(0.5, (8, 8)))


def test_ssim_falls_with_noise_and_ignores_nothing() -> None:
    photo = (astronaut()[:128, 128:256] / 255).astype(np.float32)
    rng = np.random.default_rng(0)
    little = np.clip(photo + rng.normal(0, 0.01, photo.shape), 0, 1).astype(np.float32)
    much = np.clip(photo + rng.normal(0, 0.1, photo.shape), 0, 1).astype(np.float32)
    assert ssim(photo, photo) == pytest.approx(1.0)
    assert 1.0 > ssim(photo, little) > 0.9 > ssim(photo, much)
    with pytest.raises(OptionError, match="11x11"):
        ssim(photo[:10], photo[:10])


def test_ssim_of_flat_pictures_is_the_papers_luminance_term() -> None:
    first, second, small = 0.4, 0.6, 0.01**2
    expected = (2 * first * second + small) / (first**2 + second**2 + small)
    assert ssim(grey(first), grey(second)) == pytest.approx(expected, abs=1e-4)


def test_tolerance_is_a_disc() -> None:
    truth = points((10, 10))
    assert f1_with_tolerance(points((10, 12)), truth).f1 == 1.0
    assert f1_with_tolerance(points((12, 10)), truth).f1 == 1.0
    assert f1_with_tolerance(points((11, 11)), truth).f1 == 1.0
    assert f1_with_tolerance(points((12, 11)), truth).f1 == 0.0  # sqrt(5) away
    assert f1_with_tolerance(points((12, 12)), truth).f1 == 0.0
    assert f1_with_tolerance(points((12, 12)), truth, tolerance_px=3).f1 == 1.0
    assert f1_with_tolerance(points((10, 11)), truth, tolerance_px=0).f1 == 0.0


def test_precision_and_recall_count_pixels_of_their_own_side() -> None:
    truth = points((2, 2), (2, 3), (15, 15), (15, 16))
    found = points((2, 2), (8, 8), (8, 9), (8, 10))
    scores = f1_with_tolerance(found, truth)
    assert scores.precision == 0.25
    assert scores.recall == 0.5
    assert scores.f1 == pytest.approx(1 / 3)


def test_nothing_found_and_nothing_there() -> None:
    nothing, something = points(), points((3, 3))
    assert f1_with_tolerance(nothing, nothing) == Scores(1.0, 1.0, 1.0)
    assert f1_with_tolerance(nothing, something) == Scores(1.0, 0.0, 0.0)
    assert f1_with_tolerance(something, nothing) == Scores(0.0, 1.0, 0.0)


def test_pooled_counts_pixels_and_mean_counts_photos() -> None:
    large = Agreement(found=90, found_right=90, true=90, true_found=90)
    small = Agreement(found=10, found_right=0, true=10, true_found=0)
    assert pooled_scores([large, small]) == Scores(0.9, 0.9, pytest.approx(0.9))
    assert mean_scores([large, small]) == Scores(0.5, 0.5, 0.5)
    with pytest.raises(OptionError, match="at least one"):
        mean_scores([])


def test_masks_must_go_together() -> None:
    with pytest.raises(OptionError, match="one size"):
        agreement(points(), points(size=(10, 20)))
    with pytest.raises(OptionError, match="boolean"):
        agreement(points(), points().astype(np.uint8))  # type: ignore[arg-type]


def test_balanced_accuracy_is_not_fooled_by_a_rare_case() -> None:
    truth = np.array([True] + [False] * 9)
    assert balanced_accuracy(truth, truth) == 1.0
    assert balanced_accuracy(truth, np.zeros(10, np.bool_)) == 0.5
    half = np.array([True] + [True, False, False] * 3)
    assert balanced_accuracy(truth, half) == pytest.approx((1 + 2 / 3) / 2)
    with pytest.raises(OptionError, match="true and false"):
        balanced_accuracy(np.zeros(4, np.bool_), np.zeros(4, np.bool_))
    with pytest.raises(OptionError, match="as many"):
        balanced_accuracy(truth, half[:5])
