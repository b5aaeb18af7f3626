"""An evaluation as one self-contained HTML page: tables, and every picture with its figures.

As the report's page, it carries style, script and pictures inside, and nothing else can get in.
"""

from __future__ import annotations

import io
import json
import math
from html import escape
from string import Template
from typing import Any

from PIL import Image

from resilver.evaluate.evaluation import Evaluation, Judged
from resilver.evaluate.results import Stamp
from resilver.evaluate.showing import counted, json_number, metric_table, time_table
from resilver.evaluate.tables import figure
from resilver.evaluate.values import Metric
from resilver.reporting.parts import data_uri, part, policy
from resilver.reporting.words import printable
from resilver.version import SOFTWARE

_PACKAGE = "resilver.evaluate"


def to_html(evaluation: Evaluation, stamp: Stamp) -> str:
    """The page of an evaluation that was run with thumbnails, to be written as UTF-8."""
    style = part("page.css") + part("sheet.css", _PACKAGE)
    script = part("sheet.js", _PACKAGE)
    tables = [metric_table(evaluation, metric) for metric in evaluation.metrics]
    facts = [counted(evaluation), *(f"left out: {words}" for words in evaluation.left_out)]
    if evaluation.trial:
        facts.append("a trial: not all photos were looked at")
    return Template(part("sheet.html", _PACKAGE)).substitute(
        policy=policy(style, script),
        style=style,
        script=script,
        software=_text(SOFTWARE),
        suite=_text(evaluation.suite),
        about=_text(evaluation.about),
        facts=" ".join(f"<span>{_text(fact)}</span>" for fact in facts),
        tables="\n".join(_table(*table) for table in (*tables, time_table(evaluation))),
        choices="\n".join(_choices(evaluation)),
        cases="\n".join(_case(evaluation, one) for one in evaluation.judged),
        stamp=_text(stamp.line().strip("*")),
    )


def _text(words: str) -> str:
    return escape(printable(words), quote=True)


def _table(head: list[str], rows: list[list[str]]) -> str:
    names = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    body = "\n".join(
        f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{names}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _choices(evaluation: Evaluation) -> list[str]:
    """Orders of the pictures: for each metric and contender, worst first."""
    return [
        f'<option value="{_text(json.dumps([_key(metric, contender), metric.better]))}">'
        f"worst first: {_text(metric.name)} of {_text(contender)}</option>"
        for metric in evaluation.metrics
        for contender in evaluation.contenders
    ]


def _case(evaluation: Evaluation, one: Judged) -> str:
    figures = {
        _key(metric, contender): json_number(attempt.figures[metric.name])
        for metric in evaluation.metrics
        for contender, attempt in one.attempts.items()
    }
    shown = [
        _picture(name, attempt.thumbnail, _lines(evaluation, one, name))
        for name, attempt in one.attempts.items()
    ]
    if one.truth:
        shown.append(_picture("truth", one.truth, []))
    group = f" <span>{_text(one.group)}</span>" if one.group else ""
    return (
        f'<li data-figures="{_text(json.dumps(figures))}"><h3>{_text(one.name)}{group}</h3>'
        f'<div class="pictures">{"".join(shown)}</div></li>'
    )


def _picture(name: str, thumbnail: bytes, lines: list[str]) -> str:
    with Image.open(io.BytesIO(thumbnail)) as image:
        width, height = image.size
    uri = data_uri(thumbnail, "webp")
    return (
        f'<figure><img src="{uri}" width="{width}" height="{height}" alt="{_text(name)}">'
        f"<figcaption><strong>{_text(name)}</strong>{''.join(lines)}</figcaption></figure>"
    )


def _lines(evaluation: Evaluation, one: Judged, contender: str) -> list[str]:
    """What stands below a picture: its figures, the best of each marked, and what was done."""
    attempt = one.attempts[contender]
    lines: list[str] = []
    for metric in evaluation.metrics:
        value = attempt.figures[metric.name]
        others = [other.figures[metric.name] for other in one.attempts.values()]
        best = not math.isnan(value) and not any(metric.is_better(o, value) for o in others)
        mark = ' class="best"' if best else ""
        shown = f"{metric.name} {figure(value, metric.digits)} {metric.unit}".rstrip()
        lines.append(f"<span{mark}>{_text(shown)}</span>")
    if attempt.words:
        lines.append(f"<span>{_text(attempt.words)}</span>")
    return lines


def _key(metric: Metric[Any], contender: str) -> str:
    return f"{metric.name} | {contender}"
