"""How a photo becomes small and poor in the real world: for training, and for fixed tests.

Reference: Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic
Data" (2021): blur, resizing, grain and compression, twice over; Zhang et al., "Designing a
Practical Degradation Model for Deep Blind Image Super-Resolution" (2021): in random order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.measures import LUMA
from resilver.imaging.resizing import resized

Pixels = NDArray[np.float32]

_RINGING_SHARE = 0.1  # of the blurs
_HOWS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Hardship:
    """What may happen to a photo in one round; lengths are pixels of the photo as it then is."""

    blur_share: float  # probability that it is blurred
    blur_px: tuple[float, float]  # sigma along each axis of the kernel
    resize: tuple[float, float]  # factors on the way
    grain_share: float
    grain: tuple[float, float]  # standard deviation in mid-grey, colours in [0, 1]
    jpeg_share: float
    quality: tuple[int, int]  # of JPEG


FIRST = Hardship(0.8, (0.2, 2.6), (0.3, 1.2), 0.8, (0.004, 0.08), 0.7, (40, 96))
SECOND = Hardship(0.6, (0.2, 1.2), (0.6, 1.1), 0.7, (0.002, 0.05), 0.8, (45, 96))


def poorly_reduced(
    photo: Pixels, factor: int, rng: np.random.Generator, *, clean_share: float = 0.0
) -> Pixels:
    """(H, W, 3) in [0, 1] -> (H // factor, W // factor, 3) in [0, 1], in steps of 1/255.

    A share of the photos is reduced by the bicubic and nothing else.
    """
    size = photo.shape[0] // factor, photo.shape[1] // factor
    if rng.random() < clean_share:
        worn = resized(photo, size)
    else:
        worn = _round(photo, FIRST, rng, None)
        worn = _round(worn, SECOND, rng, size)
    return (np.rint(np.clip(worn, 0, 1) * 255) / np.float32(255)).astype(np.float32)


def _round(
    photo: Pixels, hard: Hardship, rng: np.random.Generator, size: tuple[int, int] | None
) -> Pixels:
    """One round, ended at `size` (height, width) where one is given."""

    def blur(x: Pixels) -> Pixels:
        return _filtered(x, _kernel(hard, rng)) if rng.random() < hard.blur_share else x

    def resize(x: Pixels) -> Pixels:
        target = size
        if target is None:
            factor = np.exp(rng.uniform(*np.log(hard.resize)))
            target = max(round(x.shape[0] * factor), 8), max(round(x.shape[1] * factor), 8)
        how = _HOWS[int(rng.integers(len(_HOWS)))]
        if how == cv2.INTER_CUBIC and target[0] < x.shape[0]:
            return resized(x, target)
        return np.asarray(cv2.resize(x, target[::-1], interpolation=how), np.float32)

    def grain(x: Pixels) -> Pixels:
        return _grained(x, hard, rng) if rng.random() < hard.grain_share else x

    def compress(x: Pixels) -> Pixels:
        if rng.random() >= hard.jpeg_share:
            return x
        return _compressed(x, int(rng.integers(hard.quality[0], hard.quality[1])))

    steps: list[Callable[[Pixels], Pixels]] = [blur, resize, grain, compress]
    for index in rng.permutation(len(steps)):
        photo = np.clip(steps[index](photo), 0.0, 1.0)
    return photo


def _kernel(hard: Hardship, rng: np.random.Generator) -> NDArray[np.float32]:
    """A Gaussian, longer one way than the other or not; now and then a filter that rings."""
    side = int(rng.choice([7, 9, 13]))
    x, y = np.meshgrid(*[np.arange(side) - side // 2] * 2)
    if rng.random() < _RINGING_SHARE:
        cut = float(rng.uniform(np.pi / 3, np.pi))
        # Separable, unlike the circular filter of the paper: as resizers of software ring.
        kernel = np.sinc(cut * x / np.pi) * np.sinc(cut * y / np.pi)
        kernel = kernel * np.outer(np.hanning(side + 2)[1:-1], np.hanning(side + 2)[1:-1])
    else:
        first, second = np.exp(rng.uniform(*np.log(hard.blur_px), size=2))
        if rng.random() < 0.5:
            second = first
        turn = float(rng.uniform(0, np.pi))
        along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        kernel = np.exp(-0.5 * ((along / first) ** 2 + (across / second) ** 2))
    return (kernel / kernel.sum()).astype(np.float32)


def _filtered(photo: Pixels, kernel: NDArray[np.float32]) -> Pixels:
    blurred = cv2.filter2D(photo, -1, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)


def _grained(photo: Pixels, hard: Hardship, rng: np.random.Generator) -> Pixels:
    """Gaussian grain, or that of counted light; of one colour four times out of ten."""
    sigma = np.float32(np.exp(rng.uniform(*np.log(hard.grain))))
    one_colour = rng.random() < 0.4
    shape = (*photo.shape[:2], 1 if one_colour else 3)
    clumps = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.4:  # counted light: its variance grows with brightness
        light = (photo @ LUMA)[..., None] if one_colour else photo
        clumps = clumps * np.sqrt(np.float32(2) * np.maximum(light, 0))
    return np.asarray(photo + sigma * clumps, np.float32)


def _compressed(photo: Pixels, quality: int) -> Pixels:
    levels = np.rint(photo[..., ::-1] * 255.0).astype(np.uint8)
    _, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert back is not None
    return back[..., ::-1].astype(np.float32) / np.float32(255)
