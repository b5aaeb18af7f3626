"""A picture cut into square blocks: what is measured block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def in_blocks(picture: NDArray[np.float32], side_px: int) -> NDArray[np.float32]:
    """(H, W) or (H, W, C) -> (blocks, side, side, C), row by row, C = 1 for (H, W).

    A remainder at the right and at the lower edge is left out; of a picture that is smaller, a side
    is what fits into it.
    """
    side = min(side_px, picture.shape[0], picture.shape[1])
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    cut = picture[: rows * side, : columns * side].reshape(rows, side, columns, side, -1)
    return cut.swapaxes(1, 2).reshape(rows * columns, side, side, cut.shape[-1])
