"""A worker: takes photos from the queue and restores them, several at once as far as they fit."""

from __future__ import annotations

import logging
import math
import secrets
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from dbos import DBOS
from pydantic import ValidationError

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
_WEBHOOKS_AT_ONCE = 16  # they wait for others, and cost us nothing
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
        self._large = Gate(_LARGE_AT_ONCE)
        self._scratch = Scratch(settings.scratch)
        self._restoring = Restoring(database, queue, storage, self._scratch, settings, self._hurry)
        self._webhooks = Webhooks(database, dispatch, settings)
        self._house = Housekeeper(database, dispatch, queue, storage, settings, self.id)

    def start(self) -> None:
        """Begins to take photos."""
        self._house.start()  # first of all: who claims photos must be known to be alive
        DBOS(config=dbos_config(self._database, self.id))
        DBOS.listen_queues([*QUEUES, WEBHOOKS])
        self._register()
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

    def _register(self) -> None:
        """Makes DBOS know each kind of work by its name, whichever process enqueued it."""

        def restore(job_id: str) -> None:
            self._restore(job_id)

        def deliver(job_id: str, call: int = 1) -> None:
            self._webhooks.deliver(job_id, call)

        DBOS.workflow(name=RESTORE, max_recovery_attempts=None)(restore)
        DBOS.workflow(name=DELIVER, max_recovery_attempts=None)(deliver)

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
        try:
            RestorationOptions.model_validate_json(waiting.options)
        except ValidationError:  # of another version of resilver than this worker
            self._queue.fail(waiting, "its options are not known to the worker that was given it")
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

    @contextmanager
    def _room_for(self, job: Job) -> Generator[None]:
        """Waits until there is room for a photo; one over which a worker has died has it all alone.

        So when the next one dies too, it is plain whose fault it was.
        """
        with ExitStack() as rooms:
            # In this order: what waits for a large photo to end must not hold up small ones.
            if job.deaths or job.queue == LARGE:
                rooms.enter_context(self._large.inside(1.0))
            if job.deaths or job.queue == SMALL:
                rooms.enter_context(self._gate.inside(math.inf if job.deaths else job.room))
            yield
