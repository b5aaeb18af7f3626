"""`resilver models import`, `pull` and `remove`: published weights come in, and go."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from resilver.commands.screen import Screen
from resilver.errors import ModelError, OptionError
from resilver.models.card import Licence, Terms
from resilver.models.digest import file_sha256
from resilver.models.placing import SUFFIXES
from resilver.models.published import (
    PUBLISHED,
    Published,
    fetch,
    held,
    published_named,
    published_with,
)
from resilver.models.store import (
    PLAIN,
    bundled_models,
    imported_models,
    user_folder,
    wrong_imports,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def import_file(
    path: Path, name: str | None, licence: Licence | None, *, replace: bool = False
) -> int:
    """Imports a checkpoint or a network in ONNX; returns the exit code."""
    if not os.path.isfile(path):  # noqa: PTH113 (Path.is_file raises on a name that is too long)
        raise ModelError(f"{path}: no such file")
    if path.suffix.lower() != ".onnx":
        _need_torch()
    screen = Screen()
    known = published_with(file_sha256(path))
    own = known.name if known is not None else path.stem
    chosen = _free_name(own if name is None else name, replace=replace)
    _take_in(screen, path, chosen, lambda: _terms(screen, path, known, licence))
    return 0


def pull(name: str | None, as_name: str | None, *, replace: bool = False) -> int:
    """Downloads published weights and imports them; returns the exit code."""
    screen = Screen()
    if name is None:
        if as_name is not None or replace:
            raise OptionError("--as and --replace go with the name of a published network")
        for known in PUBLISHED:
            size = f"{known.size / 1e6:.0f} MB" if known.size else "size unknown"
            screen.line(f"{known.name}  {size}  {known.licence}  {known.terms}")
        return 0
    _need_torch()
    wanted = published_named(name)
    chosen = _free_name(wanted.name if as_name is None else as_name, replace=replace)
    downloads = user_folder() / "downloads"
    with held(wanted, downloads):
        with screen.progress() as advance:
            path = fetch(
                wanted,
                downloads,
                lambda there, total: advance(there / total if total else 0.0, wanted.file),
            )
        _take_in(screen, path, chosen, lambda: _published_terms(wanted))
        # All that is in it is in the import; if that failed, it is there for the next attempt.
        _delete(path)
    return 0


def remove(name: str) -> int:
    """Deletes the files of an imported network, also one without a right card; the exit code."""
    files = [user_folder() / f"{name}{suffix}" for suffix in SUFFIXES]
    # No path, and `exists` says no of a link that leads nowhere.
    there = [file for file in files if Path(name).name == name and os.path.lexists(file)]
    if not there:
        raise ModelError(f"no imported network is called {name!r}")
    for file in there:
        _delete(file)
    Screen().line(name, "removed")
    return 0


def _delete(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"{file}: cannot be deleted ({error.strerror})") from error


def _take_in(screen: Screen, path: Path, name: str, terms: Callable[[], Terms]) -> None:
    if path.suffix.lower() == ".onnx":
        from resilver.models.ready_made import import_network as take_in  # noqa: PLC0415
    else:
        from resilver.train.importing import import_checkpoint as take_in  # noqa: PLC0415

    card = take_in(path, name, user_folder(), terms)
    screen.line(f"{name}: {card.summary} Licence class: {card.licence}.", "imported", "green")


def _terms(screen: Screen, path: Path, known: Published | None, licence: Licence | None) -> Terms:
    """What is known of the weights, or else what the person says of them."""
    if known is not None:
        if licence is not None:
            screen.line(
                f"--licence {licence} counts for nothing: these are the published weights "
                f"{known.name}, classed {known.licence}."
            )
        return _published_terms(known)
    said = _asked_licence(path) if licence is None else licence
    if said is None:
        screen.line(
            "what these weights may be used for is not known: the card says research. "
            "Say --licence clean if any use is allowed."
        )
        return Terms("research", "unknown; nobody said what they may be used for")
    return Terms(said, f"unknown; the person who imported says: {said}")


def _published_terms(known: Published) -> Terms:
    return Terms(known.licence, f"{known.url}; {known.terms}")


def _free_name(name: str, *, replace: bool) -> str:
    """The name, if a network may be called so.

    Raises:
        OptionError: it may not, or is taken.
    """
    if not _NAME.fullmatch(name):
        letters = "letters, digits, '.', '_' and '-'"
        raise OptionError(f"{name!r} is no name for a network ({letters}): choose one with --as")
    same = name.casefold()  # on many systems the files of both would be one
    if same in {*(model.card.name for model in bundled_models()), PLAIN}:
        raise OptionError(f"{name!r} is the name of a bundled method: choose another with --as")
    there = {model.card.name for model in imported_models()} | wrong_imports().keys()
    if same in {known.casefold() for known in there} and not replace:
        raise OptionError(f"{name!r} is there already: choose another with --as, or --replace it")
    return name


def _asked_licence(path: Path) -> Licence | None:
    """What the person says of the weights' licence; None where nobody can be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    import typer  # noqa: PLC0415

    clean = typer.confirm(f"{path.name}: do its owners allow any use?", default=False, err=True)
    return "clean" if clean else "research"


def _need_torch() -> None:
    missing = [name for name in ("torch", "onnx", "safetensors") if find_spec(name) is None]
    if missing:
        raise ModelError(
            f"rebuilding a published network needs {', '.join(missing)}: "
            'pip install ".[train]" in its checkout'
        )
