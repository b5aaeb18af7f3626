"""Published networks that ours are held against; they are given, never part of the project."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from resilver.models.session import Network

Picture = NDArray[np.float32]
_DUST_ALIGN_PX = 8  # the film-dust network takes multiples of this


def film_dust_map(network: Network, picture: Picture) -> Picture:
    """Probability (H, W) of damage in a picture (H, W, 3), by `film-dust-unet-dust8.onnx`.

    The network takes BGR in multiples of 8 px; the picture is padded by reflection.
    """
    height, width = picture.shape[:2]
    padding = ((0, -height % _DUST_ALIGN_PX), (0, -width % _DUST_ALIGN_PX), (0, 0))
    padded = np.pad(picture[..., ::-1], padding, mode="reflect")
    (probability,) = network.run(to_batch(padded))
    return probability[0, 0, :height, :width]


def denoise_told(network: Network, noisy: Picture, sigma_255: float) -> Picture:
    """A picture (H, W, 3) through a denoiser that is told the noise, as `ffdnet-color.onnx` is.

    `sigma_255` is the standard deviation in grey levels of 255; the result is not clipped.
    """
    sigma = np.full((1, 1, 1, 1), sigma_255 / 255.0, np.float32)
    (clean,) = network.run(to_batch(noisy), sigma)
    return from_batch(clean)


def denoise_blind(network: Network, noisy: Picture) -> Picture:
    """A picture (H, W, 3) through a denoiser that takes nothing but the picture; not clipped."""
    (clean,) = network.run(to_batch(noisy))
    return from_batch(clean)


def to_batch(picture: Picture) -> Picture:
    """(H, W, 3) -> (1, 3, H, W)."""
    return np.ascontiguousarray(np.moveaxis(picture, -1, 0)[None])


def from_batch(batch: Picture) -> Picture:
    """(1, 3, H, W) -> (H, W, 3)."""
    return np.ascontiguousarray(np.moveaxis(batch[0], 0, -1))
