"""What happens to jobs: submitted, begun, advanced, ended, handed back, forgotten.

Every change is one transaction that names the state it starts from, so that of two processes that
want the same change one finds that nothing is left to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from resilver.service.arrivals import Arrival, job_of_arrival, new_workflow
from resilver.service.database import JOBS, Database
from resilver.service.dispatch import Dispatch
from resilver.service.jobs import (
    ACTIVE,
    CANCELLED,
    EXPIRED,
    FAILED,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    Job,
    find_job,
    job_of,
)
from resilver.service.keys import Visitor, give_back_credit, hold_credit
from resilver.service.refusal import Refusal
from resilver.service.settings import Settings
from resilver.service.throughput import note_finished

_COUNT_EVERY_S = 1.0
# Begin the reason where it may not be the photo's: another try, or another machine, may do.
FAULT, GIVEN_UP = "a fault in resilver", "it was given up"
TOO_LONG = "it took longer than photos may take here"
FORGET_AFTER_S = 7 * 86_400.0  # how long "expired" is answered before a photo is unknown


class Queue:
    """The jobs of one service.

    Args:
        now: seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        dispatch: Dispatch,
        settings: Settings,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._dispatch = dispatch
        self._settings = settings
        self._now = now
        self._counted: tuple[float, int] | None = None  # when, and photos in line then

    def known(self, visitor: Visitor, idempotency: str) -> Job | None:
        """The job that this visitor submitted with this idempotency key."""
        with self._database.reading() as connection:
            return _known(connection, visitor, idempotency)

    def check_room(self, visitor: Visitor, megapixels: float = 0.0) -> None:
        """Refuses a visitor who has as much waiting as he may, or everybody if the queue is full.

        Raises:
            Refusal: 429, and 413 for a photo larger than all that he may have waiting.
        """
        with self._database.reading() as connection:
            self._check_room(connection, visitor, megapixels)

    def submit(self, visitor: Visitor, arrival: Arrival) -> Job:
        """Puts a photo in line.

        Raises:
            Refusal: 429 no room, 402 no credits, 409 the idempotency key was used for another one.
        """
        job = job_of_arrival(arrival, visitor, self._settings, self._now())
        with self._database.writing(alone=visitor.owner) as connection:
            if arrival.idempotency is not None:
                again = _known(connection, visitor, arrival.idempotency)
                if again is not None:
                    return checked_again(again, arrival.fingerprint)
            self._check_room(connection, visitor, job.room)
            paid = (
                visitor.key is not None
                and not job.looks
                and hold_credit(self._database, connection, visitor.key, job.id)
            )
            job = replace(job, paid=paid)
            connection.execute(sa.insert(JOBS).values(**vars(job)))
            self._dispatch.enqueue(connection, job)
        if self._counted is not None:
            self._counted = (self._counted[0], self._counted[1] + 1)
        return job

    def begin(self, job_id: str, workflow: str, worker: str) -> Job | None:
        """Starts a try; None if there is nothing to do any more.

        Args:
            workflow: on whose behalf; a job that was put back in line has another one since.
        """
        limit = self._settings.limits.max_tries
        with self._database.writing() as connection:
            begun = connection.execute(
                sa.update(JOBS)
                .where(
                    JOBS.c.id == job_id,
                    JOBS.c.workflow == workflow,
                    JOBS.c.state == QUEUED,
                    JOBS.c.deaths < limit,
                )
                .values(
                    state=RUNNING,
                    tries=JOBS.c.tries + 1,
                    worker=worker,
                    started_s=self._now(),
                    stage="open",
                    fraction=0.0,
                )
                .returning(*JOBS.c)
            ).one_or_none()
            if begun is not None:
                return job_of(begun)
        job = find_job(self._database, job_id)
        if job is not None and job.workflow == workflow and job.state == QUEUED:
            self.fail(job, f"{GIVEN_UP}: {limit} workers ended over it, the last with nothing else")
        return None

    def advance(self, job: Job, stage: str, fraction: float) -> bool:
        """Notes how far a try has come; False if it is no longer wanted."""
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(JOBS).where(*_this_try(job)).values(stage=stage, fraction=fraction)
            )
        return changed.rowcount > 0

    def succeed(self, job: Job, result: str) -> bool:
        """Ends a try with its result; False if it is no longer wanted."""
        return self._end(job, SUCCEEDED, _this_try(job), result=result, fraction=1.0)

    def fail(self, job: Job, reason: str) -> bool:
        """Ends a job without a result; its credit is given back."""
        return self._end(job, FAILED, _this_try(job), reason=reason)

    def cancel(self, job: Job) -> bool:
        """Ends a job that waits or runs; a worker at it stops within a tile."""
        where = (JOBS.c.id == job.id, JOBS.c.state.in_(ACTIVE))
        cancelled = self._end(job, CANCELLED, where)
        if cancelled and job.state == QUEUED:
            self._dispatch.withdraw(job.workflow)
        return cancelled

    def give_back(self, job: Job) -> None:
        """Returns the credit of a photo whose result nobody gets; once."""
        with self._database.writing() as connection:
            self._give_back(connection, job)

    def put_back(self, job: Job) -> bool:
        """Ends a try that went wrong; the worker goes on with the next one."""
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(JOBS)
                .where(*_this_try(job))
                .values(state=QUEUED, worker=None, stage=None, fraction=0.0, started_s=None)
            )
        return changed.rowcount > 0

    def hand_back(self, job: Job, *, orderly: bool) -> bool:
        """Puts a job that was claimed back in line, where it stood, for any worker.

        It gets a new workflow, so that the old one, and a worker that was taken for dead and wakes
        up again, have no say in it any more.

        Args:
            orderly: its worker stops; else it died, and if the job was at work that is held
                against it.
        """
        again = replace(job, workflow=new_workflow(), state=QUEUED)
        at_work = job.state == RUNNING
        tries = JOBS.c.tries - 1 if orderly and at_work else JOBS.c.tries
        deaths = JOBS.c.deaths + 1 if at_work and not orderly else JOBS.c.deaths
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(JOBS)
                .where(
                    JOBS.c.id == job.id,
                    JOBS.c.workflow == job.workflow,
                    JOBS.c.state.in_(ACTIVE),
                )
                .values(
                    workflow=again.workflow,
                    state=QUEUED,
                    tries=tries,
                    deaths=deaths,
                    worker=None,
                    stage=None,
                    fraction=0.0,
                    started_s=None,
                )
            )
            if changed.rowcount == 0:
                return False
            self._dispatch.enqueue(connection, again)
        return True

    def remove(self, job: Job) -> None:
        """Deletes a job; its line in the ledger of credits stays, and DBOS's record for a day."""
        self.cancel(job)
        with self._database.writing() as connection:
            connection.execute(sa.delete(JOBS).where(JOBS.c.id == job.id))

    def end_overdue(self) -> int:
        """Fails photos that are at work for far too long: a worker cannot end a decoder that hangs.

        Returns:
            How many.
        """
        # A worker that can, ends it earlier and says the same.
        latest_s = self._now() - self._settings.limits.time_limit_s - self._settings.lease_s
        query = sa.select(JOBS).where(JOBS.c.state == RUNNING, JOBS.c.started_s < latest_s)
        with self._database.reading() as connection:
            overdue = [job_of(row) for row in connection.execute(query)]
        return sum(self.fail(job, TOO_LONG) for job in overdue)

    def expiring(self, limit: int = 100) -> list[Job]:
        """Jobs whose photo and result are to be deleted now."""
        query = sa.select(JOBS).where(JOBS.c.expires_s < self._now()).limit(limit)
        with self._database.reading() as connection:
            return [job_of(row) for row in connection.execute(query)]

    def expire_later(self, job: Job, pause_s: float) -> None:
        """Puts off the deletion of what cannot be deleted now."""
        with self._database.writing() as connection:
            connection.execute(
                sa.update(JOBS).where(JOBS.c.id == job.id).values(expires_s=self._now() + pause_s)
            )

    def expire(self, job: Job) -> None:
        """Notes that the files of a job are gone; some time later the job is gone as well."""
        if job.state == EXPIRED:
            self.remove(job)
            return
        with self._database.writing() as connection:
            connection.execute(
                sa.update(JOBS)
                .where(JOBS.c.id == job.id)
                .values(
                    state=EXPIRED,
                    reason=None,
                    result=None,
                    webhook=None,
                    options="{}",
                    fingerprint="",
                    idempotency=None,
                    expires_s=self._now() + FORGET_AFTER_S,
                )
            )

    def _end(
        self,
        job: Job,
        state: str,
        where: tuple[sa.ColumnElement[bool], ...],
        *,
        result: str | None = None,
        reason: str | None = None,
        fraction: float = 0.0,
    ) -> bool:
        now = self._now()
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(JOBS)
                .where(*where)
                .values(
                    state=state,
                    result=result,
                    reason=reason,
                    finished_s=now,
                    expires_s=now + self._settings.keep_s,
                    worker=None,
                    stage=None,
                    fraction=fraction,
                )
            )
            if changed.rowcount == 0:
                return False
            if state != SUCCEEDED:
                self._give_back(connection, job)
            elif not job.looks:
                note_finished(self._database, connection, job, now)
            if job.webhook is not None:
                self._dispatch.announce(connection, job)
        return True

    def _give_back(self, connection: sa.Connection, job: Job) -> None:
        if job.paid:
            give_back_credit(self._database, connection, job.owner.removeprefix("key:"), job.id)

    def _check_room(self, connection: sa.Connection, visitor: Visitor, megapixels: float) -> None:
        waiting = JOBS.c.state.in_(ACTIVE)
        mine = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(JOBS.c.room), 0.0)).where(
                waiting, JOBS.c.owner == visitor.owner
            )
        ).one()
        if mine[0] >= visitor.max_queued:
            raise Refusal(429, f"you have {mine[0]} photos waiting, as many as you may")
        if megapixels > visitor.max_megapixels:  # it will not fit later either
            raise Refusal(413, f"a photo of yours may have {visitor.max_megapixels:g} megapixels")
        if mine[1] + megapixels > visitor.max_megapixels:
            raise Refusal(429, f"you may have {visitor.max_megapixels:g} megapixels waiting")
        if self._in_line(connection) >= self._settings.limits.queued_in_all:
            raise Refusal(429, "the queue is full")

    def _in_line(self, connection: sa.Connection) -> int:
        """Photos of everybody; counted now and then, since counting takes longer the more wait."""
        now = self._now()
        if self._counted is None or not 0.0 <= now - self._counted[0] < _COUNT_EVERY_S:
            count = sa.select(sa.func.count()).where(JOBS.c.state == QUEUED)
            self._counted = (now, connection.execute(count).scalar_one())
        return self._counted[1]


def _known(connection: sa.Connection, visitor: Visitor, idempotency: str) -> Job | None:
    row = connection.execute(
        sa.select(JOBS).where(JOBS.c.owner == visitor.owner, JOBS.c.idempotency == idempotency)
    ).one_or_none()
    return None if row is None else job_of(row)


def checked_again(job: Job, fingerprint: str) -> Job:
    """A job that was asked for twice with one idempotency key.

    Raises:
        Refusal: the second time it was for something else.
    """
    if job.fingerprint != fingerprint:
        raise Refusal(409, "this idempotency key was used for another photo or other options")
    return job


def _this_try(job: Job) -> tuple[sa.ColumnElement[bool], ...]:
    """The job as this try knows it: nobody has ended it or taken it over since."""
    owner = JOBS.c.worker.is_(None) if job.worker is None else JOBS.c.worker == job.worker
    return (JOBS.c.id == job.id, JOBS.c.state == job.state, JOBS.c.tries == job.tries, owner)
