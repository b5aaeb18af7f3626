"""`resilver age`: makes an old photo of a good one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from resilver.ageing import KINDS, AgeingRecipe, age
from resilver.commands.screen import Screen
from resilver.photo import DEFAULT_MAX_MEGAPIXELS, Photo
from resilver.photofile.writing import check_place
from resilver.reporting.words import percent
from resilver.version import SOFTWARE

Preset = Literal["demo", "light", "heavy"]

_PRESETS = {
    "demo": AgeingRecipe.demo,
    "light": AgeingRecipe.light,
    "heavy": lambda: replace(AgeingRecipe.heavy(), no_damage=0.0, single_kind=0.0),
}


def age_photo(
    path: Path, out: Path, *, seed: int, preset: Preset, masks: bool, overwrite: bool
) -> int:
    """Ages one photo and writes it, and on request one mask a kind of damage; returns 0."""
    screen = Screen()
    check_place(out, source=path, overwrite=overwrite)
    beside = [out.with_name(f"{out.stem}_mask_{kind}.png") for kind in KINDS] if masks else []
    for place in beside:  # all of them or none
        check_place(place, source=path, overwrite=overwrite)
    photo = Photo.open(path, max_megapixels=DEFAULT_MAX_MEGAPIXELS)
    aged = age(photo.tile_float(slice(None), slice(None)), seed, _PRESETS[preset]())
    _save(_to_u8(aged.photo), out, path, screen, overwrite=overwrite)
    for index, place in enumerate(beside):
        mask = (aged.masks[..., index] > 0).astype(np.uint8) * np.uint8(255)
        _save(mask, place, path, screen, overwrite=overwrite)
    shares = zip(KINDS, (aged.masks > 0).mean(axis=(0, 1)).tolist(), strict=True)
    made = [f"{kind} {percent(share)}" for kind, share in shares if share]
    screen.line(", ".join(made) or "none: another seed may make some", "damage")
    return 0


def _save(
    pixels: NDArray[np.uint8], path: Path, source: Path, screen: Screen, *, overwrite: bool
) -> None:
    # Knowing its source, the photo refuses to be written over it.
    photo = Photo.from_array(pixels).evolve(source=source)
    photo.save(path, overwrite=overwrite, software=SOFTWARE)
    screen.line(str(path), "written", "green")


def _to_u8(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(picture, 0.0, 1.0) * 255.0).astype(np.uint8)
