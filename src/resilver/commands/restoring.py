"""`resilver restore`: restores photos, or tells what it would do."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from resilver.batch import BatchProgress, Naming, Outcome, Selection, Summary, restore_each, select
from resilver.commands import INTERRUPTED
from resilver.commands.planning import plan_photo
from resilver.commands.screen import Advance, Screen
from resilver.commands.showing import (
    others_ignored,
    plan_lines,
    results_skipped,
    show_outcome,
    show_summary,
)
from resilver.options import Options
from resilver.pipeline import Pipeline
from resilver.reporting import to_table
from resilver.reporting.words import joined


def restore_photos(
    paths: list[Path], naming: Naming, options: Options, *, max_megapixels: float, quiet: bool
) -> int:
    """Restores everything under `paths`; returns the exit code: 0, 1 or 130."""
    started = time.perf_counter()
    screen = Screen(quiet=quiet)
    selection = select(paths, naming)
    summary = _show_selection(screen, selection)
    single = len(selection.assignments) == 1
    code = 0
    try:
        with screen.progress() as advance:
            # Without a photo to restore there is no need for the networks.
            pipeline = Pipeline(options) if selection.assignments else None
            outcomes = (
                restore_each(
                    selection.assignments,
                    pipeline,
                    overwrite=naming.overwrite,
                    max_megapixels=max_megapixels,
                    progress=_overall(selection, advance),
                )
                if pipeline is not None
                else iter(())
            )
            for outcome in outcomes:
                summary = replace(summary.count(outcome), left=summary.left - 1)
                _show(screen, outcome, single=single)
    except KeyboardInterrupt:
        screen.error("every file that was written is whole", "stopped")
        code = INTERRUPTED
    summary = replace(summary, seconds=time.perf_counter() - started)
    show_summary(screen, summary)
    return code or (1 if summary.failed or summary.folders else 0)


def plan_photos(
    paths: list[Path], naming: Naming, options: Options, *, max_megapixels: float, quiet: bool
) -> int:
    """Tells what `restore_photos` would do, and writes nothing; returns the exit code."""
    screen = Screen(quiet=quiet)
    selection, waiting = _overwriting(select(paths, naming))
    _show_selection(screen, selection)
    failed = len(selection.refusals)
    if not selection.assignments:
        return 1 if failed else 0
    pipeline = Pipeline(options)
    with screen.progress() as advance:
        count = len(selection.assignments)
        for index, assignment in enumerate(selection.assignments):
            advance(index / count, str(assignment.source))
            planned = plan_photo(assignment.source, pipeline, max_megapixels)
            if isinstance(planned, str):
                screen.error(planned)
                failed += 1
                continue
            results = assignment.results
            if not planned.plan.acts("colourise"):  # further ones differ in their colours alone
                results = results[:1]
            target, *further = (file for result in results for file in result.files)
            screen.line(f"{assignment.source} -> {target}")
            for file in further:
                screen.line(f"  and {file}")
            if assignment.source in waiting:
                screen.line(f"  but {waiting[assignment.source]}")
            for line in plan_lines(planned.plan, deeds=True):
                screen.line(line)
    if selection.ignored:
        screen.line(others_ignored(selection.ignored))
    return screen.code(1 if failed else 0)


def _overwriting(selection: Selection) -> tuple[Selection, dict[Path, str]]:
    """With what is refused for want of --overwrite alone; also the words about each such photo."""
    assignments = list(selection.assignments)
    waiting: dict[Path, str] = {}
    for refusal in selection.refusals:
        if refusal.waiting is not None:
            assignments.append(refusal.waiting)
            waiting[refusal.path] = refusal.reason
    refusals = tuple(refusal for refusal in selection.refusals if refusal.waiting is None)
    return replace(selection, assignments=tuple(assignments), refusals=refusals), waiting


def _overall(selection: Selection, advance: Advance) -> BatchProgress:
    sources = [assignment.source for assignment in selection.assignments]

    def progress(index: int, step: str, share: float) -> None:
        words = f"{sources[index].name} {step}"
        if len(sources) > 1:
            words = f"{index + 1}/{len(sources)} {words}"
        advance((index + share) / len(sources), words)

    return progress


def _show(screen: Screen, outcome: Outcome, *, single: bool) -> None:
    show_outcome(screen, outcome)
    if outcome.report is None:
        return
    if single:
        screen.show(to_table(outcome.report))
    else:
        for notice in outcome.report.notices:
            screen.line(f"          note: {notice}")


def _show_selection(screen: Screen, selection: Selection) -> Summary:
    results_skipped(screen, selection.results)
    for path, target, missing in selection.done:
        # By the name alone: another folder's scan of this name, or other options, made it as well.
        words = f"{path}: {target} is already there"
        if missing:  # of several colourings, which are made together
            words += f", but not {joined([file.name for file in missing])}"
        screen.line(f"{words}; --overwrite does it anew", "skipped", "yellow")
    for path, photo in selection.twins:
        words = "the same photo as" if photo.is_symlink() else "a link to"
        screen.line(f"{path}: {words} {photo}", "skipped", "yellow")
    for path in selection.round_links:
        screen.line(f"{path}: a link to a folder around the output", "skipped", "yellow")
    for refusal in selection.refusals:
        screen.error(refusal.words)
    return Summary(
        failed=sum(not refusal.folder for refusal in selection.refusals),
        folders=sum(refusal.folder for refusal in selection.refusals),
        done=len(selection.done),
        skipped=len(selection.results),
        twins=len(selection.twins),
        ignored=selection.ignored,
        left=len(selection.assignments),
    )
