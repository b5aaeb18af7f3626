"""Do no harm: good photos of the suite `clean` through the default run must come back unchanged.

python benchmarks/harm.py [--write]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from arguments import note, parser, run
from resilver.evaluate.suites import SuitePhoto, read_photos, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.imaging.measures import psnr, ssim
from resilver.imaging.tiles import to_float
from resilver.photo import Photo
from resilver.pipeline import Options, Pipeline
from resilver.report import Report

SSIM_WANTED = 0.99


@dataclass(frozen=True)
class Outcome:
    """What the default run did to one good photo."""

    name: str
    ssim: float
    psnr: float
    damaged: float  # share of pixels called damaged, 0..1
    changed: float  # share of pixels that moved by more than 1/255
    noise_255: float  # measured by the denoise stage
    acted: tuple[str, ...]


def measure(arguments: argparse.Namespace) -> str:
    pipeline = Pipeline(Options(threads=arguments.threads))
    photos = read_photos(arguments.data / "clean")
    outcomes: list[Outcome] = []
    for index in spread(len(photos), arguments.photos):
        outcomes.append(restore(pipeline, photos[index]))
        note(f"{outcomes[-1].name}: SSIM {outcomes[-1].ssim:.4f}")
    similar = [outcome.ssim for outcome in outcomes]
    damaged = [100 * outcome.damaged for outcome in outcomes]
    changed = [100 * outcome.changed for outcome in outcomes]
    fidelity = [outcome.psnr for outcome in outcomes]
    table = markdown_table(
        ["default run on good photos", "median", "worst"],
        [
            ["SSIM of luma, result against input", figure(np.median(similar), 4),
             figure(min(similar), 4)],
            ["PSNR, result against input, dB", figure(np.median(fidelity)), figure(min(fidelity))],
            ["called damaged, % of pixels", figure(np.median(damaged), 3), figure(max(damaged), 3)],
            ["changed by more than 1/255, % of pixels", figure(np.median(changed), 2),
             figure(max(changed), 2)],
        ],
    )  # fmt: skip
    worst = sorted(outcomes, key=lambda outcome: outcome.ssim)[:5]
    rows = [
        [
            outcome.name,
            figure(outcome.ssim, 4),
            figure(100 * outcome.damaged, 3),
            figure(outcome.noise_255, 1),
            " + ".join(outcome.acted) or "nothing",
        ]
        for outcome in worst
    ]
    below = sum(value < SSIM_WANTED for value in similar)
    untouched = sum(not outcome.acted for outcome in outcomes)
    return f"""## Do no harm

`clean`, {len(outcomes)} good photos through the default run; {untouched} were left wholly
untouched, {below} came back with SSIM under {SSIM_WANTED}.

{table}

The five that changed most:

{markdown_table(["photo", "SSIM", "damaged %", "noise of 255", "acted"], rows)}"""


def restore(pipeline: Pipeline, photo: SuitePhoto) -> Outcome:
    opened = Photo.open(photo.path)
    before = to_float(opened.pixels)
    restored, report = pipeline.restore(opened)
    after = to_float(restored.pixels)
    return Outcome(
        name=photo.name,
        ssim=ssim(before, after),
        psnr=psnr(before, after),
        damaged=measured(report, "damaged area") / 100.0,
        changed=report.changed_share,
        noise_255=measured(report, "noise"),
        acted=tuple(record.finding.stage for record in report.stages if record.acted),
    )


def measured(report: Report, name: str) -> float:
    """A figure that some stage measured; NaN where none did."""
    for record in report.stages:
        for measurement in record.finding.measurements:
            if measurement.name == name:
                return measurement.value
    return float("nan")


if __name__ == "__main__":
    run("harm", parser(__doc__).parse_args(), measure)
