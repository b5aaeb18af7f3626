"""Measures one photo without changing it: for `diagnose` and for dry runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resilver.batch import explain
from resilver.photo import Photo
from resilver.pipeline import Pipeline, Plan


@dataclass(frozen=True)
class Diagnosis:
    """What was found in one photo."""

    source: Path
    size: tuple[int, int]  # (height, width)
    bit_depth: int
    grey: bool
    format: str
    plan: Plan


def plan_photo(path: Path, pipeline: Pipeline, max_megapixels: float) -> Diagnosis | str:
    """The diagnosis of one photo, or one sentence saying why there is none."""
    try:
        photo = Photo.open(path, max_megapixels=max_megapixels)
        plan = pipeline.plan(photo)
    except Exception as error:  # a photo that fails must not stop the rest
        return explain(path, error)
    return Diagnosis(path, photo.size, photo.bit_depth, photo.grey, photo.format, plan)
