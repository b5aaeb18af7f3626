"""Faces brought upright into a square frame by their five points, and the frame's place in a photo.

Two frames are customary: that of FFHQ (Karras et al., "A Style-Based Generator", 2019), with hair
and chin, in which restorers and priors work, and the tight one of ArcFace (Deng et al., 2019), in
which identity is compared.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.tiles import Area, Pixels, to_float

Points = NDArray[np.float32]
Matrix = NDArray[np.float64]

# Where the points of a face lie in a frame of side 1, in the order of `resilver.imaging.faces`.
# Means over many faces aligned as in FFHQ; those of ArcFace's 112 px frame.
FFHQ_FRAME: Points = np.array(
    [(0.3769, 0.4688), (0.6229, 0.4690), (0.5012, 0.6133), (0.3931, 0.7254), (0.6115, 0.7249)],
    np.float32,
)
IDENTITY_FRAME: Points = np.array(
    [
        (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366),
        (41.5493, 92.3655), (70.7299, 92.2041),
    ],
    np.float32,
) / np.float32(112.0)  # fmt: skip


def similarity(points: Points, targets: Points) -> Matrix:
    """The turn, one scale and shift (2, 3) that bring points (n, 2) nearest to targets (n, 2).

    Least squares, never a mirror image (Umeyama 1991, in two dimensions).
    """
    from_mean, to_mean = points.mean(axis=0), targets.mean(axis=0)
    x, y = (points - from_mean).astype(np.float64).T
    u, v = (targets - to_mean).astype(np.float64).T
    power = max(float((x * x + y * y).sum()), 1e-12)
    cosine = float((x * u + y * v).sum()) / power
    sine = float((x * v - y * u).sum()) / power
    linear = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack((linear, to_mean - linear @ from_mean)).astype(np.float64)


def inverse(matrix: Matrix) -> Matrix:
    """The affine map (2, 3) that undoes this one."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack((linear, -linear @ matrix[:, 2])).astype(np.float64)


def frame_of(points: Points, frame: Points, side_px: int) -> Matrix:
    """The map (2, 3) from pixels of a photo to those of a face's frame of this side."""
    return _between_pixel_middles(similarity(points, frame * np.float32(side_px)))


def cut(pixels: Pixels, matrix: Matrix, side_px: int) -> NDArray[np.float32]:
    """What a photo (H, W, 3) shows in a frame: (side, side, 3), float32 in [0, 1].

    `matrix` is what `frame_of` gives. Beyond the photo its edge goes on. A photo finer than the
    frame is averaged first: sampled as it is, its grain would come out as false detail.
    """
    size = (pixels.shape[0], pixels.shape[1])
    rows, columns = _surroundings(inverse(matrix), side_px, size)
    to_frame = matrix.copy()
    to_frame[:, 2] += matrix[:, :2] @ (columns.start, rows.start)
    # Averaged in the photo's own bits: as floats, a large face would be a copy of the whole scan.
    part, to_frame = _averaged(pixels[rows, columns], to_frame)
    warped = cv2.warpAffine(
        to_float(np.asarray(part, pixels.dtype)),
        to_frame,
        (side_px, side_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.float32)


def laid(shown: NDArray[np.float32], matrix: Matrix, area: Area) -> NDArray[np.float32]:
    """The reverse of `cut`: what a frame (side, side, C) shows in an area of the photo, (h, w, C).

    A frame finer than the photo is averaged first; beyond the frame its edge goes on.
    """
    back = inverse(matrix)
    back[:, 2] -= (area.left, area.top)
    part, to_area = _averaged(shown, back)
    size = (area.right - area.left, area.bottom - area.top)
    warped = cv2.warpAffine(
        part, to_area, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.float32).reshape(size[1], size[0], -1)


def scale_of(matrix: Matrix) -> float:
    """How many pixels of the frame one pixel of the photo becomes, each way."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def _averaged(
    part: NDArray[np.uint8 | np.uint16 | np.float32], matrix: Matrix
) -> tuple[NDArray[np.uint8 | np.uint16 | np.float32], Matrix]:
    """A picture shrunk by whole numbers to about the scale it is mapped to, and the map from it."""
    shrink = max(int(1.0 / max(scale_of(matrix), 1e-6)), 1)
    if shrink == 1:
        return part, matrix
    smaller = (max(part.shape[1] // shrink, 1), max(part.shape[0] // shrink, 1))
    steps = np.array([part.shape[1] / smaller[0], part.shape[0] / smaller[1]])
    part = np.asarray(cv2.resize(part, smaller, interpolation=cv2.INTER_AREA), part.dtype)
    matrix = matrix.copy()
    # A pixel of the smaller picture has its middle at (i + 0.5) * step - 0.5 of the larger.
    matrix[:, 2] += matrix[:, :2] @ (steps / 2 - 0.5)
    matrix[:, :2] = matrix[:, :2] * steps
    return part, matrix


def _between_pixel_middles(matrix: Matrix) -> Matrix:
    """From coordinates in which pixel i covers i to i + 1 to those in which its middle is at i."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return moved


def _surroundings(back: Matrix, side_px: int, size: tuple[int, int]) -> tuple[slice, slice]:
    """The part of a photo (H, W) in which a frame lies, with a margin; at least one pixel."""
    corners = np.array([(0, 0), (side_px, 0), (0, side_px), (side_px, side_px)], np.float64)
    placed = corners @ back[:, :2].T + back[:, 2]
    margin = 4.0 + 2.0 * scale_of(back)
    low, high = placed.min(axis=0) - margin, placed.max(axis=0) + margin
    left, top = (int(np.clip(low[i], 0, size[1 - i] - 1)) for i in (0, 1))
    right, bottom = (int(np.clip(np.ceil(high[i]), 1, size[1 - i])) for i in (0, 1))
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))
