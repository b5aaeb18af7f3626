"""Place and wait of every photo in line: work ahead of it, by measured costs, over live workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from resilver.service.ahead import Part, ahead_of, photos_of, room_taken, stretches
from resilver.service.costs import Cost, measured_costs, seconds_of
from resilver.service.database import JOBS, WORKERS, Database
from resilver.service.jobs import ACTIVE, QUEUED, RUNNING, Job, job_of
from resilver.service.lanes import QUEUES, SMALL, priority_of
from resilver.service.moment import PLAYED, LiveWorker, Moment
from resilver.service.settings import Settings
from resilver.service.throughput import Finished, finished_lately
from resilver.service.turns import Load

_LATELY_S = 300.0
_TOLD_AGAIN_S = 1.0


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
    finished: tuple[Finished, ...]  # of the last hour, by lane


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
        keep_s: float = 5.0,
    ) -> None:
        self._database = database
        self._settings = settings
        self._now = now
        self._keep_s = keep_s
        self._remembered: tuple[float, Moment] | None = None
        self._told: tuple[float, Traffic] | None = None
        self._telling = threading.Lock()

    def of(self, job: Job) -> Outlook:
        """Place and wait of one job."""
        if not job.active:
            return Outlook(None, None)
        moment = self._moment()
        room = self._settings.megapixels if job.deaths else job.room
        own = moment.load(job.stages, job.megapixels, room, 1.0 - job.fraction)
        if job.state == RUNNING:
            return Outlook(None, moment.left_s(own))
        c = JOBS.c
        before = sa.or_(
            c.priority < job.priority,
            sa.and_(c.priority == job.priority, c.submitted_s < job.submitted_s),
        )
        # The plain bound beside it lets the index end the search.
        first = sa.and_(c.priority <= job.priority, before)
        ahead = self._ahead(moment, job.queue, job.priority, first)
        place = 1 + photos_of(ahead)
        turn = moment.turn(job.queue, ahead, self._last(moment, ahead, first, job.queue), own)
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
        """Lengths, waits and throughput, for everybody to see; a moment old."""
        with self._telling:  # others who ask meanwhile get what the first one works out
            told = self._told
            if told is None or not 0 <= self._now() - told[0] < min(self._keep_s, _TOLD_AGAIN_S):
                self._told = told = (self._now(), self._traffic())
            return told[1]

    def _traffic(self) -> Traffic:
        moment, c, now = self._moment(), JOBS.c, self._now()
        whole = self._settings.megapixels
        by_lane = (
            sa.select(
                *(c.lane, c.queue, sa.func.count()),
                *(sa.func.sum(c.megapixels), sa.func.sum(room_taken(whole))),
                *(sa.func.min(c.submitted_s), sa.func.min(c.stages)),
            )
            .where(c.state == QUEUED)
            .group_by(c.lane, c.queue)
        )
        with self._database.reading() as connection:
            found = {tuple(row[:2]): row[2:] for row in connection.execute(by_lane)}
            finished = finished_lately(connection, now)
        lanes = {*self._settings.head_start_s, *(lane for lane, _ in found)}
        # A lane in which nobody waits is told as well: whoever comes now wants to know.
        places = sorted({*found, *((lane, SMALL) for lane in lanes)})
        waiting: list[Waiting] = []
        for lane, queue in places:
            photos, megapixels, room, first_s, stages = found.get(
                (lane, queue), (0, 0.0, 0.0, now, None)
            )
            priority = priority_of(now, self._settings.head_start_s.get(lane, 0.0))
            ahead = self._ahead(moment, queue, priority, c.priority <= priority)
            own = Load(0.0, 0.0)
            if photos:
                own = moment.load(stages, megapixels / photos, room / photos)
            turn = moment.turn(queue, ahead, moment.mean(ahead), own)
            wait_s = None
            if turn is not None:
                wait_s = turn[0] + self._overtaken_s(moment, lane, queue, now, turn[0])
            oldest_s = max(0.0, now - first_s)
            waiting.append(Waiting(lane, queue, photos, megapixels, oldest_s, wait_s))
        return Traffic(
            waiting=tuple(waiting),
            running=sum(len(loads) for loads in moment.running.values()),
            workers=len(moment.workers),
            costs=moment.costs,
            finished=tuple(
                finished.get(lane, Finished(lane, 0, 0.0)) for lane in sorted({*lanes, *finished})
            ),
        )

    def _moment(self) -> Moment:
        """What is in hand as it is now; the rest as it was a moment ago."""
        remembered = self._remembered
        if remembered is None or not 0 <= self._now() - remembered[0] < self._keep_s:
            with self._database.reading() as connection:
                workers = tuple(self._workers(connection))
                line = stretches(connection, self._settings.megapixels)
            nobody: dict[str, tuple[Load, ...]] = dict.fromkeys(QUEUES, ())
            costs = measured_costs(self._database)
            known = Moment(costs, workers, line, nobody, self._coming(costs))
            self._remembered = remembered = (self._now(), known)
        return self._with_running(remembered[1])

    def _with_running(self, moment: Moment) -> Moment:
        c = JOBS.c
        query = sa.select(
            c.queue, c.stages, c.megapixels, room_taken(self._settings.megapixels), c.fraction
        ).where(c.state == RUNNING)
        running: dict[str, list[Load]] = {queue: [] for queue in QUEUES}
        with self._database.reading() as connection:
            for queue, stages, megapixels, room, fraction in connection.execute(query):
                running[queue].append(moment.load(stages, megapixels, room, 1.0 - fraction))
        return replace(moment, running={queue: tuple(loads) for queue, loads in running.items()})

    def _ahead(
        self, moment: Moment, queue: str, priority: int, before: sa.ColumnElement[bool]
    ) -> tuple[Part, ...]:
        with self._database.reading() as connection:
            return ahead_of(
                connection, queue, moment.line[queue], priority, before, self._settings.megapixels
            )

    def _last(
        self, moment: Moment, ahead: Sequence[Part], where: sa.ColumnElement[bool], queue: str
    ) -> Sequence[Load]:
        """The last ones ahead, in order: each as it is, of a long line as they are in the mean."""
        if photos_of(ahead) > PLAYED:
            return moment.mean(ahead)
        c = JOBS.c
        query = (
            sa.select(c.stages, c.megapixels, room_taken(self._settings.megapixels))
            .where(c.state == QUEUED, c.queue == queue, where)
            .order_by(c.priority, c.submitted_s)
            .limit(PLAYED)  # some may have come in since they were counted
        )
        with self._database.reading() as connection:
            return [moment.load(*row) for row in connection.execute(query)]

    def _overtaken_s(
        self, moment: Moment, lane: str, queue: str, submitted_s: float, wait_s: float
    ) -> float:
        """What a wait grows by, since photos of faster lanes will go on to come as they do now.

        Args:
            wait_s: until its turn if nobody came any more.
        """
        head_start_s, now = self._settings.head_start_s, self._now()
        own_head_start_s = head_start_s.get(lane, 0.0)
        work_s = 0.0
        for faster, ahead_s in head_start_s.items():
            # Nobody who comes later than this stands before it.
            until_s = submitted_s + ahead_s - own_head_start_s
            span_s = min(wait_s, until_s - now)
            if ahead_s > own_head_start_s and span_s > 0.0:
                work_s += span_s * moment.coming.get((faster, queue), 0.0)
        return work_s / max(1, len(moment.workers))

    def _coming(self, costs: dict[str, Cost]) -> dict[tuple[str, str], float]:
        """Work that comes in a second, by (lane, queue); of the lanes that overtake others.

        Of the last while the quieter half counts, twice: who comes steadily will go on to come, a
        burst will not come again.
        """
        c, now = JOBS.c, self._now()
        lanes = [lane for lane, ahead_s in self._settings.head_start_s.items() if ahead_s > 0.0]
        late = c.submitted_s > now - _LATELY_S / 2
        query = (
            sa.select(c.lane, c.queue, late, c.stages, sa.func.count(), sa.func.sum(c.megapixels))
            .where(c.lane.in_(lanes), c.submitted_s > now - _LATELY_S)
            .group_by(c.lane, c.queue, late, c.stages)
        )
        came: dict[tuple[str, str], tuple[list[int], list[float]]] = {}
        with self._database.reading() as connection:
            for lane, queue, is_late, stages, photos, megapixels in connection.execute(query):
                counts, work_s = came.setdefault((lane, queue), ([0, 0], [0.0]))
                counts[bool(is_late)] += photos
                work_s[0] += seconds_of(costs, stages.split(","), photos, megapixels)
        # By number: one large photo does not make a rush.
        return {
            which: 2 * min(counts) / sum(counts) * work_s[0] / _LATELY_S
            for which, (counts, work_s) in came.items()
        }

    def _workers(self, connection: sa.Connection) -> list[LiveWorker]:
        c, alive = WORKERS.c, WORKERS.c.seen_s > self._database.clock - self._settings.lease_s
        rows = connection.execute(sa.select(c.slots, c.megapixels, c.alone).where(alive))
        return [LiveWorker(*row) for row in rows]
