"""Faces: what a detector's answers mean, maps, doubles."""

from __future__ import annotations

import numpy as np
import pytest

from resilver.imaging.faces import (
    NO_FACES,
    Faces,
    decode,
    encode,
    face_areas,
    feature_areas,
    joined,
    overlaps,
    without_doubles,
)

POINTS = [[30, 40], [50, 40], [40, 52], [33, 62], [47, 62]]


def face(left: float, top: float, right: float, bottom: float, score: float = 0.9) -> Faces:
    """One face; its points lie as in a box of 40 x 48 px."""
    size = np.array([right - left, bottom - top], np.float32)
    points = (np.array(POINTS, np.float32) - (20, 24)) / (40, 48) * size + (left, top)
    box = np.array([[left, top, right, bottom]], np.float32)
    return Faces(box, points[None].astype(np.float32), np.array([score], np.float32))


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_what_is_encoded_is_decoded(stride: int) -> None:
    known = face(20, 24, 60, 72)
    row, column = np.array([3]), np.array([2])
    answers = np.full((15, 6, 5), -9.0, np.float32)
    answers[0, 3, 2] = 3.0
    answers[1:, 3, 2] = encode(known, row, column, stride)[0]
    found = decode(answers, stride, 0.5)
    np.testing.assert_allclose(found.boxes, known.boxes, atol=1e-3)
    np.testing.assert_allclose(found.points, known.points, atol=1e-3)
    np.testing.assert_allclose(found.scores, 1 / (1 + np.exp(-3.0)), atol=1e-6)
    assert not len(decode(answers, stride, 0.99))


def test_an_absurd_size_is_bounded() -> None:
    answers = np.full((15, 1, 1), 100.0, np.float32)
    found = decode(answers, 8, 0.5)
    assert np.isfinite(found.boxes).all()
    assert float(found.sides_px[0]) < 8 * 60


def test_a_map_moves_boxes_and_points() -> None:
    known = face(20, 24, 60, 72)
    moved = known.moved(np.array([[2.0, 0.0, 5.0], [0.0, 2.0, -7.0]]))
    np.testing.assert_allclose(moved.boxes, [[45, 41, 125, 137]])
    np.testing.assert_allclose(moved.points, known.points * 2 + (5, -7))
    assert float(moved.sides_px[0]) == pytest.approx(2 * float(known.sides_px[0]))


def test_a_turned_face_keeps_its_size() -> None:
    known = face(20, 24, 60, 72)
    turn = np.deg2rad(45)
    matrix = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0]])
    assert float(known.moved(matrix).sides_px[0]) == pytest.approx(float(known.sides_px[0]))


def test_in_a_mirror_the_left_eye_is_the_right_one() -> None:
    known = face(20, 24, 60, 72)
    mirrored = known.moved(np.array([[-1.0, 0.0, 100.0], [0.0, 1.0, 0.0]]))
    left, right = mirrored.points[0, 0], mirrored.points[0, 1]
    assert left[0] < right[0]
    assert mirrored.points[0, 3, 0] < mirrored.points[0, 4, 0]
    np.testing.assert_allclose(left, [100 - known.points[0, 1, 0], known.points[0, 1, 1]])


def test_of_doubles_the_surest_stays() -> None:
    faces = joined((face(20, 20, 60, 60, 0.6), face(22, 20, 62, 60, 0.8), face(80, 20, 99, 60)))
    kept = without_doubles(faces)
    np.testing.assert_allclose(sorted(kept.scores), [0.8, 0.9])
    assert len(without_doubles(NO_FACES)) == 0


def test_overlap_is_shared_area_over_all_area() -> None:
    box = np.array([0, 0, 10, 10], np.float32)
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 10, 20, 20]], np.float32)
    np.testing.assert_allclose(overlaps(box, others), [1.0, 1 / 3, 0.0])


def test_joined_faces_come_surest_first() -> None:
    faces = joined((NO_FACES, face(0, 0, 9, 9, 0.3), face(0, 0, 9, 9, 0.7)))
    np.testing.assert_allclose(faces.scores, [0.7, 0.3])
    assert len(joined(())) == 0


def test_the_surroundings_of_a_face_are_as_large_again_on_every_side() -> None:
    (rows, columns), here = face(20, 24, 60, 72).surroundings((200, 90))
    assert (rows, columns) == (slice(0, 120), slice(0, 90))
    np.testing.assert_allclose(here.boxes, [[20, 24, 60, 72]])
    (rows, columns), here = face(120, 124, 160, 172).surroundings((500, 500))
    assert (rows, columns) == (slice(76, 220), slice(80, 200))
    np.testing.assert_allclose(here.boxes, [[40, 48, 80, 96]])
    (rows, columns), _here = face(-60, -60, -20, -20).surroundings((50, 50))
    assert rows.stop >= rows.start
    assert columns.stop >= columns.start


def test_areas_cover_the_face_and_its_features() -> None:
    known = face(20, 24, 60, 72)
    whole, features = face_areas(known, (100, 90)), feature_areas(known, (100, 90))
    assert whole.shape == features.shape == (100, 90)
    for x, y in known.points[0]:
        assert features[round(float(y)), round(float(x))]
    assert whole[30, 40]
    assert not features[30, 40]  # the forehead
    assert not whole[5, 5]
    assert 0 < features.sum() < whole.sum()
    assert not face_areas(NO_FACES, (5, 5)).any()
