"""Where the faces of training photos are, by the word of two published detectors.

YuNet (Wu et al., 2023) and a light RetinaFace (Deng et al., 2019; "slim") look at the photo before
it is aged. What both see is a face; what only one sees, or neither surely, counts neither way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import ModelError, RecipeError
from resilver.imaging.faces import Faces, joined, overlaps, without_doubles
from resilver.models.published_detectors import (
    ALIKE_IOU,
    SLIM,
    YUNET,
    both_sure,
    slim_faces,
    yunet_faces,
)
from resilver.models.session import Network, OrtNetwork

_SEEN_PX = 640  # longest side at which photos are looked at
_DOUBTFUL = 0.4


@dataclass(frozen=True, eq=False)
class Labels:
    """The faces of one photo, px."""

    faces: Faces
    doubtful: Faces  # to be counted neither way


def _opened(
    path: Path, faces_of: Callable[[Network, NDArray[np.float32], float], Faces], threads: int
) -> Network:
    if not path.is_file():
        raise RecipeError(f"{path.parent}: the detector {path.name} is not there")
    try:
        network = OrtNetwork(path, threads)
        faces_of(network, np.zeros((64, 64, 3), np.float32), _DOUBTFUL)
    except (ModelError, ValueError, IndexError) as error:  # answers of other numbers or shapes
        raise RecipeError(f"{path}: not the detector of this name") from error
    return network


class FaceLabeller:
    """Both detectors, ready to run.

    Raises:
        RecipeError: the folder lacks one of them, or has something else by its name.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._yunet = _opened(folder / YUNET, yunet_faces, threads)
        self._slim = _opened(folder / SLIM, slim_faces, threads)

    def label(self, photo: NDArray[np.uint8]) -> Labels:
        """The faces of an RGB photo (H, W, 3)."""
        scale = min(1.0, _SEEN_PX / max(photo.shape[:2]))
        size = (max(round(photo.shape[1] * scale), 1), max(round(photo.shape[0] * scale), 1))
        small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA) if scale < 1.0 else photo
        back = np.array([[1 / scale, 0.0, 0.0], [0.0, 1 / scale, 0.0]])
        bgr = np.asarray(small[..., ::-1], np.float32)
        one = yunet_faces(self._yunet, bgr, _DOUBTFUL)
        other = slim_faces(self._slim, bgr, _DOUBTFUL)
        agreed = one.chosen(both_sure(one, other))
        rest = joined((one, other))
        far = [bool((overlaps(box, agreed.boxes) < ALIKE_IOU).all()) for box in rest.boxes]
        doubtful = without_doubles(rest.chosen(np.array(far, bool)))
        return Labels(agreed.moved(back), doubtful.moved(back))
