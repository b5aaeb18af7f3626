"""When a photo in line has its turn, on workers that share themselves out among those in hand.

Processor sharing (Kleinrock, "Queueing Systems", vol. 2), played through in virtual time: a large
photo in hand delays those behind it by its share of a worker only, not by all of its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

_PLAYED = 64  # photos before its turn; of a longer line the first ones are only added up


@dataclass(frozen=True)
class Line:
    """What stands around one photo; work is in seconds of a whole worker."""

    in_hand: tuple[float, ...]  # work left of each photo that takes a place in the same queue
    beside: tuple[float, ...]  # the same of those that share the workers and take no place
    ahead: int  # photos that come before it
    ahead_s: float  # work of all of them
    behind: int  # photos that come after it, and fill places that fall free
    behind_s: float  # work of all of them
    places: int  # photos of this queue at once
    workers: int
    alone: float = 1.0  # share of a worker that a single photo can use


def turn_of(line: Line, own_s: float) -> tuple[float, float]:
    """(begun, finished), seconds from now.

    Args:
        own_s: work of the photo.
    """
    mean_s = line.ahead_s / max(1, line.ahead)
    in_hand, beside, ahead, clock_s = line.in_hand, line.beside, line.ahead, 0.0
    if ahead > _PLAYED:
        # Long before its turn those at work now are done, and others are half done.
        work_s = sum(in_hand) + (ahead - _PLAYED) * mean_s - line.places * mean_s / 2
        work_s = max(0.0, work_s)
        delay_s = min(sum(beside), work_s * len(beside) / line.places)
        clock_s = (work_s + delay_s) / line.workers
        in_hand, ahead = (mean_s / 2,) * line.places, _PLAYED
        left = 1.0 - delay_s / max(sum(beside), 1e-9)
        beside = tuple(left * work_s for work_s in beside if left > 0.0)
    behind = [line.behind_s / max(1, line.behind)] * min(line.behind, line.places)
    waiting = [*[mean_s] * ahead, own_s, *behind]
    return _played(clock_s, list(in_hand), list(beside), waiting, ahead, line)


def _played(
    clock_s: float,
    in_hand: list[float],
    beside: list[float],
    waiting: list[float],
    own: int,
    line: Line,
) -> tuple[float, float]:
    """(begun, finished) of the photo at `own` in `waiting`.

    Virtual time passes for each photo alike; when it has passed for so long as a photo has work,
    the photo is finished.
    """
    virtual_s, begun_s, next_one = 0.0, clock_s, 0
    # (end in virtual time, its index in the line; -1 = was in hand before, -2 = takes no place)
    ends = [*((left, -1) for left in in_hand), *((left, -2) for left in beside)]
    heapify(ends)
    taken = len(in_hand)
    while True:
        while taken < line.places and next_one < len(waiting):
            heappush(ends, (virtual_s + waiting[next_one], next_one))
            if next_one == own:
                begun_s = clock_s
            taken += 1
            next_one += 1
        rate = min(line.alone, line.workers / len(ends))
        end_s, index = heappop(ends)
        clock_s += (end_s - virtual_s) / rate
        virtual_s = end_s
        if index == own:
            return begun_s, clock_s
        taken -= index != -2
