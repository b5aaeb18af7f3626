"""Place and wait of every photo in line: work ahead of it, by measured costs, over live workers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from resilver.service.costs import Cost, measured_costs, seconds_of
from resilver.service.database import JOBS, WORKERS, Database
from resilver.service.jobs import ACTIVE, QUEUED, RUNNING, Job, job_of
from resilver.service.lanes import LARGE, QUEUES, SMALL, priority_of
from resilver.service.settings import Settings
from resilver.service.sharing import Line, turn_of


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
    alone: float  # share of it that a single photo can use


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
    waiting: dict[str, tuple[_Part, ...]]  # by queue, all of them

    def seconds(self, parts: Iterable[_Part]) -> float:
        """What photos take of a worker's time."""
        return sum(self._seconds(part) for part in parts)

    def turn(self, queue: str, ahead: Sequence[_Part], own: _Part) -> tuple[float, float] | None:
        """(begun, finished) of a photo, seconds from now; None if no worker is alive."""
        if not self.workers:
            return None
        other = LARGE if queue == SMALL else SMALL
        photos, all_s = _photos(ahead), self.seconds(ahead)
        waiting, running = self.waiting[queue], self.running[queue]
        line = Line(
            in_hand=tuple(self._seconds(part) for part in running),
            beside=self._spread(other, (*self.running[other], *self.waiting[other])),
            ahead=photos,
            ahead_s=all_s,
            behind=max(0, _photos(waiting) - photos - 1),
            behind_s=max(0.0, self.seconds(waiting) - all_s - self._seconds(own)),
            places=self._places(queue, (*running, *ahead, own)),
            workers=len(self.workers),
            alone=self._alone,
        )
        return turn_of(line, self._seconds(own))

    def left_s(self, own: _Part) -> float:
        """Until a photo that is being worked on is finished."""
        running = sum(len(parts) for parts in self.running.values())
        share = max(1, len(self.workers)) / max(1, running)
        return self._seconds(own) / min(self._alone, share)

    @property
    def _alone(self) -> float:
        if not self.workers:
            return 1.0
        return sum(worker.alone for worker in self.workers) / len(self.workers)

    def _seconds(self, part: _Part) -> float:
        return seconds_of(self.costs, part.stages.split(","), part.photos, part.megapixels)

    def _spread(self, queue: str, parts: Sequence[_Part]) -> tuple[float, ...]:
        """All work of a queue, over the places in which it will be done."""
        places = min(self._places(queue, parts), math.ceil(sum(part.photos for part in parts)))
        return (self.seconds(parts) / places,) * places if places else ()

    def _places(self, queue: str, parts: Sequence[_Part]) -> int:
        """How many photos of a queue are worked on together: large ones one a worker."""
        if queue == LARGE:
            return len(self.workers)
        photos = sum(part.photos for part in parts)
        mean = max(sum(part.megapixels for part in parts) / max(1e-3, photos), 1e-3)
        return round(
            sum(
                min(float(worker.slots), max(1.0, worker.megapixels / mean))
                for worker in self.workers
            )
        )


def _photos(parts: Iterable[_Part]) -> int:
    return round(sum(part.photos for part in parts))


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
        if job.state == RUNNING:
            left = 1.0 - job.fraction
            return Outlook(None, moment.left_s(_Part(job.stages, left, left * job.megapixels)))
        c = JOBS.c
        before = sa.or_(
            c.priority < job.priority,
            sa.and_(c.priority == job.priority, c.submitted_s < job.submitted_s),
        )
        # The plain bound beside it lets the index end the search.
        ahead = self._waiting(sa.and_(c.priority <= job.priority, before), job.queue)[job.queue]
        place = 1 + _photos(ahead)
        turn = moment.turn(job.queue, ahead, _Part(job.stages, 1, job.megapixels))
        if turn is None:
            return Outlook(place, None)
        begun_s, finished_s = turn
        overtaken_s = self._overtaken_s(moment, job.lane, job.queue, job.submitted_s, begun_s)
        return Outlook(place, overtaken_s + finished_s)

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
                *(sa.func.min(c.submitted_s), sa.func.min(c.stages)),
            )
            .where(c.state == QUEUED)
            .group_by(c.lane, c.queue)
        )
        with self._database.reading() as connection:
            rows = connection.execute(by_lane).all()
        now = self._now()
        waiting: list[Waiting] = []
        for lane, queue, photos, megapixels, first_s, stages in rows:
            priority = priority_of(now, self._settings.head_start_s.get(lane, 0.0))
            ahead = self._waiting(c.priority <= priority, queue)[queue]
            turn = moment.turn(queue, ahead, _Part(stages, 1, megapixels / photos))
            wait_s = None
            if turn is not None:
                wait_s = turn[0] + self._overtaken_s(moment, lane, queue, now, turn[0])
            oldest_s = max(0.0, now - first_s)
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
        running_now = {queue: tuple(parts) for queue, parts in running.items()}
        moment = _Moment(costs, tuple(workers), running_now, self._waiting(sa.true(), *QUEUES))
        self._remembered = (self._now(), moment)
        return moment

    def _overtaken_s(
        self, moment: _Moment, lane: str, queue: str, submitted_s: float, wait_s: float
    ) -> float:
        """What a wait grows by: as many are expected to overtake as came in as long a time before.

        Of that time the quieter half counts, twice: who comes steadily will go on to come, a burst
        will not come again.

        Args:
            wait_s: until its turn if nobody came any more.
        """
        head_start_s, now, c = self._settings.head_start_s, self._now(), JOBS.c
        own_head_start_s = head_start_s.get(lane, 0.0)
        work_s = 0.0
        for faster, ahead_s in head_start_s.items():
            # Nobody who comes later than this stands before it.
            until_s = submitted_s + ahead_s - own_head_start_s
            span_s = min(wait_s, until_s - now)
            if ahead_s > own_head_start_s and span_s > 0.0:
                of_it = sa.and_(c.lane == faster, c.queue == queue)
                early, late = (
                    self._parts(
                        sa.and_(of_it, c.submitted_s > now - begin_s, c.submitted_s <= now - end_s)
                    )[queue]
                    for begin_s, end_s in ((span_s, span_s / 2), (span_s / 2, 0.0))
                )
                # By number: one large photo does not make a rush.
                halves = _photos(early), _photos(late)
                steady = 2 * min(halves) / max(1, sum(halves))
                work_s += steady * moment.seconds((*early, *late))
        return work_s / max(1, len(moment.workers))

    def _waiting(self, where: sa.ColumnElement[bool], *queues: str) -> dict[str, tuple[_Part, ...]]:
        return self._parts(sa.and_(JOBS.c.state == QUEUED, JOBS.c.queue.in_(queues), where))

    def _parts(self, where: sa.ColumnElement[bool]) -> dict[str, tuple[_Part, ...]]:
        """Photos by queue."""
        c = JOBS.c
        query = (
            sa.select(c.queue, c.stages, sa.func.count(), sa.func.sum(c.megapixels))
            .where(where)
            .group_by(c.queue, c.stages)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return {
            queue: tuple(_Part(*row[1:]) for row in rows if row[0] == queue) for queue in QUEUES
        }

    def _workers(self, connection: sa.Connection) -> list[_Worker]:
        c, seen_s = WORKERS.c, self._now() - self._settings.lease_s
        rows = connection.execute(
            sa.select(c.slots, c.megapixels, c.alone).where(c.seen_s > seen_s)
        )
        return [_Worker(*row) for row in rows]
