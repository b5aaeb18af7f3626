"""When a photo in line has its turn, on workers that share themselves out among those in hand.

Processor sharing (Kleinrock, "Queueing Systems", vol. 2), played through in virtual time: a large
photo in hand delays those behind it by its share of a worker only, not by all of its work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from heapq import heapify, heappop, heappush


@dataclass(frozen=True)
class Load:
    """What a photo asks for."""

    work_s: float  # of a whole worker, still to be done
    room: float  # megapixels that it takes up while it is in hand


@dataclass(frozen=True)
class Line:
    """What stands around one photo."""

    in_hand: tuple[Load, ...]  # of the same queue
    beside: tuple[float, ...]  # work of those that share the workers and take up neither
    earlier_s: float  # work of photos before all of `ahead`: only added up
    ahead: tuple[Load, ...]  # the last ones before it, in order
    behind: tuple[Load, ...]  # the first ones after it, which fill places that fall free
    places: int  # photos of this queue in hand at once
    room: float  # megapixels of them at once
    workers: int
    alone: float = 1.0  # share of a worker that a single photo can use


def turn_of(line: Line, own: Load) -> tuple[float, float]:
    """(begun, finished), seconds from now."""
    if line.earlier_s == 0.0 or not line.ahead:
        return _played(line, own)
    # Long before its turn those in hand now are done, and others are half done.
    mean_s = sum(load.work_s for load in line.ahead) / len(line.ahead)
    room = sum(load.room for load in line.ahead) / len(line.ahead)
    places = line.places
    if math.isfinite(line.room):
        places = max(1, min(places, math.floor(line.room / max(room, 1e-3))))
    work_s = sum(load.work_s for load in line.in_hand) + line.earlier_s - places * mean_s / 2
    work_s = max(0.0, work_s)
    delay_s = min(sum(line.beside), work_s * len(line.beside) / places)
    left = 1.0 - delay_s / max(sum(line.beside), 1e-9)
    then = replace(
        line,
        in_hand=(Load(mean_s / 2, room),) * places,
        beside=tuple(left * work for work in line.beside if left > 0.0),
        earlier_s=0.0,
    )
    clock_s = (work_s + delay_s) / line.workers
    begun_s, finished_s = _played(then, own)
    return clock_s + begun_s, clock_s + finished_s


def _played(line: Line, own: Load) -> tuple[float, float]:
    """(begun, finished), photo by photo.

    Virtual time passes for each photo alike; when it has passed for so long as a photo has work,
    the photo is finished.
    """
    waiting = [*line.ahead, own, *line.behind]
    clock_s = virtual_s = begun_s = 0.0
    next_one = 0
    # (end in virtual time, its index in the line; -1 = another, the room that falls free)
    ends = [(load.work_s, -1, load.room) for load in line.in_hand]
    ends += [(work_s, -1, -1.0) for work_s in line.beside]  # -1 = it takes up none
    heapify(ends)
    taken, room = len(line.in_hand), line.room - sum(load.room for load in line.in_hand)
    while True:
        while next_one < len(waiting) and _fits(waiting[next_one], taken, room, line):
            load = waiting[next_one]
            heappush(ends, (virtual_s + load.work_s, next_one, load.room))
            if next_one == len(line.ahead):
                begun_s = clock_s
            taken, room, next_one = taken + 1, room - load.room, next_one + 1
        end_s, index, freed = heappop(ends)
        clock_s += (end_s - virtual_s) / min(line.alone, line.workers / (len(ends) + 1))
        virtual_s = end_s
        if index == len(line.ahead):
            return begun_s, clock_s
        if freed >= 0.0:
            taken, room = taken - 1, room + freed


def _fits(load: Load, taken: int, room: float, line: Line) -> bool:
    """Whether a worker takes one more; one that is larger than all room is taken alone."""
    return taken < line.places and (load.room <= room + 1e-6 or taken == 0)


def evenly(work_s: float, room: float, photos: int, most: int) -> tuple[Load, ...]:
    """The first ones, at most so many, of photos of which only the sums are known."""
    return (Load(work_s / max(1, photos), room / max(1, photos)),) * min(photos, most)
