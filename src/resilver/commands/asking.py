"""Turns what was typed into values."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from resilver.batch import ReportKind
from resilver.batch.running import RAISE_LIMIT
from resilver.errors import OptionError, OptionUnused, PhotoTooLarge
from resilver.imaging.colouring import ColourHint
from resilver.options import SEEDS, Options
from resilver.photo import DEFAULT_MAX_MEGAPIXELS, Photo

_DIGITS = 9  # of a face's number: more no photo has
_UPSCALES: dict[str | None, Literal["auto", 2, 4] | None] = {
    None: None, "auto": "auto", "2": 2, "4": 4
}  # fmt: skip


def options(
    *,
    only: list[str] | None = None,
    skip: list[str] | None = None,
    force: list[str] | None = None,
    repair: float = 1.0,
    denoise: float | None = None,
    tone: float = 1.0,
    neutral: bool = False,
    colourise: bool = False,
    hints: list[str] | None = None,
    colour_seed: int = 0,
    fill: str = "learned",
    upscale: Literal["2", "4", "auto"] | None = None,
    vivid: float | None = None,
    upscale_model: str | None = None,
    mask: Path | None = None,
    mask_mode: Literal["add", "replace", "subtract"] = "add",
    denoise_model: Path | None = None,
    tone_model: Path | None = None,
    colour_model: Path | None = None,
    faces: list[str] | None = None,
    fidelity: float = 0.0,
    face_model: str | None = None,
    licence: Literal["any", "clean"] = "any",
    tile_px: int | None = None,
    threads: int | None = None,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
) -> Options:
    """The options of a pipeline.

    Raises:
        OptionError: an unknown stage or fill, a number that is none or out of its range, a hint
            that is none, a mode for no mask, or an option that would have no effect.
        PhotoError: the mask cannot be read.
    """
    if mask is None and mask_mode != "add":
        raise OptionError(f"--mask-mode {mask_mode} needs a mask; name one with --mask")
    try:
        asked = Options(
            only=names(only),
            skip=names(skip),
            force=names(force),
            repair=repair,
            denoise=denoise,
            tone=tone,
            neutral=neutral,
            colourise=colourise,
            hints=tuple(ColourHint.parse(text) for text in hints or []),
            colour_seed=colour_seed,
            fill=fill,
            upscale=_UPSCALES[upscale],
            vivid=vivid,
            upscale_model=upscale_model,
            max_megapixels=max_megapixels,
            mask=None if mask is None else read_mask(mask, max_megapixels),
            mask_mode=mask_mode,
            denoise_model=denoise_model,
            tone_model=tone_model,
            colour_model=colour_model,
            faces=numbers(faces),
            fidelity=fidelity,
            face_model=face_model,
            licence=licence,
            tile_px=tile_px,
            threads=threads,
        )
        if mask is not None and asked.mask_unused is not None:
            raise OptionUnused("mask", asked.mask_unused)
    except OptionUnused as error:
        raise OptionError(error.spelled(_flag)) from error
    return asked


def _flag(option: str) -> str:
    """ "colour_seed" -> "--colour-seed"."""
    return "--hint" if option == "hints" else f"--{option.replace('_', '-')}"


def seeds(first: int, variants: int) -> tuple[int, ...]:
    """(7, 3) -> (7, 8, 9): those of several colourings.

    Raises:
        OptionError: there are not so many.
    """
    if not 0 <= first <= SEEDS - variants:
        raise OptionError(f"a seed is from 0 to {SEEDS - 1}, of the last colouring too")
    return tuple(range(first, first + variants))


def names(given: list[str] | None) -> tuple[str, ...]:
    """["repair,denoise", "faces"] -> ("repair", "denoise", "faces").

    Raises:
        OptionError: an option was given that names nothing.
    """
    parts = (part.strip() for text in given or [] for part in text.split(","))
    named = tuple(dict.fromkeys(part for part in parts if part))
    if given and not named:
        raise OptionError("a list of names is empty: name something, or leave the option out")
    return named


def numbers(given: list[str] | None) -> tuple[int, ...]:
    """["1,3", "2"] -> (1, 3, 2).

    Raises:
        OptionError: something else than numbers.
    """
    wrong = [name for name in names(given) if not name.isdecimal() or len(name) > _DIGITS]
    if wrong:
        shown = wrong[0][: _DIGITS + 1]
        raise OptionError(f"faces are chosen by their numbers, as in 1,3: {shown!r} is none")
    return tuple(int(name) for name in names(given))


def extension(given: str | None) -> str | None:
    """ "png" or ".png" -> ".png"."""
    return None if given is None else f".{given.lstrip('.')}"


def report_kinds(given: list[str]) -> tuple[ReportKind, ...]:
    """["html,json"] -> ("html", "json").

    Raises:
        OptionError: another kind.
    """
    kinds: list[ReportKind] = []
    for name in names(given):
        if name not in ("html", "json"):
            raise OptionError(f"unknown report {name!r}; there are: html, json")
        kinds.append(name)
    return tuple(kinds)


def read_mask(path: Path, max_megapixels: float) -> NDArray[np.uint8]:
    """A mask painted by hand, from any image file: (H, W) uint8, white = damaged.

    Raises:
        PhotoError: the file cannot be read.
    """
    try:
        return Photo.open(path, max_megapixels=max_megapixels).as_mask()
    except PhotoTooLarge as error:
        if not error.limited:
            raise
        raise PhotoTooLarge(path, error.reason + RAISE_LIMIT, limited=True) from error
