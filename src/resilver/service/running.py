"""All parts of a running service, put together once for the API, the page, workers and commands."""

from __future__ import annotations

from resilver.service.database import Database
from resilver.service.dispatch import Dispatch
from resilver.service.forecast import Forecast
from resilver.service.housekeeping import Housekeeper
from resilver.service.jobs import Job
from resilver.service.keys import Keys
from resilver.service.queue import Queue
from resilver.service.settings import Settings
from resilver.service.storage import Storage
from resilver.service.worker import Worker


class Service:
    """The parts that one process needs of a service.

    Args:
        settings: of the service.
        works: this process has a worker.

    Raises:
        ServiceError: the database or the storage cannot be used.
    """

    def __init__(self, settings: Settings, *, works: bool) -> None:
        self.settings = settings
        self.database = Database(settings.database)
        self.storage = Storage(settings.storage)
        self.dispatch = Dispatch(self.database)
        self.queue = Queue(self.database, self.dispatch, settings)
        self.forecast = Forecast(self.database, settings)
        self.keys = Keys(self.database)
        parts = (self.database, self.dispatch, self.queue, self.storage, settings)
        self._worker = Worker(*parts) if works else None
        self._house = None if works else Housekeeper(*parts, worker=None)

    @property
    def keeps_to_itself(self) -> bool:
        """Whether photos surely stay on this machine: it works on them, and keeps them in files."""
        kept_here = "://" not in self.settings.storage
        return self._worker is not None and kept_here and self.database.is_sqlite

    def start(self) -> None:
        """Begins to work and to keep house."""
        for part in (self._worker, self._house):
            if part is not None:
                part.start()

    def stop(self) -> None:
        """Finishes what can be finished in time, hands back the rest, closes everything."""
        for part in (self._worker, self._house):
            if part is not None:
                part.stop()
        self.dispatch.close()
        self.database.close()

    def delete(self, job: Job) -> None:
        """Deletes a job, its photo and all that was made of it, at once."""
        self.queue.cancel(job)  # or a worker would write into the folder meanwhile
        self.storage.delete(job.folder)
        self.queue.remove(job)  # last: while its files are there, it can be asked for again
