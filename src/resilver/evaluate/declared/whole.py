"""Suites of the whole default run: photos that need nothing, and real old ones."""

from __future__ import annotations

from collections.abc import Callable

from resilver.evaluate.contenders import keep, product
from resilver.evaluate.metrics import CHANGED, PSNR, SSIM
from resilver.evaluate.suites import SuitePhoto, read_photos
from resilver.evaluate.values import INPUT, Case, Sample, Setting, Suite
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
