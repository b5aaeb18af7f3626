"""Suite of colouring: colour photos made grey and coloured again, against their own colours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.evaluate.contenders import keep
from resilver.evaluate.mean_colours import MeanColours
from resilver.evaluate.metrics import CHROMA_ERROR, COLOURFULNESS, HUES_APART, LEAK
from resilver.evaluate.suites import SuitePhoto, read_aged, read_photos
from resilver.evaluate.values import (
    INPUT,
    Case,
    Made,
    Open,
    Restore,
    Sample,
    Setting,
    Suite,
    eight_bits,
)
from resilver.imaging.chroma import colourfulness, luminance, with_colours
from resilver.imaging.colouring import ColourHint
from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import to_float
from resilver.imaging.tone import TONED_255, colour_left
from resilver.models.store import StoredModel, bundled_model, stored_model
from resilver.photo import Photo
from resilver.stages.colourise import ColouriseStage
from resilver.stages.draft import Draft

_SEED = 20_261  # of the places of hints
_LONGEST_PX = 768  # colours have no pixel scale
_HINTS = (1, 5, 20)
_LEAST_COLOUR = 10.0  # originals with less are nearly grey and tell nothing of colours

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False, kw_only=True)
class GreySample(Sample):
    """A grey photo, and what somebody remembers of its colours."""

    hints: tuple[ColourHint, ...]  # as many as any contender is told


def _cases(setting: Setting) -> list[Case[GreySample]]:
    def reader(place: int, photo: Pixels) -> Callable[[], GreySample]:
        def read() -> GreySample:
            rng = np.random.default_rng((_SEED, place))
            hints = hints_of(photo, max(_HINTS), rng)
            return GreySample(given=to_float(as_grey(photo)), truth=to_float(photo), hints=hints)

        return read

    groups: dict[str, list[SuitePhoto]] = {
        "clean": list(read_photos(setting.data / "clean")),
        "kodak": list(read_photos(setting.data / "kodak")),
        "aged, before ageing": [one.clean for one in read_aged(setting.data / "aged")],
    }
    cases: list[Case[GreySample]] = []
    for group, photos in groups.items():
        for place, photo in setting.chosen(photos):
            pixels = shrunk(photo.read_u8(), _LONGEST_PX)
            if _is_coloured(pixels):
                cases.append(Case(photo.name, reader(place, pixels), group))
    return cases


def _stage(model: StoredModel, count: int, setting: Setting) -> Restore[GreySample]:
    def restore(sample: GreySample) -> Made:
        stage = ColouriseStage(model, sample.hints[:count], threads=setting.threads)
        draft = Draft(Photo.from_array(eight_bits(sample.given)))
        return Made(to_float(stage.apply(draft, 1.0, lambda _share: None).photo.pixels))

    return restore


def _ours(count: int) -> Open[GreySample]:
    return lambda setting: _stage(bundled_model("colourise"), count, setting)


def _candidate(path: Path) -> Open[GreySample]:
    return lambda setting: _stage(stored_model(path), 0, setting)


def _mean_colour(setting: Setting) -> Restore[GreySample]:
    mean = MeanColours.of(setting.data.parent / "train")
    return lambda sample: Made(mean.colour(eight_bits(sample.given)))


def _is_coloured(photo: Pixels) -> bool:
    return colourfulness(to_float(photo)) >= _LEAST_COLOUR and colour_left(photo) >= TONED_255


def as_grey(photo: Pixels) -> Pixels:
    """A photo (H, W, 3) without its colours; as light as it was in every place."""
    light = luminance(photo)
    levels = with_colours(light, np.zeros((*light.shape, 2), np.float32))[..., :1]
    return np.repeat(np.rint(levels / 257.0).astype(np.uint8), 3, axis=2)


def hints_of(photo: Pixels, count: int, rng: np.random.Generator) -> tuple[ColourHint, ...]:
    """Points of a photo (H, W, 3) with its colours there, the mean of five by five pixels."""
    calm = cv2.blur(photo, (5, 5))
    height, width = photo.shape[:2]
    places = zip(rng.integers(width, size=count), rng.integers(height, size=count), strict=True)
    hints: list[ColourHint] = []
    for x, y in places:
        red, green, blue = calm[y, x].tolist()
        hints.append(ColourHint(int(x), int(y), (red, green, blue)))
    return tuple(hints)


COLOURISE: Suite[GreySample] = Suite(
    name="colourise",
    sentence="Colour photos made grey by their lightness, coloured, and held against themselves.",
    notes=(
        f"Photos of {_LONGEST_PX} px that have colours. Hints are points drawn at random with the "
        "colour that the photo has there. A guess can be right and far from the original: of a "
        "dress no grey tells whether it was red or blue. Colourfulness after Hasler and Suesstrunk "
        "(2003), as a share of the original's: 1 would be as lively. Leak: the share of a step of "
        "colour that lies beside the edge of lightness it belongs to; of the originals it is "
        "0.16 to 0.21. Mean colour: every lightness has the mean colour that it has in the photos "
        "of the training."
    ),
    cases=_cases,
    contenders={
        INPUT: keep,
        "mean colour": _mean_colour,
        "resilver": _ours(0),
        **{f"resilver, {count} hint{'s' * (count > 1)}": _ours(count) for count in _HINTS},
    },
    metrics=(CHROMA_ERROR, COLOURFULNESS, HUES_APART, LEAK),
    candidate=_candidate,
)
