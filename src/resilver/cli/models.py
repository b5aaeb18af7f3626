"""Commands on networks: `resilver models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from resilver.cli.app import models_app, plain_errors
from resilver.commands import flags


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
