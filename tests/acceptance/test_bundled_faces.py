"""The bundled networks for faces: a worn face comes nearer to the good one, and stays itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

from resilver import Options, restore
from resilver.evaluate.suites import read_photos
from resilver.imaging.alignment import FFHQ_FRAME
from resilver.imaging.measures import psnr
from resilver.imaging.tiles import to_float
from resilver.models.store import bundled_model
from resilver.stages.identity import WARN_BELOW, similarity_of

Picture = NDArray[np.uint8]


def worn(picture: Picture) -> Picture:
    """Blurred, grainy, compressed."""
    soft = cv2.GaussianBlur(picture, (0, 0), 2.0).astype(np.float32)
    grainy = np.clip(soft + np.random.default_rng(0).normal(0, 5, picture.shape), 0, 255)
    _done, data = cv2.imencode(".jpg", grainy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 80])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)


def test_a_worn_face_comes_nearer_and_stays_itself() -> None:
    good = np.ascontiguousarray(astronaut()[:280, 60:360])
    given = worn(good)
    photo, report = restore(given, Options(only=("faces",), threads=1))
    (face,) = report.faces
    assert face.restored
    assert face.similarity is not None
    assert face.similarity > 0.7
    assert face.warning == ""
    left, top, right, bottom = (max(round(value), 0) for value in face.box)
    inside = (slice(top, bottom), slice(left, right))
    before, after = (psnr(to_float(one)[inside], to_float(good)[inside]) for one in (
        given, np.rint(photo.pixels / 257).astype(np.uint8)
    ))  # fmt: skip
    assert after > before + 0.3


def test_strangers_are_told_apart(shared: Path) -> None:
    """A face and itself, softened, against a face and that of somebody else."""
    network = bundled_model("identity").open(1)
    faces = [photo.read_u8() for photo in read_photos(shared / "data/eval/faces256")[::4]]
    points = np.asarray(FFHQ_FRAME, np.float32) * 256
    same = [similarity_of(network, face, worn(face), points) for face in faces]
    other = [
        similarity_of(network, face, stranger, points)
        for face, stranger in zip(faces, faces[1:] + faces[:1], strict=True)
    ]
    assert np.mean(np.array(same) > WARN_BELOW) > 0.9
    assert np.mean(np.array(other) < WARN_BELOW) > 0.9
