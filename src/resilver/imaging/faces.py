"""Faces as a detector gives them: boxes, five points, and how both are read from its answers.

The points are, as seen: the left eye, the right eye, the tip of the nose, the left and the right
corner of the mouth; `x` to the right, `y` down, in pixels of the photo.

A detector answers for every cell of a grid (Wu et al., "YuNet", 2023). Of a cell whose middle is
(x, y), at a stride of s pixels, the fifteen numbers are: a logit; the box's middle, off the cell's
in strides; the logarithms of the box's width and height in strides; and each point, off the cell's
middle in units of four strides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

_POINT_STRIDES = 4.0  # unit of the points: their offsets are then of about unit size
MIRRORED = (1, 0, 2, 4, 3)  # the order of the points in a mirror
_LARGEST_LOG = 4.0  # a face is at most e ** 4 strides wide
_FACE_WIDTHS = np.float32(1.2)  # a detector's box ends at the brows and the chin
# Beyond the box lie, in its widths and heights, hair and hat on the left and above, ...
_PERSON_BEFORE = np.array((0.6, 0.9))
_PERSON_BEYOND = np.array((0.6, 1.0))  # ... and hair, neck and collar on the right and below
SAME_IOU = 0.35  # two boxes that overlap more than this are the same face
# A box lies in another one with at least this share of its area, if that has so many times as much.
_NESTED_SHARE, _NESTED_TIMES = 0.7, 3.0


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of a photo, the surest first."""

    boxes: Values  # (n, 4): left, top, right, bottom, px
    points: Values  # (n, 5, 2): x, y, px
    scores: Values  # (n,), 0..1

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def sides_px(self) -> Values:
        """(n,): the side of a square as large as each box."""
        sizes = self.boxes[:, 2:] - self.boxes[:, :2]
        return np.sqrt(np.maximum(sizes.prod(axis=1), 0.0))

    def chosen(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> Faces:
        """Some of them, by mask or by index."""
        return Faces(self.boxes[which], self.points[which], self.scores[which])

    def surroundings(self, size: tuple[int, ...]) -> tuple[tuple[slice, slice], Faces]:
        """The part of a photo (H, W) with all faces and as much again on every side, as slices.

        Also the faces as they lie in it.
        """
        low, high = self.boxes[:, :2].min(axis=0), self.boxes[:, 2:].max(axis=0)
        left, top = (int(value) for value in np.floor(np.maximum(low - (high - low), 0.0)))
        right, bottom = (int(value) for value in np.ceil(high + (high - low)))
        rows = slice(top, max(min(bottom, size[0]), top))
        columns = slice(left, max(min(right, size[1]), left))
        return (rows, columns), self.moved(np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]]))

    def moved(self, matrix: NDArray[np.float64]) -> Faces:
        """The same faces after an affine map (2, 3) of the photo.

        Boxes stay upright and keep their area times the map's: a turned box would grow.
        """
        linear, shift = matrix[:, :2], matrix[:, 2]
        scale = np.sqrt(abs(np.linalg.det(linear)))
        middles = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2 @ linear.T + shift
        halves = (self.boxes[:, 2:] - self.boxes[:, :2]) / 2 * scale
        boxes = np.concatenate((middles - halves, middles + halves), axis=1)
        points = self.points @ linear.T + shift
        if np.linalg.det(linear) < 0:  # mirrored: the left eye is the right one now
            points = points[:, MIRRORED]
        return Faces(boxes.astype(np.float32), points.astype(np.float32), self.scores)


NO_FACES = Faces(
    np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32)
)


def joined(groups: Sequence[Faces]) -> Faces:
    """The faces of several groups together, the surest first."""
    groups = (*groups, NO_FACES)
    together = Faces(
        np.concatenate([faces.boxes for faces in groups]),
        np.concatenate([faces.points for faces in groups]),
        np.concatenate([faces.scores for faces in groups]),
    )
    return together.chosen(np.argsort(-together.scores, kind="stable"))


def decode(answers: Values, stride_px: int, least_score: float) -> Faces:
    """Reads the faces out of a detector's answers (15, h, w) at one stride."""
    scores = 1.0 / (1.0 + np.exp(-answers[0]))
    rows, columns = np.nonzero(scores >= least_score)
    found = answers[1:, rows, columns].T  # (n, 14)
    cells = np.stack((columns, rows), axis=1) + 0.5
    middles = (cells + found[:, :2]) * stride_px
    halves = np.exp(np.minimum(found[:, 2:4], _LARGEST_LOG)) * (stride_px / 2)
    boxes = np.concatenate((middles - halves, middles + halves), axis=1)
    offsets = found[:, 4:].reshape(-1, 5, 2) * _POINT_STRIDES
    points = (cells[:, None] + offsets) * stride_px
    return Faces(
        boxes.astype(np.float32),
        points.astype(np.float32),
        scores[rows, columns].astype(np.float32),
    )


def encode(
    faces: Faces, rows: NDArray[np.intp], columns: NDArray[np.intp], stride_px: int
) -> Values:
    """What the cells (n,) should answer for their faces (n,): (n, 14), all but the logit."""
    cells = np.stack((columns, rows), axis=1) + 0.5
    middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / (2 * stride_px) - cells
    sizes = np.log(np.maximum((faces.boxes[:, 2:] - faces.boxes[:, :2]) / stride_px, 1e-3))
    points = (faces.points / stride_px - cells[:, None]) / _POINT_STRIDES
    return np.concatenate((middles, sizes, points.reshape(-1, 10)), axis=1).astype(np.float32)


def without_doubles(faces: Faces, same_iou: float = SAME_IOU) -> Faces:
    """Of faces that overlap, the surest alone (non-maximum suppression)."""
    order = np.argsort(-faces.scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(int(best))
        order = order[overlaps(faces.boxes[best], faces.boxes[order]) <= same_iou]
    return faces.chosen(np.array(kept, np.intp))


def overlaps(box: Values, boxes: Values) -> Values:
    """Intersection over union (n,) of one box (4,) with others (n, 4)."""
    common = _common(box, boxes)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - common
    return (common / np.maximum(areas, 1e-9)).astype(np.float32)


def _common(box: Values, boxes: Values) -> Values:
    """What one box (4,) shares with others (n, 4): areas (n,)."""
    inner = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return np.maximum(inner, 0.0).prod(axis=1)


def nested(faces: Faces) -> NDArray[np.intp]:
    """(n,): by the index of a face, that of the far larger one it lies in; -1 = it lies in none.

    What lies so is an eye, an ear or a mouth: of 2,050 finds in
    photos, sharp and blurred, 18 did, and none of them was a face.
    """
    outer = np.full(len(faces), -1, np.intp)
    areas = (faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(axis=1)
    for index, box in enumerate(faces.boxes):
        within = _common(box, faces.boxes) >= _NESTED_SHARE * areas[index]
        around = np.flatnonzero(within & (areas >= _NESTED_TIMES * areas[index]))
        if around.size:
            outer[index] = around[areas[around].argmin()]
    return outer


def face_areas(faces: Faces, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """(H, W): 1 in a face, from the hair to the chin."""
    areas = np.zeros(size, np.uint8)
    for box in faces.boxes:
        _ellipse(areas, (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * _FACE_WIDTHS, 0.0)
    return areas


def person_areas(faces: Faces, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """(H, W): 1 in a face and around it, where hair, hat, neck and collar are."""
    areas = np.zeros(size, np.uint8)
    for box in faces.boxes:
        sides = np.array((box[2] - box[0], box[3] - box[1]))
        left, top = np.rint(box[:2] - _PERSON_BEFORE * sides).astype(int).tolist()
        right, bottom = np.rint(box[2:] + _PERSON_BEYOND * sides).astype(int).tolist()
        cv2.rectangle(areas, (left, top), (right, bottom), (1,), -1)
    return areas


def feature_areas(faces: Faces, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """(H, W): 1 on eyes with their brows, nose and mouth."""
    areas = np.zeros(size, np.uint8)
    for left_eye, right_eye, nose, left_corner, right_corner in faces.points:
        across = right_eye - left_eye
        apart = float(np.linalg.norm(across))
        angle_deg = float(np.rad2deg(np.arctan2(across[1], across[0])))
        up = np.array([across[1], -across[0]])
        for eye in (left_eye, right_eye):
            _ellipse(areas, eye + 0.08 * up, np.array([0.72, 0.5]) * apart, angle_deg)
        mouth = float(np.linalg.norm(right_corner - left_corner))
        middle = (left_corner + right_corner) / 2
        _ellipse(areas, middle, np.array([1.3 * mouth, 0.45 * apart]), angle_deg)
        _ellipse(areas, nose, np.array([0.5, 0.35]) * apart, angle_deg)
    return areas


def _ellipse(
    areas: NDArray[np.uint8],
    middle: NDArray[np.floating],
    size: NDArray[np.floating],
    angle_deg: float,
) -> None:
    """Fills an ellipse of this width and height with 1."""
    cv2.ellipse(areas, (middle.tolist(), size.tolist(), angle_deg), (1,), -1)
