"""The command line: one command a library call. Heavy imports happen inside the commands."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import typer.core

from resilver.commands import flags, serving_flags
from resilver.errors import OptionError, ResilverError
from resilver.version import __version__

INTERRUPTED = 130  # as shells report a command that was stopped by Ctrl-C
_STOPPED = "resilver: stopped\n"

_MAY_BE_EMPTY = ("--suffix", "--data-note")


class _Commands(typer.core.TyperGroup):
    """All commands; none of them takes an empty word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever, but an empty word, as of a variable that nobody set, does not mean this folder.

        Raises:
            BadParameter: there is one.
        """
        for before, word in pairwise(["", *args]):
            if word == "--":  # what follows are names, whatever they look like
                break
            name, empty = (before, word == "") if word == "" else _assigned(word)
            if empty and name not in _MAY_BE_EMPTY:
                place = f"after {name}" if name.startswith("-") else "among the arguments"
                raise typer.BadParameter(f"there is an empty word {place}")
        return super().parse_args(ctx, args)


def _assigned(word: str) -> tuple[str, bool]:
    """The option of `--option=value`, and whether the value is empty."""
    name, equals, value = word.partition("=")
    return name, name.startswith("--") and equals == "=" and value == ""


app = typer.Typer(
    name="resilver",
    cls=_Commands,
    help="Brings old photographs back, and says honestly what it changed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(
    help="The networks: those that come with resilver, and published ones.", no_args_is_help=True
)
app.add_typer(models_app, name="models")
keys_app = typer.Typer(help="The API keys of the service.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")


@contextmanager
def plain_errors() -> Generator[None]:
    """Turns what the library raises on purpose into one line and an exit code."""
    try:
        yield
    except OptionError as error:
        typer.echo(f"resilver: {error}", err=True)
        raise typer.Exit(2) from error
    except ResilverError as error:
        typer.echo(f"resilver: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        typer.echo(_STOPPED, nl=False, err=True)
        raise typer.Exit(INTERRUPTED) from error


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"resilver {__version__}")
        raise typer.Exit


@app.callback()
def start(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Brings old photographs back, and says honestly what it changed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A file name that the terminal cannot show must not end the run.
            stream.reconfigure(errors="backslashreplace")


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
        if variants > 1 and (not options.in_colour or "colourise" in options.skip):
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


@models_app.command("list")
def models_list() -> None:
    """List the networks: what they do, how large they are, what they may be used for."""
    with plain_errors():
        from resilver.commands import weights

        raise typer.Exit(weights.list_models())


@models_app.command("verify")
def models_verify() -> None:
    """Check every network against the SHA-256 on its card."""
    with plain_errors():
        from resilver.commands import weights

        raise typer.Exit(weights.verify_models())


@models_app.command("import")
def models_import(
    file: Annotated[Path, typer.Argument(help="A .pth, .pt or .safetensors checkpoint, or .onnx.")],
    *,
    as_name: flags.AsName = None,
    licence: Annotated[
        Literal["clean", "research"] | None,
        typer.Option(help="What its owners allow; asked for where it is not known."),
    ] = None,
    replace: flags.Replace = False,
) -> None:
    """Take in a published checkpoint: GFPGAN, StyleGAN2, RRDBNet, SRVGGNetCompact.

    It is read as weights only, rebuilt, checked and exported (needs the extra 'train'). A network
    that enlarges and comes as ONNX is tried out and taken as it is.
    """
    with plain_errors():
        from resilver.commands import importing

        raise typer.Exit(importing.import_file(file, as_name, licence, replace=replace))


@models_app.command("pull")
def models_pull(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Without one: what there is.")
    ] = None,
    *,
    as_name: flags.AsName = None,
    replace: flags.Replace = False,
) -> None:
    """Download published weights from their official page, check them, and import them."""
    with plain_errors():
        from resilver.commands import importing

        raise typer.Exit(importing.pull(name, as_name, replace=replace))


@models_app.command("remove")
def models_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `models list` shows it.")],
) -> None:
    """Delete an imported network."""
    with plain_errors():
        from resilver.commands import importing

        raise typer.Exit(importing.remove(name))


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
            show_default="the only one there is",
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="Where in the photo the face is, in pixels."),
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
                factor=factor,
                candidates=candidates,
                seed=seed,
                steps=steps,
                upscale_model=upscale_model,
                threads=threads,
                overwrite=overwrite,
            )
        )


@app.command()
def evaluate(
    suite: Annotated[
        str | None, typer.Argument(metavar="SUITE", help="What to measure, as --list shows it.")
    ] = None,
    *,
    list_suites: Annotated[
        bool, typer.Option("--list", help="Show the suites, their contenders and metrics.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The contender that the others are held against.",
            show_default="the suite's baseline",
        ),
    ] = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE", help="A network of your own as a further contender; repeat."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of the suites.", show_default="../shared/data/eval"
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of published networks.", show_default="../shared/weights"
        ),
    ] = None,
    photos: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Only N photos of a folder: a trial.", show_default="all"
        ),
    ] = None,
    threads: flags.Threads = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all figures there.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a contact sheet there, to be looked at."),
    ] = None,
    overwrite: flags.Overwrite = False,
) -> None:
    """Measure how good the results are, beside simpler methods and published networks.

    The folders are those of a checkout; an installed resilver is told them.
    """
    with plain_errors():
        from resilver.commands import evaluating

        if list_suites:
            raise typer.Exit(evaluating.list_suites())
        raise typer.Exit(
            evaluating.evaluate_suite(
                suite,
                against=against,
                networks=network or [],
                data=data,
                weights=weights,
                photos=photos,
                threads=threads,
                json=json,
                html=html,
                overwrite=overwrite,
            )
        )


@app.command()
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="content, damage, fill, denoise, detect, identity, prior, faces, tone, "
            "colourise, upscale or vivid.",
        ),
    ],
    *,
    minutes: flags.Minutes,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where state and weights go.")],
    data: Annotated[
        list[Path], typer.Option(metavar="PATH...", help="Folders, photos or tar files of photos.")
    ],
    more: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DATA", help="More data, so that --data packs/*.tar works."),
    ] = None,
    clean_targets: Annotated[
        bool, typer.Option("--clean-targets", help="denoise: learn from clean photos instead.")
    ] = False,
    teacher: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="content: the weights of SqueezeNet v1.0 (prior: the same, to measure how far "
            "its faces are from real ones); detect: a folder of face detectors; "
            "identity: of those and MobileFaceNet; faces: of SqueezeNet and MobileFaceNet; "
            "vivid: the weights of SqueezeNet; upscale: a published network, if one is to be "
            "copied besides.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on where an earlier run stopped.")
    ] = True,
    data_licence: Annotated[
        Literal["clean", "research"],
        typer.Option(help="What the data permits; goes on the network's card."),
    ] = "research",
    data_note: Annotated[
        str, typer.Option(metavar="TEXT", help="What the data is; goes on the network's card.")
    ] = "",
    seed: flags.Seed = 0,
    rate: Annotated[
        float,
        typer.Option(
            metavar="FACTOR",
            help="Of the recipe's learning rate, up to 1; less where a trained network goes on.",
        ),
    ] = 1.0,
    workers: Annotated[int, typer.Option(min=0, help="Processes that make samples.")] = 1,
    threads: flags.Threads = None,
    start_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Begin with an exported network; prior: with a run's state.pt; faces: or with "
            "one, of its own or of a prior; colourise: or with the weights of SqueezeNet v1.0.",
        ),
    ] = None,
    side: Annotated[
        int | None, typer.Option(metavar="PX", help="prior: the side of the faces, 16 to 256.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LOSS,...", help="faces, vivid: losses to switch off, for comparison."
        ),
    ] = None,
) -> None:
    """Train a network by its recipe and export it (needs the extra 'train')."""
    with plain_errors():
        from resilver.commands import asking, training

        raise typer.Exit(
            training.train_recipe(
                recipe,
                [*data, *(more or [])],
                out,
                minutes=minutes,
                clean_targets=clean_targets,
                teacher=teacher,
                resume=resume,
                licence=data_licence,
                note=data_note,
                seed=seed,
                rate=rate,
                workers=workers,
                threads=threads,
                start_from=start_from,
                side_px=side,
                without=asking.names(without),
            )
        )


@app.command()
def learn_noise(
    folder: Annotated[Path, typer.Argument(help="Your scans; NAME_a and NAME_b are one print.")],
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="The weight file to write.")],
    minutes: flags.Minutes = 20.0,
    *,
    overwrite: flags.Overwrite = False,
) -> None:
    """Tune the denoiser on your own scans (needs the extra 'train')."""
    with plain_errors():
        from resilver.commands import training

        raise typer.Exit(training.learn_noise_of(folder, out, minutes=minutes, overwrite=overwrite))


@app.command()
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    database: serving_flags.Database = None,
    storage: serving_flags.Storage = None,
    works: Annotated[
        bool,
        typer.Option("--work/--no-work", help="Restore photos in this process as well."),
    ] = True,
    public: Annotated[
        bool, typer.Option("--public", help="Take photos from people without a key, from anywhere.")
    ] = False,
    proxy: Annotated[
        str | None,
        typer.Option(metavar="IP", help="The reverse proxy whose X-Forwarded-For is believed."),
    ] = None,
    head_start: Annotated[
        float, typer.Option(min=0, max=720, metavar="HOURS", help="Of the fast lane.")
    ] = 6.0,
    keep: Annotated[
        float, typer.Option(min=0.01, metavar="HOURS", help="Results are deleted after so long.")
    ] = 24.0,
    max_megapixels: serving_flags.MaxMegapixels = 200.0,
    max_mb: Annotated[float, typer.Option(min=0.1, metavar="MB", help="Largest request.")] = 200.0,
    queued_per_owner: Annotated[
        int, typer.Option(min=1, metavar="N", help="Photos a guest may have waiting.")
    ] = 100,
    top_up_secret: Annotated[
        str | None,
        typer.Option(
            envvar="RESILVER_TOP_UP_SECRET",
            show_envvar=True,
            metavar="TEXT",
            help="Signs top-ups of credits; better set in the environment.",
        ),
    ] = None,
    webhook_network: serving_flags.WebhookNetworks = None,
    slots: serving_flags.Slots = 4,
    megapixels: serving_flags.Megapixels = 24.0,
    threads: flags.Threads = None,
) -> None:
    """Run the service: a queue, its HTTP API, and a worker (needs the extra 'serve')."""
    with plain_errors():
        from resilver.commands import serving

        settings = serving.settings(
            database=database,
            storage=storage,
            public=public,
            proxy=proxy,
            head_start_h=head_start,
            keep_h=keep,
            max_megapixels=max_megapixels,
            max_mb=max_mb,
            queued_per_owner=queued_per_owner,
            top_up_secret=top_up_secret,
            webhook_networks=tuple(webhook_network or ()),
            slots=slots,
            megapixels=megapixels,
            threads=threads,
        )
        raise typer.Exit(serving.serve(settings, host=host, port=port, works=works))


@app.command()
def worker(
    *,
    database: serving_flags.Database = None,
    storage: serving_flags.Storage = None,
    keep: Annotated[
        float, typer.Option(min=0.01, metavar="HOURS", help="As of the server.")
    ] = 24.0,
    max_megapixels: serving_flags.MaxMegapixels = 200.0,
    webhook_network: serving_flags.WebhookNetworks = None,
    slots: serving_flags.Slots = 4,
    megapixels: serving_flags.Megapixels = 24.0,
    threads: flags.Threads = None,
) -> None:
    """Restore the photos of a service, beside other workers (needs the extra 'serve')."""
    with plain_errors():
        from resilver.commands import serving

        settings = serving.settings(
            database=database,
            storage=storage,
            keep_h=keep,
            max_megapixels=max_megapixels,
            webhook_networks=tuple(webhook_network or ()),
            slots=slots,
            megapixels=megapixels,
            threads=threads,
        )
        raise typer.Exit(serving.work(settings))


@keys_app.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Whose it is, for your own list.")],
    *,
    lane: Annotated[Literal["free", "fast"], typer.Option(help="Where its photos wait.")] = "free",
    photos: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Credits; without: as many photos as it likes."),
    ] = None,
    queued: Annotated[
        int, typer.Option(min=1, metavar="N", help="Photos it may have waiting.")
    ] = 1000,
    queued_megapixels: Annotated[
        float, typer.Option(min=0.1, metavar="N", help="The same, in megapixels.")
    ] = 20_000.0,
    database: serving_flags.Database = None,
) -> None:
    """Make an API key, and show it this once."""
    with plain_errors():
        from resilver.commands import keys

        raise typer.Exit(
            keys.create(
                database,
                name,
                lane=lane,
                photos=photos,
                max_queued=queued,
                max_megapixels=queued_megapixels,
            )
        )


@keys_app.command("list")
def keys_list(database: serving_flags.Database = None) -> None:
    """List the API keys, without their secrets."""
    with plain_errors():
        from resilver.commands import keys

        raise typer.Exit(keys.list_keys(database))


@keys_app.command("revoke")
def keys_revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    database: serving_flags.Database = None,
) -> None:
    """Let an API key open nothing from now on."""
    with plain_errors():
        from resilver.commands import keys

        raise typer.Exit(keys.revoke(database, key))


def _given(paths: list[Path] | None, inputs: list[Path] | None) -> list[Path]:
    given = [*(paths or []), *(inputs or [])]
    if not given:
        raise OptionError("name a photo or a folder of photos")
    return given


def main() -> None:
    """Runs the command line; `resilver.__main__` guards its being loaded as well."""
    try:
        app()
    except KeyboardInterrupt:
        sys.stderr.write(_STOPPED)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
