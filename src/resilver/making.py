"""Makes the stages of a run: which of the table have a place in it, and with which networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from resilver.errors import ModelError, OptionError
from resilver.models.store import (
    StoredModel,
    bundled_model,
    model_named,
    stored_model,
)
from resilver.options import Options
from resilver.stages import STAGES
from resilver.stages.colourise import ColouriseStage
from resilver.stages.denoise import DenoiseStage
from resilver.stages.draft import Stage
from resilver.stages.faces import FacesStage
from resilver.stages.fills import fill_named
from resilver.stages.repair import GivenMask, RepairStage
from resilver.stages.tone import ToneStage
from resilver.stages.upscale import FAITHFUL, VIVID, Enlarger, UpscaleStage

# Of the network that draws, in the mixture that is made when nobody says anything.
VIVID_SHARE = 0.5


def build_stages(options: Options) -> tuple[Stage, ...]:
    """The stages of the table that these options leave in, in running order.

    Raises:
        ModelError: a network is missing, or one that was named is for something else.
    """
    makers = makers_of(options)
    return tuple(
        make()
        for name, make in makers.items()
        if name not in options.skip and (not options.only or name in options.only)
    )


def makers_of(options: Options) -> dict[str, Callable[[], Stage]]:
    """How to make each stage, in running order; colours and a larger photo only if asked for."""
    given = (
        None
        if options.mask is None
        else GivenMask(np.asarray(options.mask, np.uint8), options.mask_mode)
    )
    detector = bundled_model("detect")
    denoiser = _denoiser(options.denoise_model)
    face_model = options.face_model
    restorer = bundled_model("faces") if face_model is None else model_named(face_model, "face")
    if face_model is not None:
        restorer.verify()
    toner = _given(options.tone_model, "tone", "does not revive tones")
    table: dict[str, Callable[[], Stage]] = {
        "repair": lambda: RepairStage(
            bundled_model("damage"),
            detector,
            fill_named(options.fill, options.threads),
            options.tile_px,
            options.threads,
            given,
            told="repair" in options.force,
        ),
        "denoise": lambda: DenoiseStage(denoiser, options.tile_px, options.threads),
        "tone": lambda: ToneStage(
            toner,
            options.neutral,
            options.tone > 0.0,
            options.threads,
            told="tone" in options.force,
        ),
        "faces": lambda: FacesStage(
            detector,
            restorer,
            bundled_model("identity"),
            options.threads,
            options.faces,
            told="faces" in options.force,
        ),
    }
    if options.enlarges:
        enlarger = _enlarger(options)
        table["upscale"] = lambda: UpscaleStage(
            enlarger,
            options.upscale or "auto",
            options.max_megapixels,
            options.tile_px,
            options.threads,
            told="upscale" in options.force,
        )
    if options.in_colour:
        colourist = _given(options.colour_model, "colourise", "guesses no colours")
        table["colourise"] = lambda: ColouriseStage(
            colourist, options.hints, options.colour_seed, options.threads
        )
    return {name: table[name] for name in STAGES if name in table}


def _denoiser(path: Path | str | None) -> StoredModel:
    bundled = bundled_model("denoise")
    if path is None:
        return bundled
    given = stored_model(Path(path))
    if (given.card.inputs, given.card.outputs) != (bundled.card.inputs, bundled.card.outputs):
        raise ModelError(f"{path}: {given.card.name!r} is not a denoiser")
    given.verify()  # now, not at the first photo, nor at each of them
    return given


def _enlarger(options: Options) -> Enlarger:
    """The networks that enlarge: one by name, or ours."""
    if options.upscale_model is not None:
        given = model_named(options.upscale_model, "upscale")
        if given.card.scale < 2:
            raise ModelError(f"{options.upscale_model!r} does not make photos larger")
        given.verify()
        if given.card.name == FAITHFUL:
            return Enlarger(given, None, 0.0)
        return Enlarger(None, given, 1.0)
    faithful, vivid = bundled_model(FAITHFUL), bundled_model(VIVID)
    share = options.vivid
    if share is None:
        refused = options.licence == "clean" and vivid.card.licence != "clean"
        share = 0.0 if refused else VIVID_SHARE
    return Enlarger(faithful if share < 1.0 else None, vivid if share > 0.0 else None, share)


def _given(path: Path | str | None, task: str, lack: str) -> StoredModel:
    """The network in a file, or the bundled one of this task where none is given.

    Raises:
        ModelError: it is for another task; with what it lacks.
    """
    if path is None:
        return bundled_model(task)
    given = stored_model(Path(path))
    if given.card.task != task:
        raise ModelError(f"{path}: {given.card.name!r} {lack}")
    given.verify()
    return given


def within_licence(options: Options) -> tuple[Options, tuple[str, ...]]:
    """Without the search for damage where its network is refused and the damage is marked anyway.

    Also a notice that says so.
    """
    card = bundled_model("damage").card
    if (
        options.licence == "any"
        or card.licence == "clean"
        or options.mask is None
        or options.mask_mode != "add"
        or not options.repairs
    ):
        return options, ()
    notice = f"only the damage you marked is mended: {card.name} is not free for any use"
    return replace(options, mask_mode="replace"), (notice,)


def allowed(
    stages: tuple[Stage, ...], options: Options
) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """Without the stages whose networks the licence option refuses, and a notice for each.

    Raises:
        OptionError: one of them was asked for expressly, so that a notice would come too late.
    """
    if options.licence == "any":
        return stages, ()
    kept: list[Stage] = []
    notices: list[str] = []
    for stage in stages:
        refused = [card.name for card in stage.cards if card.licence != "clean"]
        if not refused:
            kept.append(stage)
            continue
        verb = "is" if len(refused) == 1 else "are"
        why = f"{' and '.join(refused)} {verb} not free for any use"
        if options.asks_for(stage.name):
            raise OptionError(
                f"the stage {stage.name} is asked for, and licence clean leaves it out: {why}"
            )
        notices.append(f"{stage.name} was left out: {why}")
    return tuple(kept), tuple(notices)
