"""Suites of the whole default run: photos that need nothing, and real old ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from resilver.evaluate.contenders import keep, product
from resilver.evaluate.metrics import CHANGED, PSNR, SSIM
from resilver.evaluate.suites import SuitePhoto, read_photos
from resilver.evaluate.values import INPUT, Case, Sample, Setting, Suite
from resilver.imaging.measures import LUMA, Picture
from resilver.imaging.resizing import resized
from resilver.options import Options


def _photos(folder: str, *, good: bool) -> Callable[[Setting], list[Case[Sample]]]:
    """The photos of a folder; good ones are their own truth."""

    def reader(photo: SuitePhoto) -> Callable[[], Sample]:
        def read() -> Sample:
            picture = photo.read()
            return Sample(given=picture, truth=picture if good else None)

        return read

    def cases(setting: Setting) -> list[Case[Sample]]:
        photos = setting.chosen(read_photos(setting.data / folder))
        return [Case(photo.name, reader(photo)) for _place, photo in photos]

    return cases


CLEAN: Suite[Sample] = Suite(
    name="clean",
    sentence="Do no harm: good photos must come back from the default run as they were.",
    cases=_photos("clean", good=True),
    contenders={INPUT: keep, "resilver": product(Options())},
    metrics=(SSIM, PSNR, CHANGED),
)


def _kodak(setting: Setting) -> list[Case[Sample]]:
    """Each photo as it is, at half its size, and in grey."""

    def reader(photo: SuitePhoto, made: Callable[[Picture], Picture]) -> Callable[[], Sample]:
        def read() -> Sample:
            levels = np.rint(255 * made(photo.read()))  # as a file has them
            picture = (levels / 255).astype(np.float32)
            return Sample(given=picture, truth=picture)

        return read

    return [
        Case(photo.name, reader(photo, made), group)
        for group, made in _STATES.items()
        for _place, photo in setting.chosen(read_photos(setting.data / "kodak"))
    ]


def _halved(picture: Picture) -> Picture:
    half = resized(picture, (picture.shape[0] // 2, picture.shape[1] // 2))
    return np.clip(half, 0.0, 1.0)


def _greyed(picture: Picture) -> Picture:
    return np.repeat((picture @ LUMA)[..., None], 3, axis=2).astype(np.float32)


_STATES: dict[str, Callable[[Picture], Picture]] = {
    "kodak": lambda picture: picture,
    "kodak, half the size": _halved,
    "kodak, in grey": _greyed,
}

SOUND: Suite[Sample] = Suite(
    name="sound",
    sentence=(
        "Do no harm, again: photos with clouds, rocks and water, to which no threshold was fitted."
    ),
    cases=_kodak,
    contenders={INPUT: keep, "resilver": product(Options())},
    metrics=(SSIM, PSNR, CHANGED),
)

OLD: Suite[Sample] = Suite(
    name="old",
    sentence="Real old photographs through the default run, to be looked at (--html).",
    notes="Nobody knows what they were: nothing is measured. Told: with --force repair.",
    cases=_photos("old", good=False),
    contenders={
        INPUT: keep,
        "resilver": product(Options()),
        "resilver, told": product(Options(force=("repair",))),
    },
)
