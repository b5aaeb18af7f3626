"""Faces of a photo, framed as a prior knows them: as in FFHQ, but upright and on whole pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resilver.errors import OptionError
from resilver.imaging.alignment import FFHQ_FRAME, Points, inverse, similarity
from resilver.imaging.faces import SAME_IOU, overlaps
from resilver.imaging.hidden import HiddenHow, measure_concealment
from resilver.latent.tiny import LARGEST_PX, Box, square_of
from resilver.models.session import Network
from resilver.models.store import StoredModel
from resilver.photo import Photo
from resilver.stages.detection import beyond_doubt, placed_faces

_FACE_IN_FRAME = np.array(((0.2, 0.2), (0.8, 0.95)))  # corners of a detector's box, in its sides


@dataclass(frozen=True)
class FramedFace:
    """One face of a photo."""

    number: int  # from left to right, from 1 on
    box: Box  # a square, within the photo
    hidden: str | None  # how somebody hid it on purpose, in words

    def __str__(self) -> str:
        x, y, side, _side = self.box
        return f"{self.number} at {x},{y} ({side} px)"


def framed_faces(photo: Photo, detector: Network) -> tuple[FramedFace, ...]:
    """The faces of a photo, from left to right; where none is beyond doubt, what may be one.

    A face is not turned upright: its pixels would no longer be those of the photo, with which the
    candidates have to agree.
    """
    found = placed_faces(detector, photo.pixels)
    hows: list[HiddenHow | None] = [
        measure_concealment(photo.pixels, box, points).how
        for box, points in zip(found.boxes, found.points, strict=True)
    ]
    sure = beyond_doubt(detector, photo.pixels, found, hows)
    # Blur is what time does to a face, and smallness.
    hidden = [None if how == "blurred" else how for how in hows]
    which = np.flatnonzero(sure if sure.any() else np.ones_like(sure))
    which = which[np.argsort(found.boxes[which][:, ::2].mean(axis=1), kind="stable")]
    return tuple(
        FramedFace(number, _frame(found.points[index], photo.size), hidden[index])
        for number, index in enumerate(which, start=1)
    )


def chosen_box(
    photo: Photo,
    detector: StoredModel,
    threads: int | None = None,
    *,
    number: int | None = None,
    box: Box | None = None,
) -> Box | None:
    """Where the face to explore is; None = the photo itself is a face.

    Args:
        photo: the whole photo.
        detector: finds faces; opened only where one has to be looked for.
        threads: of it; None = all cores.
        number: of the face, from left to right; None = the only one.
        box: where the person says that it is, instead.

    Raises:
        OptionError: there is no face, or not this one, or several to choose from; or somebody has
            hidden it on purpose.
    """
    if number is None and min(photo.size) <= LARGEST_PX:
        _refuse_if_hidden(photo, box)
        return box
    faces = framed_faces(photo, detector.open(threads))
    listed = ", ".join(map(str, faces))
    if box is not None:
        chosen = [face for face in faces if _overlap(face.box, box) >= SAME_IOU]
    else:
        chosen = [face for face in faces if number in (None, face.number)]
        if not faces:
            raise OptionError("no face is found in the photo; say where it is with --box x,y,w,h")
        if not chosen:
            raise OptionError(f"there is no face {number} in the photo; there are: {listed}")
        if len(chosen) > 1:
            raise OptionError(f"the photo has several faces; choose one with --face N: {listed}")
    for face in chosen:
        if face.hidden is not None:
            raise OptionError(
                f"face {face} is hidden on purpose, it seems: {face.hidden}. It is not explored."
            )
    if box is not None:
        _refuse_if_hidden(photo, box)  # no detector sees a face behind a mosaic
    return chosen[0].box if box is None else box


def _refuse_if_hidden(photo: Photo, box: Box | None) -> None:
    """Measures the face that fills a square of a photo, its eyes where those of FFHQ's faces are.

    Raises:
        OptionError: somebody has hidden it on purpose, or the box leaves the photo.
    """
    square = square_of(photo.size, box)
    corner, side = np.array((square.left, square.top)), square.right - square.left
    inner = (corner + side * _FACE_IN_FRAME).astype(np.float32).reshape(4)
    points = (corner + side * FFHQ_FRAME).astype(np.float32)
    how = measure_concealment(photo.pixels, inner, points).how
    # Blur is what smallness does; where the eyes are is not known well enough to tell a bar.
    if how == "pixelated":
        raise OptionError(f"the face is hidden on purpose, it seems: {how}. It is not explored.")


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    boxes = np.array([(x, y, x + wide, y + tall) for x, y, wide, tall in (one, other)], np.float32)
    return float(overlaps(boxes[0], boxes[1:])[0])


def _frame(points: Points, size: tuple[int, int]) -> Box:
    """The square of the photo that is the frame of a face's five points (5, 2), moved into it."""
    back = inverse(similarity(points, FFHQ_FRAME))
    middle_x, middle_y = back @ (0.5, 0.5, 1.0)
    side = min(round(float(np.hypot(back[0, 0], back[1, 0]))), *size)
    left = min(max(round(middle_x - side / 2), 0), size[1] - side)
    top = min(max(round(middle_y - side / 2), 0), size[0] - side)
    return left, top, side, side
