"""`resilver explore`: imagines faces that a tiny one could be."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from resilver.batch.running import make_folder
from resilver.commands.screen import Screen
from resilver.errors import ModelError, OptionError
from resilver.models.store import bundled_model
from resilver.photo import DEFAULT_MAX_MEGAPIXELS, Photo

_BOX = re.compile(r"(\d{1,99}),(\d{1,99}),(\d{1,99}),(\d{1,99})", re.ASCII)
_LARGEST = 10**9  # more than a photo has pixels a side


def explore_face(
    path: Path,
    folder: Path,
    *,
    prior: str | None,
    box: str | None,
    face: int | None,
    factor: int | None,
    candidates: int,
    seed: int,
    steps: int,
    upscale_model: str | None,
    threads: int | None,
    overwrite: bool,
) -> int:
    """Imagines faces and writes them into a folder; returns the exit code."""
    _need_torch()
    area = None if box is None else _box(box)
    if area is not None and face is not None:
        raise OptionError("--box and --face both say where the face is: give one of them")
    from resilver.latent.enlarger import Enlarger  # noqa: PLC0415
    from resilver.latent.exploration import (  # noqa: PLC0415
        ExploreRequest,
        SearchConfig,
        explore,
    )
    from resilver.latent.framing import chosen_box  # noqa: PLC0415
    from resilver.latent.output import REPORT, SHEET, check_folder, face_name, write  # noqa: PLC0415
    from resilver.latent.prior import open_prior  # noqa: PLC0415
    from resilver.latent.tiny import tiny_face  # noqa: PLC0415
    from resilver.stages.upscale import FAITHFUL  # noqa: PLC0415

    photo = Photo.open(path, max_megapixels=DEFAULT_MAX_MEGAPIXELS)
    area = chosen_box(photo, bundled_model("detect"), threads, number=face, box=area)
    request = ExploreRequest(area, factor, SearchConfig(candidates, seed, steps))
    opened = open_prior(prior, threads)
    side_px = tiny_face(photo, area).side_px  # before a folder is made
    side = 0 if factor is None else factor * side_px
    if upscale_model is not None and side <= opened.side_px:
        size = f"{opened.card.name!r} itself draws {opened.side_px} px"
        raise OptionError(f"--upscale-model has no effect: {size}, and no more is asked for")
    larger = side > opened.side_px
    enlarger = Enlarger.named(upscale_model or FAITHFUL, threads) if larger else None
    make_folder(folder)
    check_folder(folder, range(seed, seed + candidates), path, overwrite=overwrite)
    screen = Screen()
    with screen.progress() as advance:
        found = explore(photo, opened, request, enlarger=enlarger, progress=advance)
    write(found, folder, path, overwrite=overwrite)
    for one in found.candidates:
        doubt = "" if one.is_consistent else ", NOT consistent with what was given"
        if not one.has_arrived:
            doubt = ": most of it is laid over, not drawn; more --steps may help"
        screen.line(
            f"{folder / face_name(one.seed)}  {one.rmse_255:.2f} grey levels off when shrunk "
            f"(the search alone: {one.searched_rmse_255:.1f}){doubt}",
            "imagined",
            "yellow",
        )
    if found.enlarging:
        screen.line(
            f"beyond the {found.prior_px} px that {found.prior[0]!r} draws: {found.enlarging}"
        )
    screen.line(f"{folder / SHEET} and {REPORT}", "written", "green")
    screen.line(found.words)
    return 0


def _box(text: str) -> tuple[int, int, int, int]:
    found = _BOX.fullmatch(text)
    numbers = [] if found is None else [min(int(number), _LARGEST) for number in found.groups()]
    if not numbers:
        raise OptionError(f"a box is x,y,width,height in whole pixels, not {text!r}")
    x, y, width, height = numbers
    return x, y, width, height


def _need_torch() -> None:
    missing = [name for name in ("torch", "safetensors") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f'exploring needs {", ".join(missing)}: pip install ".[train]" in its checkout'
        )
