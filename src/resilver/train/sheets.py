"""Sheets of drawn faces, to look at."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def sheet(faces: Tensor, columns: int = 8) -> NDArray[np.uint8]:
    """Faces (N, 3, S, S) in [-1, 1] side by side, RGB (rows * S, columns * S, 3)."""
    count, _channels, side, _ = faces.shape
    rows = math.ceil(count / columns)
    canvas = np.zeros((rows * side, columns * side, 3), np.uint8)
    levels = ((faces.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    for index, face in enumerate(levels):
        top, left = index // columns * side, index % columns * side
        canvas[top : top + side, left : left + side] = face
    return canvas
