"""Published networks that enlarge, as teachers: what they make of a photo that became small.

Hinton et al., "Distilling the Knowledge in a Neural Network" (2015). What a photo was like nobody
can tell from a small one, so its pixels pull a network to and fro; what the teacher answers follows
from the small photo alone, and is learned in fewer steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resilver.errors import ModelError, RecipeError
from resilver.models.session import Network, OrtNetwork
from resilver.train.photos import CropStream, find_photos, shuffled
from resilver.train.recipe import Sample, channels_first

Pixels = NDArray[np.float32]

_WINDOW_PX = 480  # the teacher sees so much of a photo at once, and many crops are cut from that
_WINDOWS, _CROPS = 2, 24  # of a photo, and of each: a teacher costs as much as some steps
_TRIED_PX = 32  # side of what it is first tried on
_HELD = 256  # samples held back, so that a batch shows many photos


def taught_samples(
    sources: list[Path],
    teacher: Path,
    reduced: Callable[[Pixels], Pixels],
    scale: int,
    crop_px: int,
    seed: int,
    smallest_scale: float,
) -> Iterator[Sample]:
    """Crops of photos (`large`), of what became of them (`small`) and what the teacher makes of it.

    Args:
        reduced: from a photo (H, W, 3) in [0, 1] to the small one, (H / scale, W / scale, 3).
        crop_px: side of the large crops, a multiple of `scale`.
        smallest_scale: photos are shrunk to this at most beforehand.

    Raises:
        RecipeError: the teacher is not there, or no network that enlarges so.
    """
    network = _opened(teacher, scale)
    windows = CropStream(
        find_photos(sources),
        _WINDOW_PX,
        seed,
        smallest_scale=smallest_scale,
        crops_per_photo=_WINDOWS,
    )
    cut = _cuts(windows, network, reduced, scale, crop_px // scale, seed)
    return shuffled(cut, _HELD, seed)


def _opened(teacher: Path, scale: int) -> Network:
    side = _TRIED_PX
    try:
        network = OrtNetwork(teacher, 1)
        (answer,) = network.run(np.full((1, 3, side, side), 0.5, np.float32))
    except (ModelError, ValueError) as error:  # ValueError: other inputs or outputs than one
        raise RecipeError(f"{teacher}: no network that enlarges a photo") from error
    if answer.shape != (1, 3, scale * side, scale * side):
        made = " x ".join(map(str, answer.shape[2:])) or "a number"
        raise RecipeError(
            f"{teacher}: it does not enlarge photos {scale} times (of {side} x {side} px it makes "
            f"{made})"
        )
    return network


def _cuts(
    windows: CropStream,
    teacher: Network,
    reduced: Callable[[Pixels], Pixels],
    scale: int,
    side_px: int,
    seed: int,
) -> Iterator[Sample]:
    rng = np.random.default_rng(seed)
    for large in windows:
        small = reduced(large)
        (answer,) = teacher.run(channels_first(small)[None])
        taught = np.clip(np.moveaxis(answer[0], 0, -1), 0.0, 1.0)
        pictures = {"small": small, "large": large, "taught": taught}
        for _ in range(_CROPS):
            top, left = (int(rng.integers(length - side_px + 1)) for length in small.shape[:2])
            yield {
                name: _cut(picture, top, left, side_px, 1 if name == "small" else scale)
                for name, picture in pictures.items()
            }


def _cut(picture: Pixels, top: int, left: int, side_px: int, scale: int) -> Pixels:
    rows = slice(scale * top, scale * (top + side_px))
    columns = slice(scale * left, scale * (left + side_px))
    return channels_first(picture[rows, columns])
