"""Alignment: faces into a frame, where they belong and as they look."""

from __future__ import annotations

import numpy as np
import pytest

from resilver.imaging.alignment import (
    FFHQ_FRAME,
    IDENTITY_FRAME,
    cut,
    frame_of,
    inverse,
    similarity,
)


def turned(angle_deg: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(angle_deg)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, -100.0, 180.0])
def test_a_similarity_is_found_again(angle_deg: float) -> None:
    known = turned(angle_deg, 3.7, (120.0, -40.0))
    found = similarity(FFHQ_FRAME, moved(FFHQ_FRAME, known))
    np.testing.assert_allclose(found, known, atol=1e-3)
    np.testing.assert_allclose(
        moved(moved(FFHQ_FRAME, found), inverse(found)), FFHQ_FRAME, atol=1e-5
    )


def test_it_never_mirrors() -> None:
    mirrored = FFHQ_FRAME * (-1, 1)
    assert np.linalg.det(similarity(mirrored.astype(np.float32), FFHQ_FRAME)[:, :2]) > 0


@pytest.mark.parametrize("frame", [FFHQ_FRAME, IDENTITY_FRAME])
@pytest.mark.parametrize("size_px", [40.0, 128.0, 600.0])
def test_a_ramp_is_cut_where_it_belongs(frame: np.ndarray, size_px: float) -> None:
    """In a photo whose levels are its coordinates, a frame shows where each of its pixels lies."""
    height, width, side = 900, 1000, 128
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    photo = np.stack((x * 60, y * 60, np.zeros_like(x)), axis=2).astype(np.uint16)
    place = turned(25.0, size_px, (480.0, 200.0))
    matrix = frame_of(moved(frame, place), frame, side)
    shown = cut(photo, matrix, side) * 65535 / 60
    columns, rows = np.meshgrid(np.arange(side) + 0.5, np.arange(side) + 0.5)
    expected = moved(np.stack((columns, rows), axis=2).reshape(-1, 2) / side, place)
    expected = expected.reshape(side, side, 2)
    inside = (expected > 4).all(axis=2) & (expected < (width - 4, height - 4)).all(axis=2)
    assert inside.mean() > 0.9
    np.testing.assert_allclose(
        shown[inside][:, :2], expected[inside], atol=0.15 * size_px / side + 0.1
    )


def test_a_finer_photo_is_averaged() -> None:
    """Grain of a large photo does not become grain of the frame."""
    noise = np.random.default_rng(1).integers(0, 256, (800, 800, 3)).astype(np.uint8)
    points = (FFHQ_FRAME * 768 + 16).astype(np.float32)
    shown = cut(noise, frame_of(points, FFHQ_FRAME, 96), 96)
    assert shown.std() < 0.05  # 0.29 at its own size, an eighth of that after averaging 8 x 8


def test_beyond_the_photo_its_edge_goes_on() -> None:
    photo = np.full((60, 60, 3), 90, np.uint8)
    points = (FFHQ_FRAME * 50 + (300, -200)).astype(np.float32)
    shown = cut(photo, frame_of(points, FFHQ_FRAME, 64), 64)
    np.testing.assert_allclose(shown, 90 / 255, atol=1e-4)
