"""Place and wait of every photo in line: work ahead of it, by measured costs, over live workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from resilver.service.costs import Cost, measured_costs, seconds_of
from resilver.service.database import JOBS, WORKERS, Database
from resilver.service.jobs import ACTIVE, QUEUED, RUNNING, Job, job_of
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
    eta_s: float | None  # until one that arrives now is begun; None = no worker is alive


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
    """Photos with the same stages wanted."""

    stages: str  # by comma
    photos: float  # those at work count as far as they are not done
    megapixels: float


@dataclass(frozen=True)
class _Moment:
    """What is the same for everybody in line."""

    costs: dict[str, Cost]
    workers: tuple[_Worker, ...]
    running: dict[str, tuple[_Part, ...]]  # by queue, one each

    def seconds(self, parts: Iterable[_Part]) -> float:
        """What photos take, one after another."""
        return sum(
            seconds_of(self.costs, part.stages.split(","), part.photos, part.megapixels)
            for part in parts
        )

    def wait_s(self, queue: str, ahead: Sequence[_Part], own_megapixels: float) -> float | None:
        """Until a photo is begun; None if no worker is alive."""
        photos = sum(part.photos for part in ahead)
        megapixels = sum(part.megapixels for part in ahead) + own_megapixels
        at_once = self._at_once(queue, megapixels / (photos + 1))
        if at_once == 0.0:
            return None
        running = self.running[queue]
        if len(running) + photos + 1 <= at_once:
            return 0.0
        return (self.seconds(running) + self.seconds(ahead)) / at_once

    def _at_once(self, queue: str, mean_megapixels: float) -> float:
        """How many photos of a queue are worked on together: large ones one a worker."""
        if queue == LARGE:
            return float(len(self.workers))
        mean = max(mean_megapixels, 1e-3)
        return sum(
            min(float(worker.slots), max(1.0, worker.megapixels / mean)) for worker in self.workers
        )


class Forecast:
    """Looks ahead.

    Args:
        now: seconds since 1970.
        keep_s: how long what is the same for everybody is remembered.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        now: Callable[[], float] = time.time,
        keep_s: float = 1.0,
    ) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._keep_s = keep_s
        self._remembered: tuple[float, _Moment] | None = None

    def of(self, job: Job) -> Outlook:
        """Place and wait of one job."""
        if not job.active:
            return Outlook(None, None)
        moment = self._moment()
        own_s = moment.seconds([_Part(job.stages, 1, job.megapixels)])
        if job.state == RUNNING:
            return Outlook(None, own_s * (1.0 - job.fraction))
        c = JOBS.c
        before = sa.or_(
            c.priority < job.priority,
            sa.and_(c.priority == job.priority, c.submitted_s < job.submitted_s),
        )
        # The plain bound beside it lets the index end the search.
        ahead = self._waiting(job.queue, sa.and_(c.priority <= job.priority, before))
        place = 1 + int(sum(part.photos for part in ahead))
        wait_s = moment.wait_s(job.queue, ahead, job.megapixels)
        return Outlook(place, None if wait_s is None else wait_s + own_s)

    def next_free_s(self, owner: str) -> float | None:
        """Until the first photo of an owner that is not over yet will be; None if nobody knows."""
        query = (
            sa.select(JOBS)
            .where(JOBS.c.owner == owner, JOBS.c.state.in_(ACTIVE))
            .order_by(JOBS.c.priority)
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else self.of(job_of(row)).eta_s

    def workers(self) -> int:
        """How many workers are alive."""
        with self._database.reading() as connection:
            return len(self._workers(connection))

    def traffic(self) -> Traffic:
        """Lengths, waits and throughput, for everybody to see."""
        moment, c = self._moment(), JOBS.c
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
        waiting: list[Waiting] = []
        for lane, queue, photos, megapixels, first_s in rows:
            priority = priority_of(self._now(), self._settings.head_start_s.get(lane, 0.0))
            ahead = self._waiting(queue, c.priority <= priority)
            wait_s = moment.wait_s(queue, ahead, megapixels / photos)
            oldest_s = max(0.0, self._now() - first_s)
            waiting.append(Waiting(lane, queue, photos, megapixels, oldest_s, wait_s))
        running = sum(len(parts) for parts in moment.running.values())
        return Traffic(tuple(waiting), running, len(moment.workers), moment.costs)

    def _moment(self) -> _Moment:
        remembered = self._remembered
        if remembered is not None and 0 <= self._now() - remembered[0] < self._keep_s:
            return remembered[1]
        costs, c = measured_costs(self._database), JOBS.c
        running: dict[str, list[_Part]] = {queue: [] for queue in QUEUES}
        query = sa.select(c.queue, c.stages, c.megapixels, c.fraction).where(c.state == RUNNING)
        with self._database.reading() as connection:
            for queue, stages, megapixels, fraction in connection.execute(query):
                left = 1.0 - fraction
                running[queue].append(_Part(stages, left, left * megapixels))
            workers = self._workers(connection)
        moment = _Moment(
            costs, tuple(workers), {queue: tuple(parts) for queue, parts in running.items()}
        )
        self._remembered = (self._now(), moment)
        return moment

    def _waiting(self, queue: str, where: sa.ColumnElement[bool]) -> list[_Part]:
        c = JOBS.c
        query = (
            sa.select(c.stages, sa.func.count(), sa.func.sum(c.megapixels))
            .where(c.state == QUEUED, c.queue == queue, where)
            .group_by(c.stages)
        )
        with self._database.reading() as connection:
            return [_Part(*row) for row in connection.execute(query)]

    def _workers(self, connection: sa.Connection) -> list[_Worker]:
        alive = WORKERS.c.seen_s > self._now() - self._settings.lease_s
        rows = connection.execute(sa.select(WORKERS.c.slots, WORKERS.c.megapixels).where(alive))
        return [_Worker(*row) for row in rows]
