"""Measures of restored faces: how they look, who they are, how sure a mean is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from resilver.evaluate.faces import (
    FaceJudge,
    identity_similarities,
    mean_interval,
    perceptual_distances,
)
from resilver.imaging.alignment import FFHQ_FRAME
from resilver.models.session import OrtNetwork


@pytest.fixture
def judge(shared: Path) -> FaceJudge:
    weights = shared / "weights"
    return FaceJudge(
        OrtNetwork(weights / "squeezenet1_0.onnx", 1), OrtNetwork(weights / "edgeface_xs.onnx", 1)
    )


def face(shared: Path, index: int) -> np.ndarray:
    path = sorted((shared / "data" / "eval" / "faces256").glob("*.webp"))[index]
    levels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert levels is not None
    return levels.astype(np.float32) / np.float32(255)


def test_a_face_is_itself_and_less_so_the_more_it_is_blurred(
    judge: FaceJudge, shared: Path
) -> None:
    good, other, points = face(shared, 0), face(shared, 1), FFHQ_FRAME * 256
    (same,) = judge.scores([good], good, points)
    assert same.perceptual == pytest.approx(0.0, abs=1e-5)
    assert same.identity == pytest.approx(1.0, abs=1e-5)
    blurred = [
        np.asarray(cv2.GaussianBlur(good, (0, 0), sigma), np.float32) for sigma in (1.5, 4.0)
    ]
    mild, strong = judge.scores(blurred, good, points)
    assert 0.0 < mild.perceptual < strong.perceptual
    assert 1.0 > mild.identity > strong.identity
    assert mild.decibels > strong.decibels
    assert identity_similarities(judge.edgeface, [other], good, points)[0] < 0.5


@pytest.mark.parametrize(("size", "known"), [((20, 60), False), ((21, 21), True)])
def test_of_what_is_too_small_no_distance_is_known(
    judge: FaceJudge, size: tuple[int, int], known: bool
) -> None:
    good = np.random.default_rng(0).random((*size, 3), np.float32)
    (distance,) = perceptual_distances(judge.squeezenet, [good[::-1].copy()], good)
    assert np.isfinite(distance) == known


def test_what_shows_nothing_is_like_what_shows_nothing() -> None:
    class Blind:
        def run(self, *_inputs: np.ndarray) -> tuple[np.ndarray, ...]:
            features = np.zeros((3, 4, 3, 3), np.float32)
            return np.zeros((3, 10), np.float32), features, features

    grey = np.zeros((32, 32, 3), np.float32)
    assert perceptual_distances(Blind(), [grey, grey], grey) == [0.0, 0.0]


def test_the_interval_holds_the_mean_and_shrinks_with_more_faces() -> None:
    rng = np.random.default_rng(0)
    widths: list[float] = []
    for count in (20, 500):
        mean, low, high = mean_interval(rng.normal(3.0, 1.0, count), seed=1)
        assert low < mean < high
        assert low < 3.0 < high
        widths.append(high - low)
    assert widths[1] < 0.4 * widths[0]
    values = rng.normal(size=30)
    assert mean_interval(values, 1) == mean_interval(values, 1)
