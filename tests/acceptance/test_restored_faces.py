"""Faces, as a person sees it: what lost detail gets it back, everybody else is left in peace."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnx", reason="networks are made with onnx, which the train extra brings")

from making_networks import face_network
from resilver import Options, Pipeline
from resilver.evaluate.suites import read_photos
from resilver.imaging.measures import psnr, ssim
from resilver.imaging.tiles import to_float
from resilver.photo import Photo


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setenv("RESILVER_MODELS", str(tmp_path))
    face_network(tmp_path)
    return Pipeline(Options(only=("faces",), face_model="sharpener", threads=1))


def test_good_portraits_come_back_as_they_were(shared: Path, pipeline: Pipeline) -> None:
    portraits = [
        entry
        for entry in read_photos(shared / "data" / "eval" / "clean")
        if entry.name.startswith("portrait")
    ]
    for entry in portraits[::4]:
        picture = entry.read_u8()
        photo, report = pipeline.restore(Photo.from_array(picture))
        assert report.faces, entry.name
        after = to_float(photo.pixels)
        assert ssim(after, picture.astype(np.float32) / 255) >= 0.99, entry.name


def test_soft_portraits_get_nearer_to_the_sharp_ones(shared: Path, pipeline: Pipeline) -> None:
    """Even by a network that only sharpens: what is laid back lies where it belongs."""
    for entry in read_photos(shared / "data" / "eval" / "faces512")[::20]:
        sharp = np.asarray(cv2.resize(entry.read_u8(), (256, 256), interpolation=cv2.INTER_AREA))
        soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 4))
        photo, report = pipeline.restore(Photo.from_array(soft))
        (face,) = report.faces
        assert face.restored, entry.name
        truth = sharp.astype(np.float32) / 255
        before, after = to_float(soft), to_float(photo.pixels)
        assert psnr(after, truth) > psnr(before, truth), entry.name
        tint = np.abs((after - before).mean(axis=(0, 1)))
        assert tint.max() < 0.004, entry.name
