"""Lanes by head start: the fast overtake, and nobody starves."""

from __future__ import annotations

import random
from dataclasses import dataclass

from running_services import a_photo, a_visitor

from resilver.service.forecast import Forecast
from resilver.service.jobs import find_job
from resilver.service.lanes import LARGE, SMALL, priority_of, queue_of
from resilver.service.queue import Queue
from resilver.service.running import Service

HOUR_S = 3600.0
NOON_S = 1_800_000_000.0


def test_a_place_is_the_arrival_less_the_head_start() -> None:
    free = priority_of(NOON_S, 0.0)
    assert priority_of(NOON_S, 6 * HOUR_S) == free - 6 * HOUR_S
    assert priority_of(NOON_S + 6 * HOUR_S, 6 * HOUR_S) == free
    assert 1 <= priority_of(NOON_S - 3 * 365 * 86_400, 30 * 86_400) < free
    assert priority_of(3_800_000_000.0, 0.0) < 2**31, "DBOS counts to 2^31 - 1; this is 2090"


def test_large_photos_wait_apart() -> None:
    assert queue_of(23.9, 24.0) == SMALL
    assert queue_of(24.0, 24.0) == LARGE


@dataclass
class _Clock:
    now_s: float = NOON_S

    def __call__(self) -> float:
        return self.now_s


def test_in_a_flood_of_fast_photos_every_free_one_finishes_and_none_is_overtaken_for_long(
    service: Service,
) -> None:
    """Fast photos come faster than they are restored, for a day; the queue gives out the first."""
    clock = _Clock()
    queue = Queue(service.database, service.dispatch, service.settings, clock)
    forecast = Forecast(service.database, service.settings, clock)
    head_start_s = service.settings.head_start_s["fast"]
    rng = random.Random(3)
    free: dict[str, tuple[float, int]] = {}  # id -> (arrival, place on arrival)
    fast_arrivals: list[float] = []
    settled: dict[str, int] = {}  # last place of those who have waited for the head start
    finished: list[str] = []
    waiting: list[tuple[int, float, str]] = []  # as DBOS orders them
    for minute in range(0, 24 * 60, 30):
        clock.now_s = NOON_S + minute * 60.0
        for lane in ("fast", "fast", "free") if minute % 120 == 0 else ("fast", "fast"):
            clock.now_s += rng.uniform(0.0, 30.0)
            job = queue.submit(a_visitor(lane=lane), a_photo())
            waiting.append((job.priority, job.submitted_s, job.id))
            if lane == "free":
                place = forecast.of(job).place
                assert place is not None
                free[job.id] = (clock.now_s, place)
            else:
                fast_arrivals.append(clock.now_s)
        waiting.sort()
        _, _, first = waiting.pop(0)
        _finish(service, queue, first)
        finished.append(first)
        places = {job_id: place for place, (_, _, job_id) in enumerate(waiting, start=1)}
        told = find_job(service.database, rng.choice(waiting)[2])
        assert told is not None
        assert forecast.of(told).place == places[told.id], "what is said is so"
        for job_id, (arrived_s, place_then) in free.items():
            if job_id not in places:
                continue
            place = places[job_id]
            overtaking = sum(
                arrived_s < fast_s < arrived_s + head_start_s for fast_s in fast_arrivals
            )
            assert place <= place_then + overtaking
            if clock.now_s > arrived_s + head_start_s:
                assert place <= settled.get(job_id, place), "from then on one only advances"
                settled[job_id] = place
    while waiting:
        _, _, first = waiting.pop(0)
        _finish(service, queue, first)
        finished.append(first)
    assert set(free) <= set(finished)
    assert len(settled) > 3, "some waited for longer than the head start"
    overtaken = sum(finished.index(job_id) > len(free) for job_id in free)
    assert overtaken > 0, "the fast lane did overtake"


def _finish(service: Service, queue: Queue, job_id: str) -> None:
    job = find_job(service.database, job_id)
    assert job is not None
    begun = queue.begin(job_id, job.workflow, "a worker")
    assert begun is not None
    assert queue.succeed(begun, "result.png")
