"""`resilver evaluate`: a test suite, ours beside others, as table, JSON and contact sheet."""

from __future__ import annotations

import os
from pathlib import Path

from rich import box
from rich.table import Table

from resilver.commands.screen import Screen
from resilver.errors import OptionError, PhotoNotWritten
from resilver.evaluate.declared import SUITES, suite_named
from resilver.evaluate.results import Stamp, own_checkout
from resilver.evaluate.running import evaluate
from resilver.evaluate.sheet import to_html
from resilver.evaluate.showing import to_json, to_markdown
from resilver.evaluate.values import Setting
from resilver.photofile.writing import check_place, write_text


def list_suites() -> int:
    """Shows every suite with its contenders and metrics; returns 0."""
    screen = Screen()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Suite", style="bold", no_wrap=True)
    table.add_column("What is measured", ratio=3)
    table.add_column("Contenders (* = baseline)", ratio=2)
    table.add_column("Metrics", ratio=1)
    for suite in SUITES.values():
        contenders = [f"{name}{' *' * (name == suite.baseline)}" for name in suite.contenders]
        metrics = [metric.name for metric in suite.metrics]
        table.add_row(
            suite.name, suite.sentence, "\n".join(contenders), "\n".join(metrics or ["none"])
        )
    screen.show(table)
    return 0


def evaluate_suite(
    name: str | None,
    *,
    against: str | None,
    networks: list[str],
    data: Path | None,
    weights: Path | None,
    photos: int | None,
    threads: int | None,
    json: Path | None,
    html: Path | None,
    overwrite: bool,
) -> int:
    """Runs a suite, prints its tables, writes the files that are asked for; returns 0.

    Raises:
        OptionError, PhotoError, ModelError: as `resilver.evaluate.running.evaluate`.
    """
    if name is None:
        raise OptionError(f"name a suite: {', '.join(SUITES)}")
    suite = suite_named(name)
    if json is not None and html is not None and json.resolve() == html.resolve():
        raise OptionError(f"{json} cannot be both the JSON and the sheet")
    # Not after an hour of work: the places of the files are looked at first.
    for path in (json, html):
        if path is not None:
            check_place(path, source=None, overwrite=overwrite)
            if not os.path.isdir(path.parent):  # noqa: PTH112 (raises on a name that is too long)
                raise PhotoNotWritten(path, "its folder does not exist")
    checkout = own_checkout()
    setting = Setting(*folders(checkout, data, weights), photos, threads)
    stamp = Stamp.now(checkout)
    screen = Screen()
    with screen.progress() as advance:
        found = evaluate(
            suite,
            setting,
            against=against,
            networks=named_files(networks),
            thumbnails=html is not None,
            progress=advance,
        )
    screen.text(f"{to_markdown(found)}\n\n{stamp.line()}\n")
    for path, render in ((json, to_json), (html, to_html)):
        if path is not None:
            write_text(path, render(found, stamp), overwrite=overwrite)
            screen.line(str(path), "written", "green")
    return 0


def folders(
    checkout: Path | None, data: Path | None, weights: Path | None
) -> tuple[Path, Path | None]:
    """Where the suites and the published networks lie.

    A checkout has them beside it; whoever has installed the package says where they are.

    Raises:
        OptionError: nobody said where the suites lie.
    """
    shared = None if checkout is None else checkout.parent / "shared"
    if data is None and shared is None:
        raise OptionError("where do the test suites lie? Name their folder with --data")
    if weights is None and shared is not None:
        weights = shared / "weights"
    return data or (shared or Path()) / "data" / "eval", weights


def named_files(given: list[str]) -> dict[str, Path]:
    """NAME=FILE, as many as were given.

    Raises:
        OptionError: one of them has no name or no file, or a name comes twice.
    """
    named: dict[str, Path] = {}
    for one in given:
        name, equals, path = one.partition("=")
        if not (name and equals and path) or name in named:
            raise OptionError(f"--network takes a new name and a file, NAME=FILE, not {one!r}")
        named[name] = Path(path)
    return named
