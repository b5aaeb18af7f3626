"""From the odds of colours to colours: the likeliest ones, or others that are likely too.

References: Zhang, Isola and Efros, "Colorful Image Colorization" (2016) for the annealed mean;
Papandreou and Yuille, "Perturb-and-MAP Random Fields" (2011): noise on the logarithms of the odds,
then the same choice as ever, draws from all that is likely. Noise that is smooth over lightness and
over the colours keeps a thing in one colour.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from numbers import Integral

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import OptionError
from resilver.imaging.chroma import REACH, STEP, bins, to_lab

ANNEALING = 0.38  # temperature of the mean: 1 = of the odds as they are, 0 = the likeliest bin
_DARING = 1.4  # standard deviation of the noise on the logarithms
_TONES = 2  # levels of lightness that have noise of their own
_KIN = 2.0  # bins that the noise moves together (Gaussian sigma)
_LOUD = 40.0  # chroma from which on colours are not made likelier: nothing turns lurid
_AREA_PX, _LEAST_PX, _MOST_PX, _MULTIPLE_PX = 208 * 208, 64, 512, 16
_HINT_PX = 5  # side of the square that a hint is shown to the network as

Values = NDArray[np.float32]

# 120,340,#7a4b2f
HINT_PATTERN = r"^\d{1,6},\d{1,6},#[0-9a-fA-F]{6}$"


@dataclass(frozen=True)
class ColourHint:
    """What colour a person says a place has; its lightness is the photo's own."""

    x: int  # px from the left of the photo
    y: int  # px from the top
    rgb: tuple[int, int, int]  # sRGB, 0..255

    def __post_init__(self) -> None:
        if any(not isinstance(value, Integral) for value in (self.x, self.y, *self.rgb)):
            raise OptionError(f"a hint is of whole numbers, not {(self.x, self.y, self.rgb)}")
        if len(self.rgb) != 3 or not all(0 <= value <= 255 for value in self.rgb):
            raise OptionError(f"a colour is three numbers from 0 to 255, not {self.rgb}")
        # numpy's would overflow where places are computed.
        object.__setattr__(self, "x", int(self.x))
        object.__setattr__(self, "y", int(self.y))
        object.__setattr__(self, "rgb", tuple(int(value) for value in self.rgb))

    @classmethod
    def parse(cls, text: str) -> ColourHint:
        """ "120,340,#7a4b2f": 120 px from the left, 340 px from the top, and a colour.

        Raises:
            OptionError: another form.
        """
        if re.match(HINT_PATTERN, text) is None:
            raise OptionError(f"a hint is x,y,#rrggbb as in 120,340,#7a4b2f, not {text!r}")
        x, y, colour = text.split(",")
        red, green, blue = bytes.fromhex(colour[1:])
        return cls(int(x), int(y), (red, green, blue))

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{self.x},{self.y},#{bytes(self.rgb).hex()}"

    @property
    def ab(self) -> Values:
        """a* and b*, (2,)."""
        colour = np.asarray(self.rgb, np.float32).reshape(1, 1, 3) / np.float32(255)
        return to_lab(colour)[0, 0, 1:]

    def place(self, size: tuple[int, int], at: tuple[int, int]) -> tuple[int, int]:
        """(row, column) in a photo of `size` (height, width) that was resized to `at`."""
        return self.y * at[0] // size[0], self.x * at[1] // size[1]

    def is_in(self, size: tuple[int, int]) -> bool:
        """Whether it lies in a photo of this (height, width)."""
        return 0 <= self.x < size[1] and 0 <= self.y < size[0]


def working_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) at which a photo is looked at: always about as many pixels."""
    scale = math.sqrt(_AREA_PX / (size[0] * size[1]))
    height, width = (
        round(min(max(side * scale, _LEAST_PX), _MOST_PX) / _MULTIPLE_PX) * _MULTIPLE_PX
        for side in size
    )
    return height, width


def hint_map(hints: tuple[ColourHint, ...], size: tuple[int, int], at: tuple[int, int]) -> Values:
    """Hints of a photo of `size` as the network takes them: (3, h, w) at the size `at`.

    a* and b* / 100, and 1 where a hint stands; 0 elsewhere.
    """
    shown = np.zeros((3, *at), np.float32)
    half = _HINT_PX // 2
    for hint in hints:
        y, x = hint.place(size, at)
        area = (slice(max(y - half, 0), y + half + 1), slice(max(x - half, 0), x + half + 1))
        shown[:2, *area] = hint.ab[:, None, None] / np.float32(100)
        shown[2, *area] = 1.0
    return shown


def likely_colours(odds: Values, light: Values, seed: int) -> Values:
    """Colours a*b* (h, w, 2) for odds (bins, h, w) and lightness (h, w), 0..100.

    `seed`: 0 for the likeliest, any other for another choice; the same seed gives the same.
    """
    logs = np.log(np.maximum(odds, np.float32(1e-7)))
    if seed:
        moods = _moods(seed)
        place = np.clip(light / np.float32(100), 0, 1) * np.float32(_TONES - 1)
        low = np.minimum(place.astype(np.intp), _TONES - 2)
        part = (place - low).astype(np.float32)
        logs = logs + (1 - part) * moods[:, low] + part * moods[:, low + 1]
    logs = (logs - logs.max(axis=0)) / np.float32(ANNEALING)
    sharp = np.exp(logs)
    sharp /= sharp.sum(axis=0)
    return np.einsum("bhw,bc->hwc", sharp, bins()).astype(np.float32)


def _moods(seed: int) -> Values:
    """What is added to the logarithms of the odds, (bins, tones): alike for kindred colours.

    Things of one lightness move together: noise over places would leave clouds of colour.
    """
    rng = np.random.default_rng(seed)
    side = 2 * REACH + 1
    places = np.rint(bins() / np.float32(STEP)).astype(np.intp) + REACH
    noise = [
        cv2.GaussianBlur(rng.standard_normal((side, side), np.float32), (0, 0), _KIN)
        for _ in range(_TONES + 1)
    ]
    # One mood for the whole photo, and half as much of each tone's own.
    layers = np.asarray(noise[1:]) + np.float32(2) * noise[0]
    moods = layers[:, places[:, 0], places[:, 1]].T
    chroma = np.linalg.norm(bins(), axis=1, keepdims=True)
    quiet = np.exp(-np.square(chroma / np.float32(_LOUD)) / 2)
    return np.asarray(np.float32(_DARING) * quiet * moods / moods.std(), np.float32)
