"""An evaluation in words and numbers: Markdown for people and pages, JSON for programs."""

from __future__ import annotations

import json
import math
from typing import Any

from resilver.evaluate.evaluation import Comparison, Evaluation
from resilver.evaluate.results import Stamp
from resilver.evaluate.tables import figure, markdown_table
from resilver.evaluate.values import Metric
from resilver.reporting.words import printable

Table = tuple[list[str], list[list[str]]]  # head, rows


def metric_table(evaluation: Evaluation, metric: Metric[Any]) -> Table:
    """One metric: a row for each contender in each group."""
    against = f"against {evaluation.against}"
    head = [metric.title, "mean", "median", "quartiles", "worst", against, "better in"]
    rows: list[list[str]] = []
    for group in evaluation.groups:
        for contender in evaluation.contenders:
            found = evaluation.summary(metric, contender, group)
            shown = [figure(value, metric.digits) for value in (found.mean, found.median)]
            quartiles = [figure(value, metric.digits) for value in (found.lower, found.upper)]
            worst = f"{printable(found.worst_name)}: {figure(found.worst, metric.digits)}"
            compared = ["", ""]
            if contender != evaluation.against:
                held = evaluation.comparison(metric, contender, group)
                compared = [_compared(metric, held), f"{held.better} of {held.count}"]
            rows.append(
                [row_name(group, contender), *shown, " to ".join(quartiles), worst, *compared]
            )
    return head, rows


def time_table(evaluation: Evaluation) -> Table:
    """How long each contender takes."""
    rows = [
        [name, figure(evaluation.seconds_per_megapixel(name))] for name in evaluation.contenders
    ]
    return ["seconds a megapixel of the result, median", "s/MP"], rows


def row_name(group: str, contender: str) -> str:
    """What a row of a table is called."""
    return f"{group}: {contender}" if group else contender


def counted(evaluation: Evaluation) -> str:
    """ "24 pictures in each of 3 groups" or the like."""
    counts = {group: len(evaluation.of_group(group)) for group in evaluation.groups}
    parts = [f"{count} {f'({group})' if group else 'pictures'}" for group, count in counts.items()]
    return f"{', '.join(parts)}{'' if '' in counts else ' pictures'}"


def to_markdown(evaluation: Evaluation) -> str:
    """The tables of an evaluation under a line that says what was measured."""
    trial = " A trial: not all photos were looked at." if evaluation.trial else ""
    parts = [f"`{evaluation.suite}`, {counted(evaluation)}. {evaluation.about}{trial}"]
    parts += [markdown_table(*metric_table(evaluation, metric)) for metric in evaluation.metrics]
    if evaluation.metrics:
        parts.append(_legend(evaluation))
    parts.append(markdown_table(*time_table(evaluation)))
    parts += [f"Network {name}: {sha256[:8]}." for name, sha256 in evaluation.networks.items()]
    parts += [f"Left out: {words}." for words in evaluation.left_out]
    return "\n\n".join(parts)


def to_json(evaluation: Evaluation, stamp: Stamp) -> str:
    """All figures, as indented JSON; "Infinity" stands for an infinite one, null for none.

    `photos` and `threads` are null where all photos are looked at, with all cores.
    """
    setting = evaluation.setting
    groups = [
        {
            "name": group,
            "metrics": {
                metric.name: {
                    contender: _summary(evaluation, metric, contender, group)
                    for contender in evaluation.contenders
                }
                for metric in evaluation.metrics
            },
        }
        for group in evaluation.groups
    ]
    value = {
        "suite": evaluation.suite,
        "about": evaluation.about,
        "trial": evaluation.trial,
        "against": evaluation.against,
        "left_out": list(evaluation.left_out),
        "stamp": vars(stamp),
        "data": str(setting.data),
        "weights": None if setting.weights is None else str(setting.weights),
        "photos": setting.photos,
        "threads": setting.threads,
        "networks": dict(evaluation.networks),
        "metrics": [
            {"name": m.name, "unit": m.unit, "better": m.better, "compared": m.compared}
            for m in evaluation.metrics
        ],
        "seconds_per_megapixel": {
            name: evaluation.seconds_per_megapixel(name) for name in evaluation.contenders
        },
        "groups": groups,
        "pictures": [
            {
                "name": one.name,
                "group": one.group,
                "contenders": {
                    name: {
                        "figures": {key: json_number(value) for key, value in a.figures.items()},
                        "seconds": a.seconds,
                        "megapixels": a.megapixels,
                        "words": a.words,
                    }
                    for name, a in one.attempts.items()
                },
            }
            for one in evaluation.judged
        ],
    }
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _summary(
    evaluation: Evaluation, metric: Metric[Any], contender: str, group: str
) -> dict[str, Any]:
    found = evaluation.summary(metric, contender, group)
    held = evaluation.comparison(metric, contender, group)
    return {
        "count": found.count,
        "mean": json_number(found.mean),
        "median": json_number(found.median),
        "quartiles": [json_number(found.lower), json_number(found.upper)],
        "worst": json_number(found.worst),
        "worst_name": found.worst_name,
        "against": json_number(held.median),
        "better": held.better,
    }


def json_number(value: float) -> float | str | None:
    """JSON knows neither infinite nor unknown numbers."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _compared(metric: Metric[Any], held: Comparison) -> str:
    if math.isnan(held.median):
        return "-"
    if metric.compared == "ratio":
        return f"x {figure(held.median)}"
    sign = "+" if held.median >= 0.0 else ""
    return f"{sign}{figure(held.median, metric.digits)}"


def _legend(evaluation: Evaluation) -> str:
    better = [f"{metric.name}: {metric.better} is better" for metric in evaluation.metrics]
    return (
        f"{'; '.join(better)}. *Against {evaluation.against}*: the median over pictures of the "
        "difference, or (x) of the ratio; *better in*: pictures with a strictly better figure."
    )
