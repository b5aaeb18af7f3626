"""Lanes by head start: a photo's place is its arrival less its lane's head start.

A fast photo that arrives at noon with a head start of six hours stands where a free one of six in
the morning does. So the fast lane overtakes, but nobody starves: whoever has waited longer than the
head start is not overtaken any more. This is first come, first served on a shifted clock, the way
that Linux's fair scheduler orders by virtual time and not by class.
"""

from __future__ import annotations

_CLOCK_STARTS_S = 1_700_000_000 - 31 * 86_400  # so that no head start leads below zero


def priority_of(submitted_s: float, head_start_s: float) -> int:
    """Seconds on the shifted clock, as DBOS orders its queues: the smallest first, 1 to 2^31 - 1.

    Args:
        submitted_s: time of arrival, seconds since 1970.
        head_start_s: of the lane.
    """
    return max(1, int(submitted_s - head_start_s - _CLOCK_STARTS_S))


def queue_of(megapixels: float, large_megapixels: float) -> str:
    """The queue a photo waits in: large ones apart, so that they never stand before small ones."""
    return LARGE if megapixels >= large_megapixels else SMALL


SMALL, LARGE = "small", "large"
QUEUES = (SMALL, LARGE)
