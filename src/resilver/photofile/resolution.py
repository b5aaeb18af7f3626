"""Dots per inch as files state them: what can be true."""

from __future__ import annotations

_MOST_DPI = 1e5  # microscopes stay under it


def plausible_dpi(x: float, y: float) -> tuple[float, float] | None:
    """A stated resolution (x, y), in dots per inch; None if it is zero or beyond belief."""
    return (x, y) if 0 < x < _MOST_DPI and 0 < y < _MOST_DPI else None
