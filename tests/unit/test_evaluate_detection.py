"""How finds are judged; the published detectors on a real face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from resilver.evaluate.detection import Truth, judged
from resilver.evaluate.suites import read_photos
from resilver.imaging.faces import NO_FACES, Faces, joined, overlaps
from resilver.models.published_detectors import SLIM, YUNET, slim_faces, yunet_faces
from resilver.models.session import OrtNetwork


def face(left: float, side: float, score: float = 1.0, shift: float = 0.0) -> Faces:
    """A square face at (left, 0), its points in a row at `shift` px below the middle."""
    middle = left + side / 2
    points = np.tile(np.array([middle, side / 2 + shift], np.float32), (1, 5, 1))
    box = np.array([[left, 0, left + side, side]], np.float32)
    return Faces(box, points, np.array([score], np.float32))


def test_finds_are_judged_once_each() -> None:
    truth = Truth(joined((face(0, 20), face(100, 80))), face(300, 30))
    found = joined(
        (
            face(1, 20, 0.9, shift=2.0),  # right
            face(0, 20, 0.8),  # the same face again: wrong
            face(302, 30, 0.7),  # doubtful: counts neither way
            face(500, 40, 0.6),  # wrong
            face(100, 80, 0.3),  # right
        )
    )
    result = judged([found, NO_FACES], [truth, Truth(NO_FACES, NO_FACES)])
    assert result.recall(0.5) == pytest.approx(0.5)
    assert result.recall(0.2) == pytest.approx(1.0)
    assert result.false_alarms(0.5) == pytest.approx(1.0)  # two in two photos
    assert result.false_alarms(0.65) == pytest.approx(0.5)
    assert result.recall(0.2, (0.0, 50.0)) == pytest.approx(1.0)
    assert np.isnan(result.recall(0.2, (90.0, 100.0)))
    assert result.point_error(0.5) == pytest.approx(np.hypot(1.0, 2.0) / 20, rel=1e-3)


def test_the_threshold_for_so_many_false_alarms() -> None:
    found = joined([face(200 * place, 20, score) for place, score in enumerate((0.9, 0.7, 0.5))])
    result = judged([found, NO_FACES], [Truth(face(0, 20), NO_FACES), Truth(NO_FACES, NO_FACES)])
    assert result.false_alarms(result.threshold_for(1.0)) == pytest.approx(1.0)
    once = result.threshold_for(0.5)
    assert 0.5 < once <= 0.71
    assert result.false_alarms(once) == pytest.approx(0.5)
    assert result.false_alarms(result.threshold_for(0.0)) == 0.0


def test_both_published_detectors_see_the_same_face(shared: Path) -> None:
    pixels = read_photos(shared / "data" / "eval" / "faces512")[0].read_u8()
    bgr = pixels[..., ::-1].astype(np.float32)
    one = yunet_faces(OrtNetwork(shared / "weights" / YUNET, 1), bgr, 0.6)
    other = slim_faces(OrtNetwork(shared / "weights" / SLIM, 1), bgr, 0.6)
    assert len(one) == len(other) == 1
    assert overlaps(one.boxes[0], other.boxes)[0] > 0.5
    apart = np.linalg.norm(one.points - other.points, axis=2) / one.sides_px[0]
    assert apart.max() < 0.12
