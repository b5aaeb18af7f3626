"""Commands on photos: restore, diagnose, age, explore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from resilver.cli.app import app, plain_errors
from resilver.commands import flags
from resilver.errors import OptionError


@app.command()
def restore(
    paths: flags.Paths = None,
    *,
    inputs: flags.Input = None,
    output: flags.Output = None,
    suffix: flags.Suffix = "_restored",
    ext: flags.Ext = None,
    report: flags.Reports = None,
    dry_run: flags.DryRun = False,
    overwrite: flags.Overwrite = False,
    quiet: flags.Quiet = False,
    max_megapixels: flags.MaxMegapixels = 500.0,
    only: flags.Only = None,
    skip: flags.Skip = None,
    force: flags.Force = None,
    repair: flags.Repair = 1.0,
    denoise: flags.Denoise = None,
    tone: flags.Tone = 1.0,
    neutral: flags.Neutral = False,
    colourise: flags.Colourise = False,
    hint: flags.Hints = None,
    variants: flags.Variants = 1,
    colour_seed: flags.ColourSeed = 0,
    fill: flags.Fill = "learned",
    upscale: flags.Upscale = None,
    vivid: flags.Vivid = None,
    upscale_model: flags.UpscaleModel = None,
    mask: flags.Mask = None,
    mask_mode: flags.MaskMode = "add",
    denoise_model: flags.DenoiseModel = None,
    tone_model: flags.ToneModel = None,
    colour_model: flags.ColourModel = None,
    faces: flags.Faces = None,
    fidelity: flags.Fidelity = 0.0,
    face_model: flags.FaceModel = None,
    licence: flags.Licence = "any",
    tile: flags.Tile = None,
    threads: flags.Threads = None,
) -> None:
    """Restore photos, and folders of photos.

    Every stage measures first and acts only where it finds its defect.

    The scans are never written to. A photo that fails is named and does not stop the rest.
    """
    with plain_errors():
        from resilver.batch import Naming
        from resilver.commands import asking, restoring

        naming = Naming(
            folder=output,
            suffix=suffix,
            extension=asking.extension(ext),
            reports=asking.report_kinds(report or []),
            overwrite=overwrite,
            seeds=asking.seeds(colour_seed, variants),
        )
        options = asking.options(
            only=only,
            skip=skip,
            force=force,
            repair=repair,
            denoise=denoise,
            tone=tone,
            neutral=neutral,
            colourise=colourise,
            hints=hint,
            colour_seed=colour_seed,
            fill=fill,
            upscale=upscale,
            vivid=vivid,
            upscale_model=upscale_model,
            mask=mask,
            mask_mode=mask_mode,
            denoise_model=denoise_model,
            tone_model=tone_model,
            colour_model=colour_model,
            faces=faces,
            fidelity=fidelity,
            face_model=face_model,
            licence=licence,
            tile_px=tile,
            threads=threads,
            max_megapixels=max_megapixels,
        )
        if variants > 1 and not options.in_colour:
            raise OptionError("--variants are of colours: ask for them with --colourise")
        run = restoring.plan_photos if dry_run else restoring.restore_photos
        given = _given(paths, inputs)
        code = run(given, naming, options, max_megapixels=max_megapixels, quiet=quiet)
        raise typer.Exit(code)


@app.command()
def diagnose(
    paths: flags.Paths = None,
    *,
    inputs: flags.Input = None,
    only: flags.Only = None,
    skip: flags.Skip = None,
    neutral: flags.Neutral = False,
    denoise_model: flags.DenoiseModel = None,
    tone_model: flags.ToneModel = None,
    upscale: flags.Upscale = None,
    upscale_model: flags.UpscaleModel = None,
    faces: flags.Faces = None,
    face_model: flags.FaceModel = None,
    licence: flags.Licence = "any",
    max_megapixels: flags.MaxMegapixels = 500.0,
    tile: flags.Tile = None,
    threads: flags.Threads = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Measure what is wrong with photos; write nothing."""
    with plain_errors():
        from resilver.commands import asking, diagnosing

        options = asking.options(
            only=only,
            skip=skip,
            neutral=neutral,
            denoise_model=denoise_model,
            tone_model=tone_model,
            upscale=upscale,
            upscale_model=upscale_model,
            faces=faces,
            face_model=face_model,
            licence=licence,
            tile_px=tile,
            threads=threads,
            max_megapixels=max_megapixels,
        )
        given = _given(paths, inputs)
        code = diagnosing.diagnose_photos(
            given, options, max_megapixels=max_megapixels, as_json=json
        )
        raise typer.Exit(code)


@app.command()
def age(
    photo: Annotated[Path, typer.Argument(help="A good photo.")],
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The aged photo to write.")
    ],
    seed: flags.Seed = 0,
    preset: Annotated[
        Literal["demo", "light", "heavy"], typer.Option(help="How badly it was kept.")
    ] = "demo",
    masks: Annotated[
        bool, typer.Option("--masks", help="Write a mask of each kind of damage as well.")
    ] = False,
    overwrite: flags.Overwrite = False,
) -> None:
    """Make an old photo of a good one: scratches, tears, stains, dust, fading, grain."""
    with plain_errors():
        from resilver.commands import ageing

        raise typer.Exit(
            ageing.age_photo(
                photo, output, seed=seed, preset=preset, masks=masks, overwrite=overwrite
            )
        )


@app.command()
def explore(
    photo: Annotated[Path, typer.Argument(help="A tiny face, or a photo with one in it.")],
    *,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Where the faces go.")
    ],
    prior: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The StyleGAN2 prior, as `models list` shows it.",
            show_default="the bundled one",
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Where in the photo the face is, in pixels."),
    ] = None,
    face: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Which face of the photo, from left to right.",
            show_default="the only one",
        ),
    ] = None,
    factor: Annotated[
        int | None,
        typer.Option(
            metavar="8..64", help="How many times as large.", show_default="the prior's own size"
        ),
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, max=16, help="How many faces.")] = 4,
    seed: flags.Seed = 0,
    steps: Annotated[int, typer.Option(min=1, help="Of the search, at most.")] = 250,
    upscale_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The network for what is beyond the prior's size, or lanczos.",
            show_default="upscale",
        ),
    ] = None,
    threads: flags.Threads = None,
    overwrite: flags.Overwrite = False,
) -> None:
    """Imagine faces that a tiny one could be (needs the extra 'train').

    None of them is the person: they are faces that would look the same at this size.
    """
    with plain_errors():
        from resilver.commands import exploring

        raise typer.Exit(
            exploring.explore_face(
                photo,
                output,
                prior=prior,
                box=box,
                face=face,
                factor=factor,
                candidates=candidates,
                seed=seed,
                steps=steps,
                upscale_model=upscale_model,
                threads=threads,
                overwrite=overwrite,
            )
        )


def _given(paths: list[Path] | None, inputs: list[Path] | None) -> list[Path]:
    given = [*(paths or []), *(inputs or [])]
    if not given:
        raise OptionError("name a photo or a folder of photos")
    return given
