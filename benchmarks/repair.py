"""Repair: PSNR inside the true damage of the suite `aged`, against the print without damage.

python benchmarks/repair.py [--write]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from arguments import note, parser, run
from resilver.ageing import KINDS
from resilver.evaluate.suites import AgedPrint, read_aged, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.measures import Mask, Picture, decibels, mean_square_error
from resilver.imaging.tiles import to_float
from resilver.photo import Photo
from resilver.pipeline import Options, Pipeline
from resilver.stages.fills import CLASSICAL, fill_named

STAIN = KINDS.index("stain")
Repair = Callable[[AgedPrint, Picture, Mask], Picture]  # print, its pixels, its masks (H, W, 4)


@dataclass
class Errors:
    """Squared errors of one way to repair, photo by photo."""

    inside: list[float] = field(default_factory=list)  # mean over the true mask
    outside: list[float] = field(default_factory=list)  # mean over the rest
    masked: list[int] = field(default_factory=list)  # pixels in the true mask
    seconds: float = 0.0
    pixels: int = 0

    def add(self, result: Picture, truth: Picture, mask: Mask, seconds: float) -> None:
        self.inside.append(mean_square_error(result, truth, mask))
        self.outside.append(mean_square_error(result, truth, ~mask))
        self.masked.append(int(mask.sum()))
        self.seconds += seconds
        self.pixels += mask.size

    def row(self, name: str, before: Errors) -> list[str]:
        mean, pooled = self.mean_db(), self.pooled_db()
        return [
            name,
            figure(mean),
            f"{mean - before.mean_db():+.2f}",
            figure(pooled),
            f"{pooled - before.pooled_db():+.2f}",
            figure(float(np.mean([decibels(error) for error in self.outside]))),
            figure(self.seconds / (self.pixels / 1e6)),
        ]

    def mean_db(self) -> float:
        return float(np.mean([decibels(error) for error in self.inside]))

    def pooled_db(self) -> float:
        return decibels(float(np.average(self.inside, weights=self.masked)))


def measure(arguments: argparse.Namespace) -> str:
    learned = fill_named("learned", arguments.threads)
    options = Options(only=("repair",), threads=arguments.threads)
    product, told = Pipeline(options), Pipeline(replace(options, force=("repair",)))

    def keep(_print: AgedPrint, picture: Picture, _masks: Mask) -> Picture:
        return picture

    def all_holes(_print: AgedPrint, picture: Picture, masks: Mask) -> Picture:
        hole = as_u8(masks.any(axis=-1))
        return learned.run(picture, hole, np.zeros_like(hole))

    def stains_as_veils(_print: AgedPrint, picture: Picture, masks: Mask) -> Picture:
        hole = as_u8(np.delete(masks, STAIN, axis=-1).any(axis=-1))
        veil = as_u8(masks[..., STAIN]) & (1 - hole)
        return learned.run(picture, hole, veil)

    def own_mask(made: AgedPrint, _picture: Picture, _masks: Mask) -> Picture:
        return to_float(product.restore(Photo.open(made.aged.path))[0].pixels)

    def own_mask_told(made: AgedPrint, _picture: Picture, _masks: Mask) -> Picture:
        return to_float(told.restore(Photo.open(made.aged.path))[0].pixels)

    ways: dict[str, Repair] = {"input": keep}
    ways |= {f"{name}, true mask": classical(name) for name in CLASSICAL}
    ways |= {
        "learned, true mask, all as holes": all_holes,
        "learned, true mask, stains as veils": stains_as_veils,
        "the repair stage, its own mask": own_mask,
        "... told that it is damaged (--force repair)": own_mask_told,
    }
    prints = [made for made in read_aged(arguments.data / "aged") if made.read_masks().any()]
    chosen = spread(len(prints), arguments.photos)
    errors = {name: Errors() for name in ways}
    for count, index in enumerate(chosen):
        made = prints[index]
        picture, truth, masks = made.aged.read(), made.intact.read(), made.read_masks()
        for name, repair in ways.items():
            started = time.perf_counter()
            result = repair(made, picture, masks)
            seconds = time.perf_counter() - started
            errors[name].add(result, truth, masks.any(axis=-1), seconds)
        if (count + 1) % 8 == 0:
            note(f"{count + 1} of {len(chosen)} prints")
    table = markdown_table(
        ["inside the true damage", "PSNR mean dB", "gain", "PSNR pooled dB", "gain", "outside dB",
         "s/MP"],
        [found.row(name, errors["input"]) for name, found in errors.items()],
    )  # fmt: skip
    best = max(errors[f"{name}, true mask"].mean_db() for name in CLASSICAL)
    ours = errors["learned, true mask, stains as veils"].mean_db()
    return f"""## Repair

`aged`, {len(chosen)} prints: PSNR inside the true mask of all kinds against the same print without
damage. *Mean* is the mean of every photo's PSNR (the figure we quote); *pooled* counts all damaged
pixels of the suite together. Fills are given the true mask and change nothing outside of it.
*Outside* is the mean PSNR over undamaged pixels, where the input differs by JPEG compression only.

{table}

The learned fill is {ours - best:+.2f} dB from the best classical one given the same mask (mean)."""


def classical(name: str) -> Repair:
    fill = CLASSICAL[name]
    return lambda _print, picture, masks: fill(picture, masks.any(axis=-1))


def as_u8(mask: Mask) -> NDArray[np.uint8]:
    return mask.astype(np.uint8)


if __name__ == "__main__":
    run("repair", parser(__doc__).parse_args(), measure)
