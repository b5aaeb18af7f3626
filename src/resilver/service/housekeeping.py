"""What somebody has to do all the time: take back the photos of the dead, delete what expired."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from resilver.service.arrivals import is_job_folder
from resilver.service.database import JOBS, WORKERS, Database
from resilver.service.dispatch import Dispatch, is_webhook
from resilver.service.jobs import RUNNING, Job, job_of
from resilver.service.queue import Queue
from resilver.service.settings import Settings
from resilver.service.storage import Storage
from resilver.service.throughput import forget_finished

LOG = logging.getLogger("resilver.service")
_BEATS_PER_LEASE = 4
_SWEEP_EVERY_S = 3600.0
_DELETE_AGAIN_S = 600.0
_KEEP_RECORDS_S = 86_400.0  # DBOS's own, of what is finished


class Housekeeper:
    """Works in threads of every process of a service; that many do the same does no harm.

    One says that the worker is alive, whatever the other has to do.

    Args:
        worker: the id of the worker in this process, which is said to be alive; None = none is.
    """

    def __init__(
        self,
        database: Database,
        dispatch: Dispatch,
        queue: Queue,
        storage: Storage,
        settings: Settings,
        worker: str | None,
    ) -> None:
        self._database = database
        self._dispatch = dispatch
        self._queue = queue
        self._storage = storage
        self._settings = settings
        self._worker = worker
        self._stop = threading.Event()
        self._swept_s = 0.0
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            for name, work in (("resilver-beat", self._beat), ("resilver-house", self.tidy))
        ]

    def start(self) -> None:
        self._beat()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the threads, and tells that the worker is gone."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._worker is None or self._dispatch.claimed_by(self._worker):
            return  # something is still in its hands, and will be taken from them as of the dead
        with self._database.writing() as connection:
            connection.execute(sa.delete(WORKERS).where(WORKERS.c.id == self._worker))

    def tidy(self) -> None:
        """One round."""
        self._bury_the_dead()
        self._take_in_strays()
        self._queue.end_overdue()
        self._expire()
        if time.monotonic() - self._swept_s > _SWEEP_EVERY_S or self._swept_s == 0.0:
            self._swept_s = time.monotonic()
            self._sweep()

    def _run(self, work: Callable[[], None]) -> None:
        while not self._stop.wait(self._settings.lease_s / _BEATS_PER_LEASE):
            try:
                work()
            except Exception as error:  # the database is away; the next round may find it back
                LOG.warning("housekeeping: %s", type(error).__name__)

    def _beat(self) -> None:
        if self._worker is None:
            return
        values: dict[str, Any] = {
            "seen_s": self._database.clock,
            "slots": self._settings.slots,
            "alone": self._settings.alone,
            "megapixels": self._settings.megapixels,
        }
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(WORKERS).where(WORKERS.c.id == self._worker).values(**values)
            )
            if changed.rowcount == 0:
                connection.execute(sa.insert(WORKERS).values(id=self._worker, **values))

    def _bury_the_dead(self) -> None:
        silent = WORKERS.c.seen_s < self._database.clock - self._settings.lease_s
        with self._database.reading() as connection:
            dead = connection.execute(sa.select(WORKERS.c.id).where(silent)).scalars().all()
        for worker in dead:
            if worker == self._worker:  # the machine slept, or the beat could not be written
                continue
            for workflow in self._dispatch.claimed_by(worker):
                job = self._job_of(workflow)
                if job is not None:
                    self._queue.hand_back(job, orderly=False)
                    self._dispatch.forget(workflow)
                elif is_webhook(workflow):
                    self._dispatch.deliver_again(workflow)
                else:
                    self._dispatch.forget(workflow)
            with self._database.writing() as connection:
                connection.execute(sa.delete(WORKERS).where(WORKERS.c.id == worker, silent))

    def _take_in_strays(self) -> None:
        """Jobs that nobody works on: their worker is unknown, or their workflow broke off."""
        known = sa.select(WORKERS.c.id)
        query = sa.select(JOBS).where(JOBS.c.state == RUNNING, JOBS.c.worker.not_in(known))
        with self._database.reading() as connection:
            strays = [job_of(row) for row in connection.execute(query)]
        failed = self._dispatch.failed_since(time.time() - _KEEP_RECORDS_S)
        strays += [job for job in map(self._job_of, failed) if job is not None]
        for job in strays:
            self._queue.hand_back(job, orderly=False)

    def _expire(self) -> None:
        for job in self._queue.expiring():
            if self._stop.is_set():
                return
            try:
                self._storage.delete(job.folder)
            except Exception as error:  # as many kinds as there are storages
                LOG.warning("workflow %s: %s in deleting", job.workflow, type(error).__name__)
                self._queue.expire_later(job, _DELETE_AGAIN_S)  # else it stands before the others
            else:
                self._queue.expire(job)

    def _sweep(self) -> None:
        """Deletes records of long ago, and folders without a job.

        A process that is killed at the wrong moment leaves such folders. What is not named like one
        of them is somebody else's, and stays.
        """
        self._dispatch.forget_before(time.time() - _KEEP_RECORDS_S)
        with self._database.writing() as connection:
            forget_finished(connection, time.time())
        folders = list(filter(is_job_folder, self._storage.folders()))
        with self._database.reading() as connection:
            known = set(connection.execute(sa.select(JOBS.c.id)).scalars())
        for folder in folders:
            if folder in known:
                continue
            try:
                if self._storage.is_older(folder, _KEEP_RECORDS_S):
                    self._storage.delete(folder)
            except Exception as error:  # as many kinds as there are storages
                LOG.warning("a folder without a job: %s in deleting", type(error).__name__)

    def _job_of(self, workflow: str) -> Job | None:
        query = sa.select(JOBS).where(JOBS.c.workflow == workflow)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else job_of(row)
