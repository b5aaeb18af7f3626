"""Suite of tone: photos whose colours were faded on purpose, and photos that are good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from resilver.ageing.dyes import FadingMix, fade_tones
from resilver.evaluate.contenders import keep
from resilver.evaluate.metrics import COLOUR_DISTANCE
from resilver.evaluate.suites import AgedPrint, SuitePhoto, read_aged, read_photos
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
from resilver.imaging.resizing import shrunk
from resilver.imaging.tiles import to_float
from resilver.models.store import StoredModel, bundled_model, stored_model
from resilver.photo import Photo
from resilver.stages.draft import Draft
from resilver.stages.tone import ToneStage

_SEED = 20_260
_LONGEST_PX = 512  # fading has no pixel scale; dE2000 of large pictures takes long
_FADED = {"evenly faded": FadingMix(uneven=0.0), "unevenly faded": FadingMix(uneven=1.0)}


def _cases(setting: Setting) -> list[Case[Sample]]:
    def good(photo: SuitePhoto) -> Callable[[], Sample]:
        def read() -> Sample:
            picture = shrunk(photo.read(), _LONGEST_PX)
            return Sample(given=picture, truth=picture)

        return read

    def faded(place: int, photo: SuitePhoto, how: FadingMix) -> Callable[[], Sample]:
        def read() -> Sample:
            picture = shrunk(photo.read(), _LONGEST_PX)
            monochrome = bool(np.ptp(picture, axis=2).max() < 0.02)
            rng = np.random.default_rng((_SEED, place))
            given = fade_tones(picture, rng, how, monochrome=monochrome)
            return Sample(given=given, truth=picture)

        return read

    def foreign(made: AgedPrint) -> Callable[[], Sample]:
        return lambda: Sample(given=made.intact.read(), truth=made.clean.read())

    folders = ("clean", "kodak")
    photos = setting.chosen([p for name in folders for p in read_photos(setting.data / name)])
    prints = setting.chosen(read_aged(setting.data / "aged"))
    return [
        *(
            Case(photo.name, faded(place, photo, how), group)
            for group, how in _FADED.items()
            for place, photo in photos
        ),
        *(Case(made.name, foreign(made), "aged, not by us") for _place, made in prints),
        *(Case(photo.name, good(photo), "good") for _place, photo in photos),
    ]


def _stage(model: StoredModel, setting: Setting) -> Restore[Sample]:
    """The stage, which decides itself whether it acts."""
    stage = ToneStage(model, threads=setting.threads)

    def restore(sample: Sample) -> Made:
        draft = Draft(Photo.from_array(eight_bits(sample.given)))
        finding, draft = stage.diagnose(draft, _ignore)
        if not finding.act:
            return Made(sample.given, "nothing to do")
        return Made(to_float(stage.apply(draft, 1.0, _ignore).photo.pixels), "found faded")

    return restore


def _ours(setting: Setting) -> Restore[Sample]:
    return _stage(bundled_model("tone"), setting)


def _candidate(path: Path) -> Open[Sample]:
    return lambda setting: _stage(stored_model(path), setting)


def _grey_world_clahe(_setting: Setting) -> Restore[Sample]:
    """Channels scaled to one mean, then lightness by CLAHE (Zuiderveld 1994)."""

    def restore(sample: Sample) -> Made:
        means = sample.given.mean(axis=(0, 1))
        balanced = sample.given * (means.mean() / np.maximum(means, 1e-3))
        lab = cv2.cvtColor(eight_bits(balanced), cv2.COLOR_RGB2LAB)
        lab[..., 0] = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0])
        levels = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
        return Made(levels.astype(np.float32) / np.float32(255))

    return restore


def _percentile_stretch(_setting: Setting) -> Restore[Sample]:
    """Each channel from its first to its last percentile."""

    def restore(sample: Sample) -> Made:
        low, high = np.percentile(sample.given, (1, 99), axis=(0, 1))
        stretched = (sample.given - low) / np.maximum(high - low, 0.02)
        return Made(np.clip(stretched, 0.0, 1.0).astype(np.float32))

    return restore


def _ignore(_share: float) -> None:
    pass


TONE: Suite[Sample] = Suite(
    name="tone",
    sentence="Faded photos revived, and good photos left as they are.",
    notes=(
        f"Photos of {_LONGEST_PX} px are faded on purpose by resilver.ageing.dyes, with fixed "
        "seeds; the aged prints, without their damage, by a generator that is not ours (with "
        "grain, tint and JPEG). The stage decides itself whether it acts."
    ),
    cases=_cases,
    contenders={
        INPUT: keep,
        "resilver": _ours,
        "grey-world + CLAHE": _grey_world_clahe,
        "percentile stretch": _percentile_stretch,
    },
    metrics=(COLOUR_DISTANCE,),
    candidate=_candidate,
)
