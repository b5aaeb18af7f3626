"""Faces are found in a whole photo, whatever its size, and nothing is found where there is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from resilver.imaging.faces import Faces, overlaps
from resilver.models.store import bundled_model
from resilver.stages import detection
from resilver.stages.detection import find_faces, placed_faces

# Of scikit-image's portrait of Eileen Collins (512 x 512): left, top, right, bottom; eyes.
BOX = np.array([178, 65, 269, 178], np.float32)
EYES = np.array([[203, 105], [247, 105]], np.float32)


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    return np.asarray(data.astronaut(), np.uint8)


def found(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Faces:
    return find_faces(bundled_model("detect").open(1), pixels)


def assert_found(faces: Faces, scale: float, shift: tuple[float, float] = (0.0, 0.0)) -> None:
    """The portrait's face is among them, where it should be after a scale and a shift (x, y)."""
    box = BOX * scale + np.array([*shift, *shift], np.float32)
    alike = overlaps(box, faces.boxes)
    assert alike.size, "no face found"
    best = int(alike.argmax())
    assert alike[best] > 0.5
    away = np.linalg.norm(faces.points[best, :2] - (EYES * scale + shift), axis=1)
    assert away.max() < 0.2 * (BOX[2] - BOX[0]) * scale


@pytest.mark.parametrize("scale", [0.2, 0.5, 1.0, 2.5])
def test_a_face_is_found_at_any_size(portrait: NDArray[np.uint8], scale: float) -> None:
    side = round(512 * scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    assert_found(found(np.asarray(cv2.resize(portrait, (side, side), interpolation=how))), scale)


def test_a_face_is_found_in_grey_and_in_sixteen_bits(portrait: NDArray[np.uint8]) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_RGB2GRAY)
    assert_found(found(np.repeat(grey[..., None], 3, axis=2).astype(np.uint16) * 257), 1.0)


def test_a_face_is_found_where_tiles_meet(portrait: NDArray[np.uint8]) -> None:
    """A wide canvas is looked at in tiles; the face lies across the border of the first two."""
    canvas = np.full((600, 1800, 3), 128, np.uint8)
    canvas[40:552, 770:1282] = portrait
    assert_found(found(canvas), 1.0, (770.0, 40.0))


@pytest.mark.parametrize("size", [(1, 1), (20, 300), (400, 500)])
def test_nothing_is_found_where_there_is_none(size: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: size[0], : size[1]]
    smooth = np.stack((rows % 256, columns % 256, (rows + columns) % 256), axis=-1)
    assert len(found(smooth.astype(np.uint8))) == 0


@pytest.mark.parametrize(("corner", "faces"), [((340, 420), 1), ((450, 380), 1), ((600, 100), 2)])
def test_what_looks_like_a_face_within_a_face_is_none(
    portrait: NDArray[np.uint8], corner: tuple[int, int], faces: int
) -> None:
    """On its nose and its cheek; beside it there may well be another one."""
    picture = large_with_small(portrait, corner)
    assert len(found(picture)) >= 2
    placed = placed_faces(bundled_model("detect").open(1), picture)
    assert len(placed) == faces
    assert placed.sides_px.max() > 250  # the large one stays


def test_within_what_is_hardly_a_face_there_may_be_one(
    portrait: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crowd may look like a face in small."""
    monkeypatch.setattr(
        detection, "second_look", lambda _network, _pixels, faces: np.full(len(faces), 0.4)
    )
    picture = large_with_small(portrait, (340, 420))
    assert len(placed_faces(bundled_model("detect").open(1), picture)) == 2


def large_with_small(portrait: NDArray[np.uint8], corner: tuple[int, int]) -> NDArray[np.uint8]:
    """The portrait, its face some 260 px wide, and 56 px of it again with the corner at x, y."""
    large = cv2.resize(portrait[:256, 96:352], (768, 768), interpolation=cv2.INTER_CUBIC)
    small = cv2.resize(portrait[50:200, 150:300], (56, 56), interpolation=cv2.INTER_AREA)
    left, top = corner
    large[top : top + 56, left : left + 56] = small
    return np.asarray(large, np.uint8)
