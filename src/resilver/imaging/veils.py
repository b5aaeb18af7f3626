"""Veils cleared without a network: what shines through a stain, brought back to its own tone.

A stain of colour C and opacity a over a photo J shows I = (1 - a) J + a C, so J = g I + o with a
gain and an offset that change slowly inside the stain. Along the stain's border J is known: it is
what diffusion carries in from outside. There the line through (I, J) is fitted, and carried
inwards: the local linear model of He, Sun, Tang, "Guided Image Filtering" (2010), fitted on the
border alone.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from resilver.imaging.classical import Mask, Picture, check_fill, fill_telea

REACH_PX = 6.0  # how far inside the border diffusion is still believed
NEAR_PX, FAR_PX = 39, 155  # windows of the fit, each applied twice
# Deep inside a wide stain only the wider windows see any border.
_FAR_WEIGHT, _WHOLE_WEIGHT = 0.02, 1e-3
_NOISE = 1e-4  # variance below which there is nothing to fit a gain to
_GAIN = (0.6, 3.0)  # a veil that hides more than two thirds lets too little through


def first_guess(image: Picture, hole: Mask, veil: Mask, *, threads: int | None = None) -> Picture:
    """What a learned fill starts from: holes filled by diffusion, veils cleared.

    Args:
        image: (H, W, 3) float32 in [0, 1].
        hole: (H, W), True = hidden by damage.
        veil: (H, W), True = covered by translucent damage.
        threads: that diffuse; None = one for each processor.

    Returns:
        (H, W, 3) float32 in [0, 1]; bit for bit the image where neither is True.

    Raises:
        OptionError: shapes that do not go together.
    """
    damaged = hole | veil
    diffused = fill_telea(image, damaged, threads=threads)
    return clear_veil(image, diffused, veil & ~hole, damaged, threads=threads)


def clear_veil(
    image: Picture, guess: Picture, veil: Mask, damaged: Mask, *, threads: int | None = None
) -> Picture:
    """Clears translucent damage by a local linear fit along its border.

    Args:
        image: (H, W, 3) float32 in [0, 1], with the veil over it.
        guess: (H, W, 3), the same with all damage filled from outside, as `fill_telea` does.
        veil: (H, W), True = covered by translucent damage.
        damaged: (H, W), True = damaged in any way; covers the veil.
        threads: that fit a channel each; None = one for each processor.

    Returns:
        `guess` with the cleared image in [0, 1] under the veil.

    Raises:
        OptionError: shapes that do not go together.
    """
    check_fill(image, veil)
    if not veil.any() or damaged.all():
        return guess
    depth_px = cv2.distanceTransform(damaged.astype(np.uint8), cv2.DIST_L2, 3)
    border = (veil & (depth_px <= REACH_PX)).astype(np.float32)
    if not border.any():
        return guess
    weight = _local(border)
    mean_seen, mean_true = np.empty_like(image), np.empty_like(image)

    def fit(channel: int) -> tuple[Picture, Picture]:
        """Variance of what is seen, and covariance with what is true."""
        seen, true = image[..., channel], guess[..., channel]
        mean = mean_seen[..., channel] = _local(seen * border) / weight
        true_mean = mean_true[..., channel] = _local(true * border) / weight
        variance = _local(seen * seen * border) / weight - mean * mean
        together = _local(seen * true * border) / weight - mean * true_mean
        return variance.astype(np.float32, copy=False), together.astype(np.float32, copy=False)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        fits = list(pool.map(fit, range(3)))
    # One gain for all colours: three would be fitted to noise.
    variance, together = (np.mean(parts, axis=0) for parts in zip(*fits, strict=True))
    # Noise makes `variance` too large by about a tenth.
    gain = np.clip((together + _NOISE) / (0.9 * variance + _NOISE), *_GAIN)[..., None]
    cleared = np.clip(mean_true + gain * (image - mean_seen), 0.0, 1.0)
    return np.where(veil[..., None], cleared, guess).astype(np.float32, copy=False)


def _local(values: Picture) -> Picture:
    """Sum of (H, W) values near each pixel, with a little of those farther away and of all."""
    near, far = (_twice_blurred(values, side_px) for side_px in (NEAR_PX, FAR_PX))
    whole = np.float32(_WHOLE_WEIGHT * float(values.mean()))
    return (near + np.float32(_FAR_WEIGHT) * far + whole).astype(np.float32, copy=False)


def _twice_blurred(values: Picture, side_px: int) -> Picture:
    size = (side_px, side_px)
    border = cv2.BORDER_REFLECT
    once = cv2.blur(values, size, borderType=border)
    return np.asarray(cv2.blur(once, size, borderType=border), np.float32)
