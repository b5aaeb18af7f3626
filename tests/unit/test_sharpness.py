"""Sharpness: a blur is measured as wide as it is, whatever the contrast."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage.data import astronaut

from resilver.imaging.measures import LUMA
from resilver.imaging.sharpness import blur_px, noise_255


@pytest.mark.parametrize("sigma_px", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("contrast", [0.1, 0.9])
def test_the_blur_of_edges_is_measured(sigma_px: float, contrast: float) -> None:
    picture = np.zeros((128, 128, 3), np.float32)
    picture[30:90, 40:100] = contrast
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma_px)
    measured = blur_px(np.asarray(blurred, np.float32), np.ones((128, 128), np.bool_))
    assert measured == pytest.approx(np.hypot(sigma_px, 0.5), rel=0.2)


def test_only_what_counts_is_looked_at() -> None:
    rng = np.random.default_rng(0)
    sharp = rng.random((64, 64, 3)).astype(np.float32)
    both = np.concatenate((sharp, cv2.GaussianBlur(sharp, (0, 0), 3)), axis=1)
    left = np.zeros((64, 128), np.bool_)
    left[:, :64] = True
    assert blur_px(both, ~left) > 2 * blur_px(both, left)


def test_a_picture_without_an_edge_is_as_blurred_as_can_be() -> None:
    assert blur_px(np.full((32, 32, 3), 0.5, np.float32), np.ones((32, 32), np.bool_)) == 50.0


@pytest.mark.parametrize("blur", [0.7, 3.0])
def test_grain_does_not_pass_for_edges(blur: float) -> None:
    """With it a sharp face is as sharp as without, and a blurred one as blurred."""
    face = np.array(astronaut()[20:236, 140:300], np.float32) / 255
    everywhere = np.ones(face.shape[:2], np.bool_)
    soft = cv2.GaussianBlur(face, (0, 0), blur)
    plain = blur_px(np.asarray(soft, np.float32), everywhere)
    for sigma in (6.0, 16.0):
        noise = np.random.default_rng(0).normal(0, sigma / 255, face.shape)
        grainy = np.clip(soft + noise, 0, 1).astype(np.float32)
        assert noise_255(grainy @ LUMA, everywhere) == pytest.approx(0.67 * sigma, rel=0.2)
        assert blur_px(grainy, everywhere) == pytest.approx(plain, rel=0.15, abs=0.3)
