"""Jobs: one photo each, from its arrival until it is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from resilver.service.database import JOBS, Database

UNSEEN = "~"  # begins the ids of jobs that nobody may ask for

QUEUED, RUNNING = "queued", "running"
SUCCEEDED, FAILED, CANCELLED, EXPIRED = "succeeded", "failed", "cancelled", "expired"
ACTIVE = (QUEUED, RUNNING)
OVER = (SUCCEEDED, FAILED, CANCELLED, EXPIRED)
STATES = (*ACTIVE, *OVER)
REPORT_JSON, REPORT_HTML, COMPARISON = "report.json", "report.html", "comparison.jpg"
BEFORE, AFTER = "before.jpg", "after.jpg"  # as a browser shows them
DIAGNOSIS, DAMAGE = "diagnosis.json", "damage.png"
LOOK = "look at "  # before the name of a stage that only looks


@dataclass(frozen=True)
class Job:
    """One photo and what became of it; a row of the table, as read."""

    id: str  # unguessable
    workflow: str  # DBOS's id; the only one that may stand in a log
    owner: str  # "local", "key:ID" or "guest:HASH"
    lane: str
    queue: str  # small or large
    state: str  # one of STATES
    reason: str | None  # why it failed, in words
    priority: int  # seconds on the shifted clock of lanes.py
    submitted_s: float  # seconds since 1970
    started_s: float | None  # of the latest try
    finished_s: float | None
    expires_s: float | None  # when photo and result are deleted
    format: str  # of the photo, by its content
    width: int
    height: int
    megapixels: float
    room: float  # megapixels in hand: of the photo or of its result, whichever is larger
    options: str  # JSON
    stages: str  # wanted ones, by comma
    photo: str  # name in the job's folder of the storage
    mask: str | None
    result: str | None
    tries: int
    deaths: int  # of workers that had it in hand; from the first on it is worked on alone
    worker: str | None
    stage: str | None  # at work on now
    fraction: float  # done, 0..1
    idempotency: str | None
    fingerprint: str  # SHA-256 of photo, mask and options
    webhook: str | None
    paid: bool  # a credit was held for it

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def looks(self) -> bool:
        """Whether nothing is to be restored: somebody wants to know what would be done."""
        return self.stages.startswith(LOOK)

    @property
    def folder(self) -> str:
        """Its folder in the storage."""
        return self.id

    def file(self, name: str) -> str:
        """Where a file of the latest try lies; each try has names of its own.

        So a worker that was taken for dead and wakes up again overwrites nothing.
        """
        return f"{self.folder}/{self.tries}-{name}"


def job_of(row: Any) -> Job:
    """A row of the table as a value."""
    return Job(**dict(row._mapping))


def find_job(database: Database, job_id: str) -> Job | None:
    """The job with this id."""
    with database.reading() as connection:
        row = connection.execute(sa.select(JOBS).where(JOBS.c.id == job_id)).one_or_none()
    return None if row is None else job_of(row)


def list_jobs(
    database: Database, owner: str, limit: int, before: tuple[float, str] | None
) -> list[Job]:
    """The newest jobs of an owner that may be asked for, newest first.

    Args:
        limit: how many at most.
        before: (submitted_s, id) of the last job of the page before.
    """
    asked_for = sa.not_(JOBS.c.id.startswith(UNSEEN, autoescape=True))
    query = sa.select(JOBS).where(JOBS.c.owner == owner, asked_for)
    if before is not None:
        submitted_s, job_id = before
        query = query.where(
            sa.or_(
                JOBS.c.submitted_s < submitted_s,
                sa.and_(JOBS.c.submitted_s == submitted_s, JOBS.c.id < job_id),
            )
        )
    query = query.order_by(JOBS.c.submitted_s.desc(), JOBS.c.id.desc()).limit(limit)
    with database.reading() as connection:
        return [job_of(row) for row in connection.execute(query)]


def count_jobs(database: Database) -> dict[str, int]:
    """How many jobs are in each state."""
    query = sa.select(JOBS.c.state, sa.func.count()).group_by(JOBS.c.state)
    with database.reading() as connection:
        counted = {row[0]: int(row[1]) for row in connection.execute(query)}
    return {state: counted.get(state, 0) for state in STATES}
