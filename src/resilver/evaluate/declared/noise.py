"""Suite of noise: ours does not know how much there is, the others are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from resilver.evaluate.contenders import keep
from resilver.evaluate.metrics import PSNR, SSIM
from resilver.evaluate.references import denoise_blind, denoise_told
from resilver.evaluate.suites import SuitePhoto, read_photos
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
from resilver.models.session import Network, OrtNetwork
from resilver.models.store import load

_SIGMAS_255 = (15, 25, 50)
_SEED = 20_240  # of the noise; every contender sees the same


@dataclass(frozen=True, eq=False, kw_only=True)
class NoisySample(Sample):
    """A photo with white noise that is not clipped, and how much of it there is."""

    sigma_255: float


def _cases(setting: Setting) -> list[Case[NoisySample]]:
    def reader(place: int, photo: SuitePhoto, sigma_255: int) -> Callable[[], NoisySample]:
        def read() -> NoisySample:
            clean = photo.read()
            rng = np.random.default_rng((_SEED, sigma_255, place))
            noise = rng.normal(0.0, sigma_255 / 255.0, clean.shape).astype(np.float32)
            return NoisySample(given=clean + noise, truth=clean, sigma_255=float(sigma_255))

        return read

    photos = setting.chosen(read_photos(setting.data / "kodak"))
    return [
        Case(photo.name, reader(place, photo, sigma), group=f"noise {sigma}")
        for sigma in _SIGMAS_255
        for place, photo in photos
    ]


def _blind(network: Network) -> Restore[Sample]:
    return lambda sample: Made(np.clip(denoise_blind(network, sample.given), 0.0, 1.0))


def _ours(setting: Setting) -> Restore[Sample]:
    return _blind(load("denoise", setting.threads))


def _candidate(path: Path) -> Open[NoisySample]:
    return lambda setting: _blind(OrtNetwork(path, setting.threads))


def _ffdnet(setting: Setting) -> Restore[NoisySample]:
    """Zhang, Zuo, Zhang, "FFDNet" (2018)."""
    network = setting.published("ffdnet-color")

    def restore(sample: NoisySample) -> Made:
        told = denoise_told(network, sample.given, sample.sigma_255)
        return Made(np.clip(told, 0.0, 1.0))

    return restore


def _non_local_means(_setting: Setting) -> Restore[NoisySample]:
    """Buades, Coll, Morel, "A Non-Local Algorithm for Image Denoising" (2005), as OpenCV has it."""

    def restore(sample: NoisySample) -> Made:
        noisy = eight_bits(sample.given)
        # Scikit-image's takes six times as long for the same photo.
        smooth = cv2.fastNlMeansDenoising(noisy, None, sample.sigma_255, 5, 15)
        return Made(smooth.astype(np.float32) / np.float32(255))

    return restore


DENOISE: Suite[NoisySample] = Suite(
    name="denoise",
    sentence="White noise taken off photos in colour.",
    notes=(
        "The noise has the same standard deviation in all channels (grey levels of 255) and is not "
        "clipped. Ours is blind, the others are told how much there is."
    ),
    cases=_cases,
    contenders={
        INPUT: keep,
        "resilver": _ours,
        "non-local means": _non_local_means,
        "ffdnet-color": _ffdnet,
    },
    metrics=(PSNR, SSIM),
    baseline="non-local means",
    candidate=_candidate,
)
