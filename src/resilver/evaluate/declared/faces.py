"""Suites of faces: good ones worn by a fixed recipe, and restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from resilver.ageing.faces import LEVELS, worn_face
from resilver.evaluate.contenders import keep
from resilver.evaluate.faces import identity_similarities
from resilver.evaluate.metrics import PERCEPTUAL, PSNR
from resilver.evaluate.references import denoise_blind
from resilver.evaluate.suites import SuitePhoto, read_photos
from resilver.evaluate.values import (
    INPUT,
    Case,
    Made,
    Metric,
    Open,
    Restore,
    Sample,
    Setting,
    Suite,
)
from resilver.imaging.alignment import FFHQ_FRAME, Points
from resilver.imaging.measures import LUMA, Picture
from resilver.models.session import Network, OrtNetwork
from resilver.models.store import load
from resilver.stages.detection import placed_faces

SIDE_PX = 256
_SEED = 60_612


@dataclass(frozen=True, eq=False, kw_only=True)
class FaceSample(Sample):
    """A worn face of 256 px, and where the five points of the good one are."""

    points: Points  # (5, 2), px


def worn_sample(detector: Network, photo: SuitePhoto, level: str, place: int) -> FaceSample:
    """A good face at 256 px, every second one in grey, and the same after its wear.

    Args:
        level: of `resilver.ageing.faces.LEVELS`.
        place: of the photo in its suite; the same place gives the same wear.
    """
    pixels = photo.read_u8()
    if pixels.shape[:2] != (SIDE_PX, SIDE_PX):
        how = cv2.INTER_AREA if pixels.shape[0] > SIDE_PX else cv2.INTER_CUBIC
        pixels = np.asarray(cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=how), np.uint8)
    faces = placed_faces(detector, pixels)
    points = faces.points[int(np.argmax(faces.sides_px))] if len(faces) else FFHQ_FRAME * SIDE_PX
    good = pixels.astype(np.float32) / np.float32(255)
    if place % 2:
        good = np.repeat((good @ LUMA)[..., None], 3, axis=2)
    rng = np.random.default_rng((_SEED, list(LEVELS).index(level), place))
    worn = worn_face(good, LEVELS[level], rng)
    return FaceSample(given=worn, truth=good, points=np.asarray(points, np.float32))


def _worn(folder: str) -> Callable[[Setting], list[Case[FaceSample]]]:
    def cases(setting: Setting) -> list[Case[FaceSample]]:
        detector = cache(lambda: load("detect", setting.threads))

        def reader(photo: SuitePhoto, level: str, place: int) -> Callable[[], FaceSample]:
            return lambda: worn_sample(detector(), photo, level, place)

        photos = setting.chosen(read_photos(setting.data / folder))
        return [
            Case(photo.name, reader(photo, level, place), f"{level} wear")
            for level in LEVELS
            for place, photo in photos
        ]

    return cases


def _restored(network: Network) -> Restore[Sample]:
    # A network for faces takes and gives a picture, as a blind denoiser does.
    return lambda sample: Made(np.clip(denoise_blind(network, sample.given), 0.0, 1.0))


def _ours(setting: Setting) -> Restore[Sample]:
    return _restored(load("faces", setting.threads))


def _denoised(setting: Setting) -> Restore[Sample]:
    return _restored(load("denoise", setting.threads))


def _denoised_first(setting: Setting) -> Restore[Sample]:
    denoise, restore = _denoised(setting), _ours(setting)
    return lambda sample: restore(Sample(given=denoise(sample).picture))


def _candidate(path: Path) -> Open[FaceSample]:
    return lambda setting: _restored(OrtNetwork(path, setting.threads))


def _identity(setting: Setting) -> Callable[[FaceSample, Picture], float]:
    edgeface = setting.published("edgeface_xs")

    def measure(sample: FaceSample, picture: Picture) -> float:
        return identity_similarities(edgeface, [picture], sample.true, sample.points)[0]

    return measure


IDENTITY = Metric("identity", "cosine of EdgeFace", "larger", _identity, digits=3)


def _suite(folder: str, what: str) -> Suite[FaceSample]:
    return Suite(
        name=folder,
        sentence=f"{what}, worn and restored, against the good face.",
        notes=(
            f"Faces of {SIDE_PX} px, every second one in grey; the wear is a fixed recipe "
            "(resilver.ageing.faces). Perceptual distance: 1 - cosine of SqueezeNet's features, "
            "which our training looks with too; it is not LPIPS."
        ),
        cases=_worn(folder),
        contenders={
            INPUT: keep,
            "resilver": _ours,
            "denoise": _denoised,
            "denoise, then resilver": _denoised_first,
        },
        metrics=(PERCEPTUAL, IDENTITY, PSNR),
        candidate=_candidate,
    )


FACES256 = _suite("faces256", "Photographed faces of many people")
FACES512 = _suite("faces512", "Studio portraits")
