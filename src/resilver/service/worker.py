"""A worker: takes photos from the queue and restores them, several at once as far as they fit."""

from __future__ import annotations

import logging
import math
import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from dbos import DBOS

from resilver.service.database import Database
from resilver.service.dispatch import DELIVER, RESTORE, WEBHOOKS, Dispatch, dbos_config
from resilver.service.gate import Gate
from resilver.service.housekeeping import Housekeeper
from resilver.service.jobs import Job, find_job
from resilver.service.lanes import LARGE, QUEUES, SMALL
from resilver.service.options import RestorationOptions
from resilver.service.queue import Queue
from resilver.service.restoring import Restoring
from resilver.service.scratch import Scratch
from resilver.service.settings import Settings
from resilver.service.storage import Storage
from resilver.service.webhooks import Webhooks

LOG = logging.getLogger("resilver.service")
_LARGE_AT_ONCE = 1
_WEBHOOKS_AT_ONCE = 4
_BETWEEN_TRIES_S = 1.0
_LAST_MOMENT_S = 30.0  # from the end of the grace until a photo has been handed back


class Worker:
    """One worker of this process; a process has one at a time, since DBOS is one to a process."""

    def __init__(
        self,
        database: Database,
        dispatch: Dispatch,
        queue: Queue,
        storage: Storage,
        settings: Settings,
    ) -> None:
        self.id = secrets.token_hex(8)
        self._database = database
        self._settings = settings
        self._queue = queue
        self._closing = threading.Event()  # begins no photo any more
        self._hurry = threading.Event()  # ends those at work
        self._gate = Gate(settings.megapixels)
        self._scratch = Scratch(settings.scratch)
        self._restoring = Restoring(database, queue, storage, self._scratch, settings, self._hurry)
        self._webhooks = Webhooks(database, settings)
        self._house = Housekeeper(database, dispatch, queue, storage, settings, self.id)

    def start(self) -> None:
        """Begins to take photos."""
        self._house.start()  # first of all: who claims photos must be known to be alive
        DBOS(config=dbos_config(self._database, self.id))
        DBOS.listen_queues([*QUEUES, WEBHOOKS])
        _workflow(RESTORE, self._restore)
        _workflow(DELIVER, self._webhooks.deliver)
        DBOS.launch()
        for name, at_once in (
            (SMALL, self._settings.slots),
            (LARGE, _LARGE_AT_ONCE),
            (WEBHOOKS, _WEBHOOKS_AT_ONCE),
        ):
            DBOS.register_queue(
                name,
                worker_concurrency=at_once,
                polling_interval_sec=self._settings.poll_s,
                on_conflict="always_update",
            )

    def stop(self) -> None:
        """Finishes the photos at work if that takes no longer than the grace, else hands them back.

        What was claimed and not begun is handed back at once.
        """
        self._closing.set()
        hurry = threading.Timer(self._settings.grace_s, self._hurry.set)
        hurry.start()
        try:
            DBOS.destroy(
                destroy_registry=True,
                workflow_completion_timeout_sec=int(self._settings.grace_s + _LAST_MOMENT_S),
            )
        finally:
            hurry.cancel()
            self._hurry.set()
            self._house.stop()
            self._scratch.close()

    def _restore(self, job_id: str) -> None:
        workflow = DBOS.workflow_id
        assert workflow is not None
        waiting = find_job(self._database, job_id)
        if waiting is None or waiting.workflow != workflow or not waiting.active:
            return
        with self._room_for(waiting):
            again = True
            while again:
                if self._closing.is_set():
                    self._queue.hand_back(waiting, orderly=True)
                    return
                job = self._queue.begin(job_id, workflow, self.id)
                again = job is not None and self._restoring.attempt(job)
                if again:
                    self._closing.wait(_BETWEEN_TRIES_S)

    def _room_for(self, job: Job) -> AbstractContextManager[None]:
        """Waits until there is room for a photo; one over which a worker has died gets all of it.

        So when the next one dies too, it is plain whose fault it was.
        """
        if job.deaths:
            return self._gate.inside(math.inf)
        if job.queue != SMALL:
            return nullcontext()
        larger = RestorationOptions.model_validate_json(job.options).times_larger
        return self._gate.inside(larger**2 * job.megapixels)


def _workflow(name: str, work: Callable[[str], None]) -> None:
    """Makes DBOS know a piece of work by its name, whichever process enqueued it."""

    def run(job_id: str) -> None:
        work(job_id)

    DBOS.workflow(name=name, max_recovery_attempts=None)(run)
