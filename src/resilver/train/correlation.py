"""How far the noise of scans reaches: from where on two pixels have none of it in common.

What stands in for two scans of a print are two pixels of one scan, which must have noise of their
own (`resilver.train.scans`). Beside each other they often have not: film grain is wider than a
pixel, and many scanners interpolate. A denoiser is then rewarded for keeping what both have.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from resilver.errors import RecipeError
from resilver.imaging.blocks import in_blocks
from resilver.imaging.tiles import Pixels, to_float
from resilver.train.recipe import channels_first

DISTANCES_PX = (1, 2, 3)  # between two pixels that may stand in for two scans
TOLERATED = 0.2  # correlation of their noise
_PHOTOS, _TILES, _TILE_PX = 8, 3, 192  # that are looked at: photos, and squares of each
_BLOCK_PX, _FLAT_SHARE = 16, 0.25  # noise is looked at in the flattest blocks
_SILENT = 0.3 / 255.0  # standard deviation under which there is nothing but rounding

Blocks = NDArray[np.float32]  # (N, 16, 16, 3)


def distance_apart(photos: Sequence[Pixels], network: nn.Module, seed: int) -> int:
    """The least of `DISTANCES_PX` at which the noise of two pixels is independent, or nearly.

    Raises:
        RecipeError: there is none.
    """
    correlations = noise_correlations(photos, network, seed)
    for distance, correlation in zip(DISTANCES_PX, correlations, strict=True):
        if correlation <= TOLERATED:
            return distance
    raise RecipeError(
        f"the grain is too coarse to be learned from single scans: pixels {DISTANCES_PX[-1]} px "
        f"apart still have {100 * correlations[-1]:.0f} % of it in common"
    )


@torch.no_grad()
def noise_correlations(
    photos: Sequence[Pixels], network: nn.Module, seed: int
) -> tuple[float, ...]:
    """Correlation of the noise of two pixels for each of `DISTANCES_PX`, along rows or columns.

    The larger of both, in flat places; 0 where there is no noise.

    Args:
        photos: (H, W, 3), 8 or 16 bit, at least 16 px each way.
        network: a denoiser; noise is what it takes off.
        seed: of the places that are looked at.
    """
    rng = np.random.default_rng(seed)
    network.eval()
    flat: list[Blocks] = []
    for index in rng.permutation(len(photos))[:_PHOTOS].tolist():
        for _ in range(_TILES):
            tile = _tile(photos[index], rng)
            clean = network(torch.from_numpy(channels_first(tile))[None])[0].float().numpy()
            flat.append(_flat_noise(tile, np.moveaxis(clean, 0, -1)))
    noise = np.concatenate(flat)
    power = float(np.square(noise).sum(axis=-1).mean()) if len(noise) else 0.0
    if power == 0.0:
        return (0.0,) * len(DISTANCES_PX)
    return tuple(
        max(
            float((noise[:, d:] * noise[:, :-d]).sum(axis=-1).mean()),
            float((noise[:, :, d:] * noise[:, :, :-d]).sum(axis=-1).mean()),
        )
        / power
        for d in DISTANCES_PX
    )


def _tile(photo: Pixels, rng: np.random.Generator) -> NDArray[np.float32]:
    """A random part of a photo, whole blocks of it."""
    height, width = (min(side, _TILE_PX) // _BLOCK_PX * _BLOCK_PX for side in photo.shape[:2])
    top = int(rng.integers(photo.shape[0] - height + 1))
    left = int(rng.integers(photo.shape[1] - width + 1))
    return to_float(photo[top : top + height, left : left + width])


def _flat_noise(tile: NDArray[np.float32], clean: NDArray[np.float32]) -> Blocks:
    """What was taken off in the flattest of the blocks that have any noise, mean 0 in each."""
    noise, content = (in_blocks(part, _BLOCK_PX) for part in (tile - clean, clean))
    least = np.minimum(noise.std(axis=(1, 2)), in_blocks(tile, _BLOCK_PX).std(axis=(1, 2)))
    loud = least.max(axis=-1) > _SILENT  # not the blank lid of the scanner
    noise, content = noise[loud], content[loud]
    flattest = np.argsort(content.std(axis=(1, 2)).mean(axis=-1), kind="stable")
    noise = noise[flattest[: int(np.ceil(_FLAT_SHARE * len(noise)))]]
    return noise - noise.mean(axis=(1, 2), keepdims=True)
