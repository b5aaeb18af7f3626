"""Tests of training need the `train` extra."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

pytest.importorskip("torch", reason="training needs the train extra")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three small synthetic photos: smooth shapes, edges, some texture."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(3):
        coarse = rng.random((12, 15, 3), np.float32)
        image = cv2.resize(coarse, (600, 480), interpolation=cv2.INTER_CUBIC)
        cv2.circle(image, (200 + 60 * index, 240), 90, (0.1, 0.9, 0.4), -1)
        cv2.rectangle(image, (330, 60), (560, 200), (0.8, 0.2, 0.1), 6)
        levels = np.clip(image * 255, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), levels)
    return folder


@pytest.fixture(scope="session")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one photo with a face, scikit-image's of Eileen Collins, and one without."""
    folder = tmp_path_factory.mktemp("portraits")
    for name, photo in (("0.png", data.astronaut()), ("1.png", data.coffee())):
        cv2.imwrite(str(folder / name), photo[..., ::-1])
    return folder
