"""`resilver models list` and `verify`."""

from __future__ import annotations

from importlib.util import find_spec

from rich import box
from rich.table import Table
from rich.text import Text

from resilver.commands.screen import Screen
from resilver.errors import ModelError
from resilver.models.store import (
    PRIOR,
    StoredModel,
    bundled_models,
    imported_models,
    searched_weights,
    wrong_imports,
)
from resilver.reporting.words import printable


def list_models() -> int:
    """Shows the bundled and the imported networks; returns the exit code."""
    screen = Screen()
    bundled = bundled_models()
    models = (*bundled, *imported_models())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Network", style="bold", no_wrap=True)
    table.add_column("Licence", no_wrap=True)
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("What it does")
    for model in models:
        size = model.path.stat().st_size / 1e6 if model.path.is_file() else 0.0
        table.add_row(
            model.card.name if model in bundled else f"{model.card.name} *",
            model.card.licence,
            f"{size:.1f} MB" if size else "missing",
            Text(printable(model.card.summary)),  # a stranger's words, not our markup
        )
    screen.show(table)
    for error in wrong_imports().values():
        screen.error(str(error), "left out")
    screen.line(
        "clean: free for any use. research: learned from data with limits on its use, "
        "left out by --licence clean." + (" *: imported." if len(models) > len(bundled) else "")
    )
    return 0


def verify_models() -> int:
    """Checks every network against its card; returns the exit code: 0 or 1."""
    screen = Screen()
    failed = 0
    models = bundled_models()
    for model in (*models, *imported_models()):
        try:
            model.verify()
            if model.card.task == PRIOR:
                _verify_searched(model)
        except ModelError as error:
            screen.error(str(error))
            failed += 1
        else:
            screen.line(f"{model.card.name}  {model.card.sha256}", "verified", "green")
    for error in wrong_imports().values():
        screen.error(str(error))
        failed += 1
    if not models:
        screen.error("no networks are bundled with this installation")
    return 1 if failed or not models else 0


def _verify_searched(prior: StoredModel) -> None:
    """Whether the weights that a search needs are there, and draw what the network does.

    Only torch can tell the second, and without it there is no search either.

    Raises:
        ModelError: they are missing, or do not.
    """
    searched_weights(prior)
    if find_spec("torch") and find_spec("safetensors"):
        from resilver.latent.prior import opened  # noqa: PLC0415

        opened(prior)
