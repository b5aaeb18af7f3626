"""Place and wait of every photo in line: work ahead of it, by measured costs, over live workers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from resilver.service.costs import Cost, measured_costs, seconds_of
from resilver.service.database import JOBS, WORKERS, Database
from resilver.service.jobs import QUEUED, RUNNING, Job
from resilver.service.lanes import LARGE, QUEUES, priority_of
from resilver.service.settings import Settings


@dataclass(frozen=True)
class Outlook:
    """What a person who waits is told."""

    place: int | None  # 1 = next; None = it is not in line (any more)
    eta_s: float | None  # until it is finished; None = over, or no worker is alive


@dataclass(frozen=True)
class Waiting:
    """A lane of a queue."""

    lane: str
    queue: str
    photos: int
    megapixels: float
    oldest_s: float  # how long the one that came first has waited
    eta_s: float | None  # for a photo of middle size that arrives now; None = no worker is alive


@dataclass(frozen=True)
class Traffic:
    """The whole service at one moment."""

    waiting: tuple[Waiting, ...]
    running: int
    workers: int
    costs: dict[str, Cost]


@dataclass(frozen=True)
class _Worker:
    slots: int
    megapixels: float


@dataclass(frozen=True)
class _Part:
    """Photos in line with the same stages wanted."""

    stages: str  # by comma
    photos: int
    megapixels: float


class Forecast:
    """Looks ahead.

    Args:
        now: seconds since 1970.
    """

    def __init__(
        self, database: Database, settings: Settings, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._settings = settings
        self._now = now

    def of(self, job: Job) -> Outlook:
        """Place and wait of one job."""
        if not job.active:
            return Outlook(None, None)
        costs = measured_costs(self._database)
        own_s = seconds_of(costs, job.stages.split(","), 1, job.megapixels)
        if job.state == RUNNING:
            return Outlook(None, own_s * (1.0 - job.fraction))
        with self._database.reading() as connection:
            ahead = self._ahead(connection, job.queue, job)
            running_s = self._running_s(connection, job.queue, costs)
            workers = self._workers(connection)
        photos = sum(part.photos for part in ahead)
        megapixels = sum(part.megapixels for part in ahead) + job.megapixels
        lanes = self._lanes(workers, job.queue, megapixels / (photos + 1))
        if lanes == 0.0:
            return Outlook(photos + 1, None)
        ahead_s = sum(
            seconds_of(costs, part.stages.split(","), part.photos, part.megapixels)
            for part in ahead
        )
        return Outlook(photos + 1, (running_s + ahead_s) / lanes + own_s)

    def workers(self) -> int:
        """How many workers are alive."""
        with self._database.reading() as connection:
            return len(self._workers(connection))

    def traffic(self) -> Traffic:
        """Lengths, waits and throughput, for everybody to see."""
        costs = measured_costs(self._database)
        c, now = JOBS.c, self._now()
        by_lane = (
            sa.select(
                *(c.lane, c.queue, sa.func.count(), sa.func.sum(c.megapixels)),
                sa.func.min(c.submitted_s),
            )
            .where(c.state == QUEUED)
            .group_by(c.lane, c.queue)
        )
        with self._database.reading() as connection:
            rows = connection.execute(by_lane).all()
            running = connection.execute(
                sa.select(sa.func.count()).where(c.state == RUNNING)
            ).scalar_one()
            workers = self._workers(connection)
            running_s = {queue: self._running_s(connection, queue, costs) for queue in QUEUES}
        waiting: list[Waiting] = []
        for lane, queue, photos, megapixels, first_s in rows:
            waiting.append(
                Waiting(
                    lane,
                    queue,
                    photos,
                    megapixels,
                    max(0.0, now - first_s),
                    self._arriving_s(lane, queue, costs, workers, running_s[queue]),
                )
            )
        return Traffic(tuple(waiting), running, len(workers), costs)

    def _arriving_s(
        self,
        lane: str,
        queue: str,
        costs: dict[str, Cost],
        workers: list[_Worker],
        running_s: float,
    ) -> float | None:
        priority = priority_of(self._now(), self._settings.head_start_s.get(lane, 0.0))
        with self._database.reading() as connection:
            ahead = self._grouped(connection, queue, JOBS.c.priority <= priority)
        photos = sum(part.photos for part in ahead)
        megapixels = sum(part.megapixels for part in ahead)
        lanes = self._lanes(workers, queue, megapixels / photos if photos else 1.0)
        if lanes == 0.0:
            return None
        ahead_s = sum(
            seconds_of(costs, part.stages.split(","), part.photos, part.megapixels)
            for part in ahead
        )
        return (running_s + ahead_s) / lanes

    def _ahead(self, connection: sa.Connection, queue: str, job: Job) -> list[_Part]:
        c = JOBS.c
        before = sa.or_(
            c.priority < job.priority,
            sa.and_(c.priority == job.priority, c.submitted_s < job.submitted_s),
        )
        # The plain bound beside it lets the index end the search.
        return self._grouped(connection, queue, sa.and_(c.priority <= job.priority, before))

    def _grouped(
        self, connection: sa.Connection, queue: str, where: sa.ColumnElement[bool]
    ) -> list[_Part]:
        c = JOBS.c
        rows = connection.execute(
            sa.select(c.stages, sa.func.count(), sa.func.sum(c.megapixels))
            .where(c.state == QUEUED, c.queue == queue, where)
            .group_by(c.stages)
        )
        return [_Part(*row) for row in rows]

    def _running_s(self, connection: sa.Connection, queue: str, costs: dict[str, Cost]) -> float:
        c = JOBS.c
        rows = connection.execute(
            sa.select(c.stages, c.megapixels, c.fraction).where(
                c.state == RUNNING, c.queue == queue
            )
        )
        return sum(
            seconds_of(costs, row.stages.split(","), 1, row.megapixels) * (1.0 - row.fraction)
            for row in rows
        )

    def _workers(self, connection: sa.Connection) -> list[_Worker]:
        alive = WORKERS.c.seen_s > self._now() - self._settings.lease_s
        rows = connection.execute(sa.select(WORKERS.c.slots, WORKERS.c.megapixels).where(alive))
        return [_Worker(*row) for row in rows]

    def _lanes(self, workers: list[_Worker], queue: str, mean_megapixels: float) -> float:
        """How many photos of this queue are worked on at once: large ones one a worker."""
        if queue == LARGE:
            return float(len(workers))
        mean = max(mean_megapixels, 1e-3)
        return sum(
            min(float(worker.slots), max(1.0, worker.megapixels / mean)) for worker in workers
        )
