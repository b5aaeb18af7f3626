"""Suite of enlarging: photos reduced cleanly, and photos that became small the hard way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from resilver.evaluate.metrics import BACK, PERCEPTUAL, PSNR, SSIM
from resilver.evaluate.suites import SuitePhoto, read_photos
from resilver.evaluate.values import Case, Made, Open, Restore, Sample, Setting, Suite, eight_bits
from resilver.imaging.measures import Picture
from resilver.imaging.reduction import poorly_reduced
from resilver.imaging.resizing import resized
from resilver.imaging.tiles import to_float
from resilver.models.session import Network, OrtNetwork
from resilver.models.store import bundled_model
from resilver.stages.upscale import enlarged

_FACTOR = 4
_SEED = 20_261  # of what made the poor photos poor
_POOR_PX = 768  # longest side of the good photos that become poor


def _cases(setting: Setting) -> list[Case[Sample]]:
    def cleanly(photo: SuitePhoto) -> Callable[[], Sample]:
        def read() -> Sample:
            large = _whole_cells(photo.read())
            size = large.shape[0] // _FACTOR, large.shape[1] // _FACTOR
            return Sample(given=_rounded(resized(large, size)), truth=large)

        return read

    def poorly(place: int, photo: SuitePhoto) -> Callable[[], Sample]:
        def read() -> Sample:
            picture = photo.read()
            scale = min(1.0, _POOR_PX / max(picture.shape[:2]))
            size = round(scale * picture.shape[0]), round(scale * picture.shape[1])
            good = _whole_cells(_rounded(resized(picture, size)))
            rng = np.random.default_rng((_SEED, place))
            return Sample(given=poorly_reduced(good, _FACTOR, rng), truth=good)

        return read

    def chosen(folder: str) -> list[tuple[int, SuitePhoto]]:
        return setting.chosen(read_photos(setting.data / folder))

    return [
        *(
            Case(photo.name, cleanly(photo), f"{folder}, reduced by bicubic")
            for folder in ("set14", "kodak")
            for _place, photo in chosen(folder)
        ),
        *(
            Case(photo.name, poorly(place, photo), "clean, made poor")
            for place, photo in chosen("clean")
        ),
    ]


def _through(network: Network) -> Restore[Sample]:
    return lambda sample: Made(_rounded(enlarged(network, sample.given, _FACTOR)))


def _bundled(name: str) -> Open[Sample]:
    return lambda setting: _through(OrtNetwork(bundled_model(name).path, setting.threads))


def _published(name: str) -> Open[Sample]:
    return lambda setting: _through(setting.published(name))


def _candidate(path: Path) -> Open[Sample]:
    return lambda setting: _through(OrtNetwork(path, setting.threads))


def _bicubic(_setting: Setting) -> Restore[Sample]:
    def restore(sample: Sample) -> Made:
        height, width = sample.given.shape[:2]
        return Made(_rounded(resized(sample.given, (_FACTOR * height, _FACTOR * width))))

    return restore


def _lanczos(_setting: Setting) -> Restore[Sample]:
    def restore(sample: Sample) -> Made:
        size = (_FACTOR * sample.given.shape[1], _FACTOR * sample.given.shape[0])
        large = cv2.resize(sample.given, size, interpolation=cv2.INTER_LANCZOS4)
        return Made(_rounded(np.asarray(large, np.float32)))

    return restore


def _rounded(picture: Picture) -> Picture:
    """To 8 bits, as a file holds it."""
    return to_float(eight_bits(picture))


def _whole_cells(picture: Picture) -> Picture:
    """Without what is left over at the right and the bottom when the photo is reduced."""
    height, width = (side // _FACTOR * _FACTOR for side in picture.shape[:2])
    return np.ascontiguousarray(picture[:height, :width])


UPSCALE: Suite[Sample] = Suite(
    name="upscale",
    sentence="Small photos enlarged four times, held against the photos they were.",
    notes=(
        "Reduced by the antialiased bicubic (a = -1/2) to 8 bits; or made poor by blur, resizing, "
        "grain and JPEG, twice over in random order, as resilver.imaging.reduction draws it with "
        f"fixed seeds, from photos of {_POOR_PX} px. Back: the result reduced again by the "
        "bicubic, against what was given."
    ),
    cases=_cases,
    contenders={
        "bicubic": _bicubic,
        "Lanczos": _lanczos,
        "resilver, faithful": _bundled("upscale"),
        "resilver, vivid": _bundled("vivid"),
        "safmn-x4": _published("safmn-x4"),
        "realesr-general-x4v3": _published("realesr-general-x4v3"),
    },
    metrics=(PSNR, SSIM, PERCEPTUAL, BACK),
    baseline="bicubic",
    candidate=_candidate,
)
