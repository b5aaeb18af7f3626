"""Contenders that several suites share: what was given, the product, the published networks."""

from __future__ import annotations

from dataclasses import replace

from resilver.evaluate.values import Made, Open, Restore, Sample, Setting, eight_bits
from resilver.imaging.tiles import to_float
from resilver.options import Options
from resilver.photo import Photo
from resilver.pipeline import Pipeline
from resilver.report import Report
from resilver.reporting.words import percent


def keep(_setting: Setting) -> Restore[Sample]:
    """The picture as it was given."""
    return lambda sample: Made(sample.given)


def product(options: Options) -> Open[Sample]:
    """A whole run of the product, with these options and the setting's threads."""

    def opened(setting: Setting) -> Restore[Sample]:
        pipeline = Pipeline(replace(options, threads=setting.threads))

        def restore(sample: Sample) -> Made:
            restored, report = pipeline.restore(Photo.from_array(eight_bits(sample.given)))
            return Made(to_float(restored.pixels), deeds(report))

        return restore

    return opened


def deeds(report: Report) -> str:
    """The stages that acted, and how much was called damaged: "repair, tone; 2.1 % damaged"."""
    acted = ", ".join(record.finding.stage for record in report.stages if record.acted)
    damaged = float((report.damage > 0).mean())
    told = f"; {percent(damaged)} damaged" if damaged else ""
    return f"{acted or 'nothing to do'}{told}"
