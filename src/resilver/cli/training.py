"""Commands that make networks, and measure what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from resilver.cli.app import app, plain_errors
from resilver.commands import flags


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
