"""How findings and outcomes are written in lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from resilver.batch import Outcome, Summary
from resilver.commands.screen import Screen
from resilver.pipeline import Plan
from resilver.report import Report
from resilver.reporting.words import (
    duration,
    left_as_asked,
    limit,
    percent,
    quantity,
    telling,
    unmet,
)


def show_outcome(screen: Screen, outcome: Outcome) -> None:
    """One line for one photo."""
    if outcome.error is not None or outcome.report is None:
        screen.error(outcome.error or f"{outcome.source}: not restored")
        return
    acted = [record.finding.stage for record in outcome.report.stages if record.changed]
    asked = left_as_asked(outcome.report)
    spared = [f"left alone as asked: {', '.join(asked)}"] if asked else []
    what = ", ".join([*acted, *spared, *unmet(outcome.report)]) or _nothing(outcome.report)
    if outcome.report.invented_share > 0.0:
        what += f", {percent(outcome.report.invented_share)} made up"
    if outcome.report.coloured_share > 0.0:
        what += ", every colour a guess"
    screen.line(
        f"{outcome.source} -> {outcome.target}  {duration(outcome.seconds)}  {what}",
        "restored" if acted else "unchanged",
        "green",
    )


def _nothing(report: Report) -> str:
    """Why a photo came back as it was."""
    if not report.stages:
        return "no step was run"
    if any(record.acted for record in report.stages):
        return "nothing to change"
    return "the steps that ran found nothing" if report.left_out else "nothing to mend"


def show_summary(screen: Screen, summary: Summary) -> None:
    """The last line of a run."""
    done = summary.restored + summary.unchanged
    parts = [f"{summary.restored} restored"]
    if summary.unchanged:
        parts.append(f"{summary.unchanged} unchanged")
    if summary.failed:
        parts.append(f"{summary.failed} failed")
    if summary.folders:
        folders = "folder" if summary.folders == 1 else "folders"
        parts.append(f"{summary.folders} {folders} not taken")
    if summary.left:
        parts.append(f"{summary.left} not reached")
    if summary.done:
        parts.append(f"{summary.done} skipped (their results are there)")
    if summary.skipped:
        parts.append(f"{summary.skipped} skipped (results of earlier runs)")
    if summary.twins:
        parts.append(f"{summary.twins} skipped (links to another photo of these)")
    if summary.ignored:
        parts.append(others_ignored(summary.ignored))
    count = done + summary.failed + summary.left
    screen.line(
        f"{count} photo{'' if count == 1 else 's'} in {duration(summary.seconds)}: "
        f"{', '.join(parts)}"
    )


def results_skipped(screen: Screen, paths: Sequence[Path]) -> None:
    """A line for each file in folders that is called like a result."""
    for path in paths:
        screen.line(f"{path}: a result of an earlier run, by its name", "skipped", "yellow")


def others_ignored(count: int) -> str:
    """Of files in folders that are no images."""
    return f"{count} other file{'' if count == 1 else 's'} ignored"


def plan_lines(plan: Plan, *, deeds: bool) -> Iterator[str]:
    """What was found, a line a stage and a line a measurement.

    Args:
        deeds: say what would be done, not only what was found.
    """
    for stage in plan.stages:
        finding = stage.finding
        verdict = "found" if finding.act else "clean"
        if deeds:
            verdict = "acts" if stage.strength > 0.0 else "rests"
        yield f"  {finding.stage:<10} {verdict:<6} {finding.words}"
        if deeds:
            strength = f"strength {stage.strength:g}, " if stage.strength > 0.0 else ""
            yield f"{'':19} ({strength}{stage.why})"
        for measured in telling(finding.measurements):
            value = quantity(measured.value, measured.unit)
            yield f"{'':19} {measured.name}: {value} ({limit(measured)})"
    for face in plan.faces:
        left, top, right, bottom = (round(value) for value in face.box)
        restored = face.verdict == "lost detail" and any(
            stage.finding.stage == "faces" and stage.strength > 0.0 for stage in plan.stages
        )
        yield (
            f"  face {face.number:<5} {'restore' if restored else 'leave':<7} "
            f"{right - left} x {bottom - top} px at {left}, {top}: {face.words}"
        )
    for notice in plan.notices:
        yield f"  note: {notice}"
