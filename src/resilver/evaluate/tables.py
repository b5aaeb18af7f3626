"""Tables in Markdown, for results that people and pages read."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, all others are figures, set to the right.

    Raises:
        ValueError: a row of another length than the head.
    """
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"a row has {len(row)} cells, the head {len(head)}")
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(cells[0], widths), "| " + " | ".join(rule) + " |"]
    return "\n".join(lines + [_line(row, widths) for row in cells[1:]])


def figure(value: float, digits: int = 2) -> str:
    """A number with a fixed count of decimals; infinite as ∞, unknown (NaN) as -."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.{digits}f}"


def median_and_spread(values: Sequence[float], digits: int = 2) -> str:
    """ "1.23 (1.20 to 1.31)": the median of repeated measurements, and their range."""
    middle = figure(float(np.median(values)), digits)
    return f"{middle} ({figure(min(values), digits)} to {figure(max(values), digits)})"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cells[0].ljust(widths[0])]
    padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return "| " + " | ".join(padded) + " |"
