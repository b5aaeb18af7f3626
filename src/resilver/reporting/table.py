"""A Report as a terminal table."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from resilver.report import Report
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


def to_table(report: Report) -> RenderableType:
    """The report for a terminal: headline, one row a stage, damage by kind, notices."""
    height, width = report.size
    shape = f"{width} x {height} px{larger(report)}, {report.bit_depth} bit, {report.format}"
    if report.grey:
        shape += ", grey"
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column("Step", style="bold", no_wrap=True)
    rows.add_column("Found", ratio=3)
    rows.add_column("Done", ratio=2)
    rows.add_column("Time", justify="right", no_wrap=True)
    for record in report.stages:
        done = Text(deed(record), style="" if record.acted else "dim")
        if record.acted:
            done.append(f"\n{effect(record)}", style="dim")
        rows.add_row(
            stage_words(record.finding.stage).title,
            found_text(record.finding),
            done,
            duration(record.seconds),
        )
    parts: list[RenderableType] = [
        Text.assemble((printable(report.source), "bold"), f"  {shape}, {duration(report.seconds)}"),
        Text(headline(report)),
        rows,
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


def found_text(finding: Finding) -> Text:
    """What a stage found, with its measurements below."""
    text = Text(finding.words)
    for measurement in telling(finding.measurements):
        value = quantity(measurement.value, measurement.unit)
        text.append(f"\n{measurement.name} {value}, {limit(measurement)}", style="dim")
    return text
