"""The way into DBOS Transact, which keeps the order of the queues and hands out the work.

DBOS does what a queue must never get wrong: it orders by priority, lets exactly one worker claim
a workflow, keeps it through any crash, and gives it out again. Our own tables know what people ask:
whose photo, which place, how long. Both lie in one database, so a photo enters both or neither.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions

from resilver.service.database import Database
from resilver.service.jobs import Job

APPLICATION = "resilver"
# Of the workflows, not of resilver: workers of one version run what servers of it enqueue. Raise it
# when a workflow changes so that a half-done one could not be finished by the new code.
WORKFLOWS = "1"
RESTORE, DELIVER, WEBHOOKS = "restore", "deliver", "webhooks"
MOST_CALLS = 6  # of one webhook
_WEBHOOK = "-webhook-"


def dbos_config(database: Database, worker: str) -> DBOSConfig:
    """The configuration of a worker; nothing of it leaves the machine."""
    return DBOSConfig(
        name=APPLICATION,
        system_database_url=database.url,
        system_database_engine=database.engine,
        executor_id=worker,
        application_version=WORKFLOWS,
        use_listen_notify=False,
        log_level="ERROR",
    )


def webhook_of(workflow: str, call: int) -> str:
    """The workflow that calls the webhook of a job for the first, second, ... time."""
    return f"{workflow}{_WEBHOOK}{call}"


def is_webhook(workflow: str) -> bool:
    """Whether a workflow calls a webhook."""
    return _WEBHOOK in workflow


class Dispatch:
    """DBOS as a server or a housekeeper sees it: from outside of any workflow."""

    def __init__(self, database: Database) -> None:
        DBOS.migrate(database.url)
        self._client = DBOSClient(
            system_database_url=database.url,
            system_database_engine=database.engine,
            application_name=APPLICATION,
        )

    def enqueue(self, connection: sa.Connection, job: Job) -> None:
        """Puts a job in line, in the caller's transaction."""
        options = EnqueueOptions(
            workflow_name=RESTORE,
            queue_name=job.queue,
            workflow_id=job.workflow,
            app_version=WORKFLOWS,
            priority=job.priority,
        )
        self._client.enqueue_in_transaction(connection, options, job.id)

    def announce(
        self, connection: sa.Connection, job: Job, call: int = 1, pause_s: float = 0.0
    ) -> None:
        """Lets its webhook be called, in the caller's transaction.

        Args:
            call: which one it is, from 1 on.
            pause_s: not before so long.
        """
        options = EnqueueOptions(
            workflow_name=DELIVER,
            queue_name=WEBHOOKS,
            workflow_id=webhook_of(job.workflow, call),
            app_version=WORKFLOWS,
        )
        if pause_s > 0.0:
            options["delay_seconds"] = pause_s
        self._client.enqueue_in_transaction(connection, options, job.id, call)

    def withdraw(self, workflow: str) -> None:
        """Takes a job out of the line."""
        self._client.cancel_workflow(workflow)

    def claimed_by(self, worker: str) -> list[str]:
        """The workflows that a worker claimed and did not finish."""
        held: list[Any] = self._client.list_workflows(
            executor_id=worker, status="PENDING", load_input=False, load_output=False
        )
        return [one.workflow_id for one in held]

    def failed_since(self, seconds: float) -> list[str]:
        """The workflows that DBOS gave up, since their code broke off (the database was away, say).

        Args:
            seconds: since 1970.
        """
        moment = datetime.fromtimestamp(seconds, UTC).isoformat()
        failed: list[Any] = self._client.list_workflows(
            name=RESTORE,
            status=["ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            completed_after=moment,
            load_input=False,
            load_output=False,
        )
        return [one.workflow_id for one in failed]

    def deliver_again(self, workflow: str) -> None:
        """Puts a webhook whose worker died back in line."""
        self._client.resume_workflow(workflow, queue_name=WEBHOOKS)

    def forget(self, workflow: str) -> None:
        """Deletes DBOS's record of a workflow; the webhooks of a job are still called."""
        self._client.delete_workflows([workflow])

    def forget_before(self, seconds: float) -> None:
        """Deletes records of what was finished long ago.

        Args:
            seconds: since 1970.
        """
        moment = datetime.fromtimestamp(seconds, UTC).isoformat()
        while True:
            old: list[Any] = self._client.list_workflows(
                completed_before=moment, limit=1000, load_input=False, load_output=False
            )
            if not old:
                return
            self._client.delete_workflows([one.workflow_id for one in old])

    def close(self) -> None:
        self._client.destroy()
