"""What two published face detectors answer, read into our values.

YuNet (Wu et al., 2023) and a light RetinaFace (Deng et al., 2019; "slim"). They label photos for
the recipe `detect` and are measured beside our own; neither is shipped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resilver.imaging.faces import NO_FACES, Faces, joined, overlaps, without_doubles
from resilver.models.session import Network

YUNET, SLIM = "yunet-n.onnx", "retinaface-slim.onnx"
SURE = 0.6  # from this score on a detector is sure of a face
ALIKE_IOU = 0.4  # two detectors mean the same face
_STRIDES_PX = (8, 16, 32)
# stride -> sides of RetinaFace slim's anchors, px
_ANCHORS_PX = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
_SLIM_MEAN_BGR = (104.0, 117.0, 123.0)


def both_sure(one: Faces, other: Faces) -> NDArray[np.bool_]:
    """Which of the faces of `one` (n,) both detectors are sure of."""
    sure = other.chosen(other.scores >= SURE)
    return np.array(
        [
            score >= SURE and bool((overlaps(box, sure.boxes) >= ALIKE_IOU).any())
            for box, score in zip(one.boxes, one.scores, strict=True)
        ],
        bool,
    )


def yunet_faces(network: Network, bgr: NDArray[np.float32], least_score: float) -> Faces:
    """The faces that YuNet sees in BGR (H, W, 3) in 0..255."""
    height, width = bgr.shape[:2]
    padded = np.pad(bgr, ((0, -height % 32), (0, -width % 32), (0, 0)))
    outputs = network.run(np.moveaxis(padded, -1, 0)[None])
    found = [NO_FACES]
    for index, stride in enumerate(_STRIDES_PX):
        certain, present, boxes, points = (outputs[index + 3 * part][0] for part in range(4))
        scores = np.sqrt(np.clip(certain[:, 0], 0, 1) * np.clip(present[:, 0], 0, 1))
        here = np.flatnonzero(scores >= least_score)
        cells = np.stack(np.divmod(here, padded.shape[1] // stride)[::-1], axis=1)  # column, row
        middles = (cells + boxes[here, :2]) * stride
        halves = np.exp(boxes[here, 2:]) * (stride / 2)
        marks = (cells[:, None] + points[here].reshape(-1, 5, 2)) * stride
        found.append(_faces(middles, halves, marks, scores[here]))
    return without_doubles(joined(found))


def slim_faces(network: Network, bgr: NDArray[np.float32], least_score: float) -> Faces:
    """The faces that RetinaFace slim sees in BGR (H, W, 3) in 0..255."""
    height, width = bgr.shape[:2]
    image = bgr - np.array(_SLIM_MEAN_BGR, np.float32)
    boxes, scores, points = network.run(np.moveaxis(image, -1, 0)[None])
    anchors = _anchors(height, width)
    here = np.flatnonzero(scores[0, :, 1] >= least_score)
    middle, side = anchors[here, :2], anchors[here, 2:]
    middles = middle + 0.1 * boxes[0, here, :2] * side
    halves = side * np.exp(0.2 * boxes[0, here, 2:]) / 2
    marks = middle[:, None] + 0.1 * points[0, here].reshape(-1, 5, 2) * side[:, None]
    return without_doubles(_faces(middles, halves, marks, scores[0, here, 1]))


def _anchors(height: int, width: int) -> NDArray[np.float32]:
    """(n, 3): middle x and y, side, px; in the order of the network's answers."""
    parts: list[NDArray[np.float32]] = []
    for stride, sides in _ANCHORS_PX.items():
        rows, columns = np.mgrid[: -(-height // stride), : -(-width // stride)]
        middles = (np.stack((columns, rows), axis=-1).reshape(-1, 1, 2) + 0.5) * stride
        middles = np.repeat(middles, len(sides), axis=1)
        side = np.broadcast_to(np.array(sides, np.float32)[None, :, None], (*middles.shape[:2], 1))
        parts.append(np.concatenate((middles, side), axis=2).reshape(-1, 3).astype(np.float32))
    return np.concatenate(parts)


def _faces(
    middles: NDArray[np.floating],
    halves: NDArray[np.floating],
    points: NDArray[np.floating],
    scores: NDArray[np.floating],
) -> Faces:
    boxes = np.concatenate((middles - halves, middles + halves), axis=1)
    return Faces(boxes.astype(np.float32), points.astype(np.float32), scores.astype(np.float32))
