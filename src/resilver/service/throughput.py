"""What was restored lately: counted as it is finished, since photos may be deleted at once."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from resilver.service.database import FINISHED, Database
from resilver.service.jobs import Job

_MINUTE_S = 60.0
_LATELY_MIN = 60


@dataclass(frozen=True)
class Finished:
    """What was restored for a lane in the last hour; what was only looked at does not count."""

    lane: str
    photos: int
    megapixels: float


def note_finished(database: Database, connection: sa.Connection, job: Job, now: float) -> None:
    """Counts a restored photo, in the transaction in which it succeeds."""
    c, minute = FINISHED.c, int(now // _MINUTE_S)
    once = database.insert_once(FINISHED).values(
        lane=job.lane, minute=minute, photos=0, megapixels=0.0
    )
    connection.execute(once)
    connection.execute(
        sa.update(FINISHED)
        .where(c.lane == job.lane, c.minute == minute)
        .values(photos=c.photos + 1, megapixels=c.megapixels + job.megapixels)
    )


def finished_lately(connection: sa.Connection, now: float) -> dict[str, Finished]:
    """By lane; of the last hour, to the minute."""
    c = FINISHED.c
    query = (
        sa.select(c.lane, sa.func.sum(c.photos), sa.func.sum(c.megapixels))
        .where(c.minute > int(now // _MINUTE_S) - _LATELY_MIN)
        .group_by(c.lane)
    )
    return {row[0]: Finished(*row) for row in connection.execute(query)}


def forget_finished(connection: sa.Connection, now: float) -> None:
    """Deletes what is told no more."""
    longest = int(now // _MINUTE_S) - _LATELY_MIN
    connection.execute(sa.delete(FINISHED).where(FINISHED.c.minute <= longest))
