"""Suites of damaged prints, which another generator than ours has aged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resilver.ageing import KINDS
from resilver.evaluate.contenders import keep, product
from resilver.evaluate.metrics import COLOUR_DISTANCE, PSNR, PSNR_INSIDE, PSNR_OUTSIDE, SSIM
from resilver.evaluate.suites import AgedPrint, read_aged
from resilver.evaluate.values import INPUT, Case, Made, Open, Restore, Sample, Setting, Suite
from resilver.imaging.measures import Mask
from resilver.options import Options
from resilver.stages.fills import CLASSICAL, fill_named

_STAIN = KINDS.index("stain")


@dataclass(frozen=True, eq=False, kw_only=True)
class DamagedSample(Sample):
    """A damaged print; fills are told where the damage is."""

    masks: Mask  # (H, W, 4), True = damaged by this kind, in the order of `KINDS`


def _aged(setting: Setting) -> list[Case[Sample]]:
    def reader(made: AgedPrint) -> Callable[[], Sample]:
        return lambda: Sample(given=made.aged.read(), truth=made.clean.read())

    prints = setting.chosen(read_aged(setting.data / "aged"))
    return [Case(made.name, reader(made)) for _place, made in prints]


def _damaged(setting: Setting) -> list[Case[DamagedSample]]:
    def reader(made: AgedPrint) -> Callable[[], DamagedSample]:
        def read() -> DamagedSample:
            masks = made.read_masks()
            return DamagedSample(
                given=made.aged.read(),
                truth=made.intact.read(),
                region=np.asarray(masks.any(axis=-1)),
                masks=masks,
            )

        return read

    every = read_aged(setting.data / "aged")
    prints = setting.chosen([made for made in every if made.read_masks().any()])
    return [Case(made.name, reader(made)) for _place, made in prints]


def _filled(name: str, *, stains_as_veils: bool = False) -> Open[DamagedSample]:
    """A fill that is given the true mask; a stain is a hole in it, or lets the photo through."""

    def opened(setting: Setting) -> Restore[DamagedSample]:
        fill = fill_named(name, setting.threads)

        def restore(sample: DamagedSample) -> Made:
            hole = _as_u8(sample.masks.any(axis=-1))
            veil = np.zeros_like(hole)
            if stains_as_veils:
                hole = _as_u8(np.delete(sample.masks, _STAIN, axis=-1).any(axis=-1))
                veil = _as_u8(sample.masks[..., _STAIN]) & (1 - hole)
            return Made(fill.run(sample.given, hole, veil))

        return restore

    return opened


def _as_u8(mask: NDArray[np.bool_] | np.bool_) -> NDArray[np.uint8]:
    return np.asarray(mask, np.uint8)


AGED: Suite[Sample] = Suite(
    name="aged",
    sentence="Damaged and faded prints through the default run, against the photos as they were.",
    notes="They were aged by a generator that is not ours. Told: with --force repair.",
    cases=_aged,
    contenders={
        INPUT: keep,
        "resilver": product(Options()),
        "resilver, told": product(Options(force=("repair",))),
    },
    metrics=(PSNR, SSIM, COLOUR_DISTANCE),
)

REPAIR: Suite[DamagedSample] = Suite(
    name="repair",
    sentence="Damaged prints mended, against the same prints without damage.",
    notes=(
        "Fills are given the true mask and change nothing outside of it, where the input differs "
        "by JPEG compression only. The stage finds the damage by itself; told: with --force repair."
    ),
    cases=_damaged,
    contenders={
        INPUT: keep,
        **{name: _filled(name) for name in CLASSICAL},
        "learned, all as holes": _filled("learned"),
        "learned": _filled("learned", stains_as_veils=True),
        "repair stage": product(Options(only=("repair",))),
        "repair stage, told": product(Options(only=("repair",), force=("repair",))),
    },
    metrics=(PSNR_INSIDE, PSNR_OUTSIDE),
    baseline="patchmatch",
)
