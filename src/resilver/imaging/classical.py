"""Classical fills: damaged pixels computed from their surroundings, nothing learned.

Diffusion (Telea, Navier-Stokes, biharmonic) continues what touches the hole: right for scratches
and small holes, blurred in large ones. For texture see `resilver.imaging.patchmatch`.

Every fill takes float32 pixels (H, W, 3) in [0, 1] and a mask (H, W), True = damaged. Pixels
outside the mask come back bit-equal. Where the mask covers the whole picture there is nothing to
continue from, and the picture comes back as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import OptionError

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

RADIUS_PX = 3.0  # how far a filled pixel looks for sound ones
_CONTEXT_PX = 2  # a bilaplacian reaches two pixels
_GREY_LEVELS = 255.0  # OpenCV's gradient terms count in them


def fill_telea(image: Picture, mask: Mask, *, threads: int | None = None) -> Picture:
    """Fills by fast marching from the hole's edge inwards.

    Telea, "An Image Inpainting Technique Based on the Fast Marching Method" (2004).

    Args:
        image: (H, W, 3) float32 in [0, 1].
        mask: (H, W), True = damaged.
        threads: that fill a channel each; None = one for each processor.

    Returns:
        (H, W, 3) float32 in [0, 1].

    Raises:
        OptionError: shapes that do not go together.
    """
    return _fill_with_opencv(image, mask, cv2.INPAINT_TELEA, threads)


def fill_navier_stokes(image: Picture, mask: Mask, *, threads: int | None = None) -> Picture:
    """Fills by carrying the image's smoothness along lines of equal brightness, as a fluid flows.

    Bertalmio, Bertozzi, Sapiro, "Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting"
    (2001). Arguments, result and errors as `fill_telea`.
    """
    return _fill_with_opencv(image, mask, cv2.INPAINT_NS, threads)


def fill_biharmonic(image: Picture, mask: Mask) -> Picture:
    """Fills with the smoothest surface that meets the surroundings in value and slope.

    Damelin, Hoang, "On Surface Completion and Image Inpainting by Biharmonic Functions" (2018).
    Every connected hole is one sparse system of equations: exact, and slow for very large holes.
    Arguments, result and errors as `fill_telea`.
    """
    from skimage.restoration import inpaint_biharmonic  # noqa: PLC0415 (0.3 s to import)

    check_fill(image, mask)
    if not mask.any() or mask.all():
        return image.copy()
    filled = image.copy()
    for rows, columns, hole in _holes(mask):
        # The clipping inside is to the range of the pixels given, as diffusion should stay.
        part = inpaint_biharmonic(image[rows, columns], hole, channel_axis=-1)
        filled[rows, columns][hole] = part[hole]
    return keep_sound(image, mask, filled)


def check_fill(image: Picture, mask: Mask) -> None:
    """Checks what a fill is given.

    Raises:
        OptionError: not (H, W, 3) float32, or a mask of another size or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.float32:
        raise OptionError(f"a fill takes (H, W, 3) float32, not {image.shape} {image.dtype}")
    if mask.shape != image.shape[:2] or mask.dtype != np.bool_:
        raise OptionError(f"the mask is {mask.shape} {mask.dtype}, the picture {image.shape[:2]}")


def keep_sound(image: Picture, mask: Mask, filled: NDArray[np.floating]) -> Picture:
    """`filled` inside the mask, clipped to [0, 1]; `image` outside of it, bit for bit."""
    clipped = np.clip(filled, 0.0, 1.0).astype(np.float32)
    return np.where(mask[..., None], clipped, image)


def _fill_with_opencv(image: Picture, mask: Mask, method: int, threads: int | None) -> Picture:
    check_fill(image, mask)
    if not mask.any() or mask.all():
        return image.copy()
    # A picture one pixel high has no gradient across, and Telea divides by it.
    holes = np.pad(mask.astype(np.uint8), 1, mode="edge")
    sound = image[~mask]
    filled = np.empty_like(image)

    def fill(channel: int) -> None:
        # Only one-channel float keeps its precision; on [0, 1] the gradient terms would drown it.
        plane = np.pad(image[..., channel] * np.float32(_GREY_LEVELS), 1, mode="edge")
        full = cv2.inpaint(plane, holes, RADIUS_PX, method)[1:-1, 1:-1]
        values = sound[:, channel]
        # Diffusion cannot leave the range of what it diffuses; rounding in OpenCV can.
        filled[..., channel] = np.clip(full / _GREY_LEVELS, values.min(), values.max())

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for _ in pool.map(fill, range(3)):
            pass
    return keep_sound(image, mask, filled)


def _holes(mask: Mask) -> Iterator[tuple[slice, slice, Mask]]:
    """The holes one by one: a box with the context its equations need, and its own pixels there.

    Holes that share context come as one, so that none takes another's damage for sound.
    """
    reach = 2 * _CONTEXT_PX + 1
    near = cv2.dilate(mask.astype(np.uint8), np.ones((reach, reach), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    for index in range(1, count):
        left, top, width, height = (int(value) for value in stats[index, :4])
        rows, columns = slice(top, top + height), slice(left, left + width)
        yield rows, columns, mask[rows, columns] & (labels[rows, columns] == index)
