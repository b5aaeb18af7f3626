"""What waits before a place in line, summed by stretches, so that no question counts it all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa

from resilver.service.database import JOBS
from resilver.service.jobs import QUEUED
from resilver.service.lanes import QUEUES

_STRETCH = 512  # photos, or a few more where several have one priority


@dataclass(frozen=True)
class Part:
    """Photos with the same stages wanted."""

    stages: str  # by comma
    photos: int
    megapixels: float
    room: float  # megapixels that they take up while they are in hand


@dataclass(frozen=True)
class Stretch:
    """Some photos that stand one after the other."""

    last: int  # priority; all photos with this one or a smaller one are in `upto`
    upto: tuple[Part, ...]  # of the stretch and of all before it


def room_taken(whole: float) -> sa.ColumnElement[float]:
    """Of a photo, in megapixels; one over which a worker has died takes a `whole` worker."""
    return sa.case((JOBS.c.deaths > 0, whole), else_=JOBS.c.room)


def stretches(connection: sa.Connection, whole: float) -> dict[str, tuple[Stretch, ...]]:
    """The whole line by queue; takes longer the more wait. `whole`: as of `room_taken`."""
    c = JOBS.c
    rank = sa.func.rank().over(partition_by=c.queue, order_by=c.priority)
    ranked = (
        sa.select(
            *(c.queue, c.priority, c.stages, c.megapixels),
            room_taken(whole).label("room"),
            ((rank - 1) // _STRETCH).label("at"),
        )
        .where(c.state == QUEUED)
        .subquery()
    )
    r = ranked.c
    query = (
        sa.select(
            *(r.queue, r.at, r.stages),
            *(sa.func.max(r.priority), sa.func.count()),
            *(sa.func.sum(r.megapixels), sa.func.sum(r.room)),
        )
        .group_by(r.queue, r.at, r.stages)
        .order_by(r.queue, r.at)
    )
    found: dict[str, list[Stretch]] = {queue: [] for queue in QUEUES}
    for (queue, _at), rows in groupby(connection.execute(query), key=lambda row: row[:2]):
        line, last = found[queue], 0
        upto = {part.stages: part for part in (line[-1].upto if line else ())}
        for _queue, _at, stages, highest, photos, megapixels, room in rows:
            before, last = upto.get(stages, Part(stages, 0, 0.0, 0.0)), max(last, highest)
            upto[stages] = Part(
                stages,
                before.photos + photos,
                before.megapixels + megapixels,
                before.room + room,
            )
        line.append(Stretch(last, tuple(upto.values())))
    return {queue: tuple(line) for queue, line in found.items()}


def ahead_of(
    connection: sa.Connection,
    queue: str,
    line: tuple[Stretch, ...],
    priority: int,
    before: sa.ColumnElement[bool],
    whole: float,
) -> tuple[Part, ...]:
    """What stands before a place in a queue.

    Args:
        line: the queue as it was a moment ago. Whole stretches before the place are as they were
            then; the rest, and all of a short line, is counted now.
        priority: of the place.
        before: what stands before it.
        whole: as of `room_taken`.
    """
    past = bisect_left([stretch.last for stretch in line[:-1]], priority)
    c = JOBS.c
    where = [c.state == QUEUED, c.queue == queue, before]
    if past:
        where.append(c.priority > line[past - 1].last)
    room = room_taken(whole)
    query = (
        sa.select(c.stages, sa.func.count(), sa.func.sum(c.megapixels), sa.func.sum(room))
        .where(*where)
        .group_by(c.stages)
    )
    counted = tuple(Part(*row) for row in connection.execute(query))
    return (*line[past - 1].upto, *counted) if past else counted


def room_of(parts: Iterable[Part]) -> float:
    return sum(part.room for part in parts)


def photos_of(parts: Iterable[Part]) -> int:
    return sum(part.photos for part in parts)
