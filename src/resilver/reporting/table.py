"""A Report as a terminal table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from resilver.report import Report, StageRecord
from resilver.reporting.words import (
    DAMAGE_KINDS,
    FACES_ARE_GUESSES,
    deed,
    duration,
    effect,
    face_words,
    headline,
    identity_words,
    larger,
    limit,
    percent,
    printable,
    quantity,
    stage_words,
    telling,
)
from resilver.stages.draft import Finding

_COLUMNS_FROM = 70  # characters; below, columns cut words and figures off


def to_table(report: Report) -> RenderableType:
    """The report for a terminal: headline, each stage, damage by kind, notices."""
    height, width = report.size
    shape = f"{width} x {height} px{larger(report)}, {report.bit_depth} bit, {report.format}"
    if report.grey:
        shape += ", grey"
    parts: list[RenderableType] = [
        Text.assemble((printable(report.source), "bold"), f"  {shape}, {duration(report.seconds)}"),
        Text(headline(report)),
        _Steps(report.stages),
    ]
    damage = [
        f"{kind.words} {percent(report.damage_share[kind.key])}"
        for kind in DAMAGE_KINDS
        if report.damage_share.get(kind.key, 0.0) > 0.0
    ]
    if damage:
        parts.append(Text("Damage: " + ", ".join(damage)))
    for face in report.faces:
        told = f"Face {face.number}: {face_words(face)} {identity_words(face)}".rstrip()
        parts.append(Text(told))
        if face.warning:
            parts.append(Text(f"Warning: face {face.number}: {face.warning}", style="yellow"))
    if any(face.restored for face in report.faces):
        parts.append(Text(FACES_ARE_GUESSES))
    parts.extend(Padding(Text(f"Note: {notice}", style="yellow"), 0) for notice in report.notices)
    return Group(*parts)


@dataclass(frozen=True)
class _Steps:
    """A row for each step; a paragraph for each where the terminal is too narrow for columns."""

    records: Sequence[StageRecord]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._columns() if options.max_width >= _COLUMNS_FROM else self._paragraphs()

    def _columns(self) -> RenderableType:
        rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        rows.add_column("Step", style="bold", no_wrap=True)
        rows.add_column("Found", ratio=3)
        rows.add_column("Done", ratio=2)
        rows.add_column("Time", justify="right", no_wrap=True)
        for record in self.records:
            rows.add_row(_title(record), found_text(record.finding), _done(record), _time(record))
        return rows

    def _paragraphs(self) -> RenderableType:
        parts: list[RenderableType] = []
        for record in self.records:
            below = Group(found_text(record.finding), _done(record))
            head = Text.assemble((_title(record), "bold"), f"  {_time(record)}")
            parts += [Text(), head, Padding(below, (0, 0, 0, 2))]
        return Group(*parts, Text())


def _title(record: StageRecord) -> str:
    return stage_words(record.finding.stage).title


def _done(record: StageRecord) -> Text:
    done = Text(deed(record), style="" if record.acted else "dim")
    if record.acted:
        done.append(f"\n{effect(record)}", style="dim")
    return done


def _time(record: StageRecord) -> str:
    return duration(record.seconds)


def found_text(finding: Finding) -> Text:
    """What a stage found, with its measurements below."""
    text = Text(finding.words)
    for measurement in telling(finding.measurements):
        value = quantity(measurement.value, measurement.unit)
        text.append(f"\n{measurement.name} {value}, {limit(measurement)}", style="dim")
    return text
