"""The command itself: how its words are read, how its errors are told, how it ends."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import pairwise
from typing import Annotated, Any

import typer
import typer.core

from resilver.commands import INTERRUPTED
from resilver.errors import OptionError, PhotoExists, ResilverError
from resilver.version import __version__

_STOPPED = "resilver: stopped\n"

_MAY_BE_EMPTY = ("--suffix", "--data-note")


class _Commands(typer.core.TyperGroup):
    """All commands; none of them takes an empty word."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As ever, but an empty word, as of a variable that nobody set, does not mean this folder.

        Raises:
            BadParameter: there is one.
        """
        options = args.index("--") if "--" in args else len(args)  # what follows are names
        for before, word in pairwise(["", *args[:options]]):
            name, empty = (before, word == "") if word == "" else _assigned(word)
            if empty and name not in _MAY_BE_EMPTY:
                place = f"after {name}" if name.startswith("-") else "among the arguments"
                raise typer.BadParameter(f"there is an empty word {place}")
        if "" in args[options:]:
            raise typer.BadParameter("there is an empty word among the arguments")
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
    except PhotoExists as error:
        typer.echo(f"resilver: {PhotoExists(error.path, '--overwrite')}", err=True)
        raise typer.Exit(1) from error
    except ResilverError as error:
        typer.echo(f"resilver: {error}", err=True)
        raise typer.Exit(1) from error
    except MemoryError as error:
        typer.echo("resilver: there is not enough memory for this", err=True)
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


def main() -> None:
    """Runs the command line; `resilver.__main__` guards its being loaded as well."""
    try:
        app()
    except KeyboardInterrupt:
        sys.stderr.write(_STOPPED)
        sys.exit(INTERRUPTED)
    except OSError as error:  # what typer itself reads and writes: shell completion
        sys.stderr.write(f"resilver: {error.filename or 'completion'}: {error.strerror}\n")
        sys.exit(1)
