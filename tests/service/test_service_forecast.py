"""Waits: what a stage costs is measured, and what lies ahead is counted."""

from __future__ import annotations

import math
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from statistics import median

import pytest
import sqlalchemy as sa
from running_services import a_photo, a_visitor

from resilver.service import ahead
from resilver.service.costs import FILE, Cost, measured_costs, note_costs, paced, seconds_of
from resilver.service.database import WORKERS
from resilver.service.forecast import Forecast
from resilver.service.jobs import Job, find_job
from resilver.service.queue import Queue
from resilver.service.running import Service
from resilver.service.shares import Shares
from resilver.service.turns import Line, Load, evenly, turn_of


@dataclass
class Clock:
    now_s: float = field(default_factory=time.time)

    def __call__(self) -> float:
        return self.now_s


def add_worker(
    service: Service, name: str, slots: int = 1, megapixels: float = 24.0, alone: float = 1.0
) -> None:
    with service.database.writing() as connection:
        connection.execute(
            sa.insert(WORKERS).values(
                id=name,
                seen_s=time.time() + 86_400.0,
                slots=slots,
                megapixels=megapixels,
                alone=alone,
            )
        )


def clocked(service: Service) -> tuple[Clock, Queue]:
    """A clock to be set, and the queue that goes by it."""
    clock = Clock()
    return clock, Queue(service.database, service.dispatch, service.settings, clock)


def teach(service: Service) -> None:
    """Every stage costs 1 s a photo and 2 s a megapixel, the file nothing."""
    for megapixels in (1.0, 2.0, 4.0):
        seconds = {"repair": 1.0 + 2.0 * megapixels, "denoise": 1.0 + 2.0 * megapixels, FILE: 0.0}
        note_costs(service.database, megapixels, seconds)


def test_costs_are_the_line_through_what_was_measured(service: Service) -> None:
    teach(service)
    costs = measured_costs(service.database)
    assert costs["repair"].photo_s == pytest.approx(1.0)
    assert costs["repair"].megapixel_s == pytest.approx(2.0)
    assert costs[FILE] == Cost(0.0, 0.0)
    assert seconds_of(costs, ("repair",), 3, 6.0) == pytest.approx(3 * 1.0 + 6 * 2.0)


def test_costs_follow_a_machine_that_became_slower(service: Service) -> None:
    teach(service)
    for _ in range(100):
        for megapixels in (1.0, 4.0):
            note_costs(service.database, megapixels, {"repair": 10.0 * megapixels})
    assert measured_costs(service.database)["repair"].megapixel_s == pytest.approx(10.0, rel=0.05)


def test_photos_of_one_size_teach_what_they_cost_in_all(service: Service) -> None:
    for _ in range(5):
        note_costs(service.database, 2.0, {"repair": 6.0})
    cost = measured_costs(service.database)["repair"]
    assert cost.seconds(1, 2.0) == pytest.approx(6.0)


def test_a_first_tiny_photo_does_not_make_days_of_a_large_one(service: Service) -> None:
    note_costs(service.database, 1e-6, {"repair": 1.0, FILE: 0.4})
    costs = measured_costs(service.database)
    assert seconds_of(costs, ("repair",), 1, 1e-6) == pytest.approx(1.4, rel=0.01)
    assert seconds_of(costs, ("repair",), 1, 12.0) < 60.0


def test_progress_goes_on_as_time_does() -> None:
    costs = {"repair": Cost(1.0, 2.0), "denoise": Cost(1.0, 0.0)}
    done = paced(costs, ("repair", "denoise"), 1.0)
    assert [done(share) for share in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.375, 0.75, 1.0]
    assert paced(costs, ("repair", "faces"), 1.0)(0.3) == 0.3, "nobody knows how long faces take"


def test_place_and_wait_are_the_work_ahead_over_the_workers(service: Service) -> None:
    teach(service)
    one_s = 2 * (1.0 + 2.0 * 2.0)  # two stages, 2 megapixels
    jobs = [service.queue.submit(a_visitor(), a_photo()) for _ in range(5)]
    outlook = service.forecast.of(jobs[4])
    assert outlook.place == 5
    assert outlook.eta_s is None, "nobody works"
    add_worker(service, "one")
    outlook = service.forecast.of(jobs[4])
    assert outlook.eta_s == pytest.approx(5 * one_s)
    add_worker(service, "two")
    outlook = service.forecast.of(jobs[4])
    assert outlook.eta_s == pytest.approx(4 * one_s / 2 + one_s)


def test_a_place_told_from_sums_of_a_long_line_is_the_counted_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_STRETCH", 4)
    clock, queue = clocked(service)
    chance = random.Random(0)
    jobs: list[Job] = []
    for number in range(60):
        clock.now_s += chance.choice((0.0, 0.25, 1.0, 30.0))  # some with one priority
        lane, stages = chance.choice(("free", "fast")), chance.choice(("repair", "denoise"))
        sent = a_photo((1000, 1000 + number), stages=(stages,))
        jobs.append(queue.submit(a_visitor(lane=lane), sent))
    with service.database.reading() as connection:
        line = ahead.stretches(connection, 24.0)["small"]
    assert len(line) > 5
    assert ahead.photos_of(line[-1].upto) == 60
    assert ahead.room_of(line[-1].upto) == pytest.approx(sum(job.room for job in jobs))
    ordered = sorted(jobs, key=lambda job: (job.priority, job.submitted_s))
    places = [service.forecast.of(job).place for job in ordered]
    # Two that came at the same moment stand side by side.
    moments = [(job.priority, job.submitted_s) for job in ordered]
    assert places == [1 + moments.index(moment) for moment in moments]


def test_of_a_line_that_moved_on_the_near_end_is_counted_anew(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_STRETCH", 4)
    clock, queue = clocked(service)
    forecast = Forecast(service.database, service.settings, keep_s=3600.0)
    jobs: list[Job] = []
    for _ in range(10):
        clock.now_s += 1.0
        jobs.append(queue.submit(a_visitor(), a_photo()))
    assert forecast.of(jobs[9]).place == 10
    for gone in (jobs[0], jobs[8]):
        queue.cancel(gone)
    assert forecast.of(jobs[3]).place == 3  # no whole stretch stands before it
    assert forecast.of(jobs[9]).place == 9  # two do; that one of them went shows in a moment
    now = Forecast(service.database, service.settings, keep_s=0.0)
    assert now.of(jobs[9]).place == 8


def test_what_runs_counts_as_far_as_it_is_not_done(service: Service) -> None:
    teach(service)
    add_worker(service, "one")
    one_s = 10.0
    first, second = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    begun = service.queue.begin(first.id, first.workflow, "one")
    assert begun is not None
    assert service.queue.advance(begun, "denoise", 0.75)
    outlook = service.forecast.of(second)
    assert outlook.place == 1
    assert outlook.eta_s == pytest.approx(0.25 * one_s + one_s)


def test_stages_that_are_not_wanted_are_not_waited_for(service: Service) -> None:
    teach(service)
    add_worker(service, "one")
    service.queue.submit(a_visitor(), a_photo(stages=("repair",)))
    last = service.queue.submit(a_visitor(), a_photo(stages=("denoise",)))
    assert service.forecast.of(last).eta_s == pytest.approx(5.0 + 5.0)


def test_large_photos_do_not_stand_before_small_ones(service: Service) -> None:
    teach(service)
    add_worker(service, "one")
    for _ in range(3):
        large = service.queue.submit(a_visitor(), a_photo((6000, 8000)))
    small = service.queue.submit(a_visitor(), a_photo())
    assert service.forecast.of(large).place == 3
    assert service.forecast.of(small).place == 1
    assert service.forecast.of(small).eta_s == pytest.approx(2 * 10.0), "it shares with one of them"


def test_a_worker_takes_as_many_as_their_megapixels_allow(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=4, megapixels=4.0)  # two photos of 2 megapixels at once
    jobs = [service.queue.submit(a_visitor(), a_photo()) for _ in range(5)]
    assert service.forecast.of(jobs[0]).eta_s == pytest.approx(2 * 10.0), "shares with the second"
    assert service.forecast.of(jobs[2]).eta_s == pytest.approx(4 * 10.0), "with the fourth"
    assert service.forecast.of(jobs[4]).eta_s == pytest.approx(5 * 10.0), "has it for itself"


def test_a_photo_over_which_a_worker_died_has_one_for_itself(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=4, megapixels=24.0)
    jobs = [service.queue.submit(a_visitor(), a_photo()) for _ in range(2)]
    for job in jobs:
        begun = service.queue.begin(job.id, job.workflow, "dead")
        assert begun is not None
        assert service.queue.hand_back(begun, orderly=False)
    first, second = (find_job(service.database, job.id) for job in jobs)
    assert first is not None
    assert second is not None
    assert service.forecast.of(first).eta_s == pytest.approx(10.0)
    assert service.forecast.of(second).eta_s == pytest.approx(2 * 10.0)
    begun = service.queue.begin(first.id, first.workflow, "one")
    assert begun is not None
    assert service.queue.advance(begun, "repair", 0.5)
    assert service.forecast.of(second).eta_s == pytest.approx(1.5 * 10.0)


def test_a_photo_that_is_enlarged_takes_the_room_of_its_result(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=4, megapixels=24.0)
    service.queue.submit(a_visitor(), replace(a_photo(), times_larger=3))  # 18 of 24 megapixels
    small, beside = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    roomy = service.queue.submit(a_visitor(), replace(a_photo(), times_larger=3))
    etas = [service.forecast.of(job).eta_s or 0.0 for job in (small, beside, roomy)]
    assert etas[2] > 1.3 * max(etas[:2]), "it waits until the first of its kind is done"


def test_a_photo_that_finds_a_free_place_only_shares_the_worker(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=2)
    first, second = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    begun = service.queue.begin(first.id, first.workflow, "one")
    assert begun is not None
    assert service.queue.advance(begun, "denoise", 0.75)
    assert service.forecast.of(second).eta_s == pytest.approx(0.25 * 10.0 + 10.0)


def test_large_photos_take_their_share_of_a_worker_from_small_ones(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=2)
    small = [service.queue.submit(a_visitor(), a_photo()) for _ in range(5)]
    assert service.forecast.of(small[4]).eta_s == pytest.approx(4 * 10.0 + 10.0)
    service.queue.submit(a_visitor(), a_photo((6000, 8000)))
    beside = Forecast(service.database, service.settings).of(small[4])
    # Four small ones in twos get two thirds of the worker, the last one half of it.
    assert beside.eta_s == pytest.approx(4 * 10.0 * 3 / 2 + 10.0 * 2)


def test_photos_of_a_faster_lane_are_expected_to_come_as_they_do_now(
    service: Service,
) -> None:
    teach(service)
    add_worker(service, "one")
    clock, queue = clocked(service)
    for _ in range(10):
        fast = queue.submit(a_visitor(lane="fast"), a_photo())
        clock.now_s += 29.0
    free = queue.submit(a_visitor(), a_photo())
    forecast = Forecast(service.database, service.settings, clock)
    # 10 s of work every 30 s in the last 300 s, and 100 s until its turn.
    assert forecast.of(free).eta_s == pytest.approx(100.0 + 100.0 / 3 + 10.0)
    assert forecast.of(fast).eta_s == pytest.approx(100.0), "nobody overtakes the fastest lane"
    clock.now_s += service.settings.head_start_s["fast"] - 5.0
    late = Forecast(service.database, service.settings, clock)
    assert late.of(free).eta_s == pytest.approx(100.0 + 10.0), "nobody has come lately"


def test_a_burst_is_not_expected_to_come_again(service: Service) -> None:
    teach(service)
    add_worker(service, "one")
    clock, queue = clocked(service)
    for _ in range(4):
        queue.submit(a_visitor(lane="fast"), a_photo())
    free = queue.submit(a_visitor(), a_photo())
    for later_s in (1.0, 200.0):
        clock.now_s += later_s
        forecast = Forecast(service.database, service.settings, clock)
        assert forecast.of(free).eta_s == pytest.approx(40.0 + 10.0)


def test_forecasts_come_true_on_a_worker_that_shares_its_time_out(service: Service) -> None:
    """Photos of many sizes, four at once; the clock of each goes on as the others let it."""
    teach(service)
    add_worker(service, "one", slots=4)
    clock, queue = clocked(service)
    rng = random.Random(5)
    waiting: list[Job] = []
    for _ in range(40):
        waiting.append(queue.submit(a_visitor(), a_photo((1000, rng.randrange(500, 3000)))))
        clock.now_s += 1e-3
    told = {job.id: Forecast(service.database, service.settings, clock).of(job) for job in waiting}
    began_s = clock.now_s
    left_s: dict[str, float] = {}
    errors: list[float] = []
    while waiting or left_s:
        while waiting and len(left_s) < 4:
            job = waiting.pop(0)
            left_s[job.id] = 2 * (1.0 + 2.0 * job.megapixels)
        step_s = min(left_s.values())
        clock.now_s += step_s * len(left_s)
        left_s = {job_id: left - step_s for job_id, left in left_s.items()}
        for job_id in [job_id for job_id, left in left_s.items() if left <= 1e-9]:
            del left_s[job_id]
            eta_s = told[job_id].eta_s
            assert eta_s is not None
            took_s = clock.now_s - began_s
            errors.append(abs(eta_s - took_s) / took_s)
    assert median(errors) < 0.05
    assert max(errors) < 0.35


def test_a_long_line_is_added_up_to_nearly_what_playing_it_through_gives() -> None:
    behind = evenly(120.0, 30.0, 30, 4)
    hand = (Load(3.0, 1.0), Load(9.0, 1.0))
    long = Line(hand, (50.0,), 436 * 4.0, evenly(256.0, 64.0, 64, 64), behind, 4, 24.0, 2)
    begun_s, finished_s = turn_of(long, Load(6.0, 1.0))
    played = replace(long, earlier_s=0.0, ahead=evenly(2000.0, 500.0, 500, 500))
    exact_begun_s, exact_finished_s = turn_of(played, Load(6.0, 1.0))
    assert begun_s == pytest.approx(exact_begun_s, rel=0.01)
    assert finished_s - begun_s == pytest.approx(exact_finished_s - exact_begun_s, rel=0.25)


def test_a_long_line_of_large_photos_is_added_up_too() -> None:
    """One a worker, however large: their megapixels are not counted."""
    loads = evenly(640.0, 6400.0, 64, 64)
    line = Line((Load(10.0, 100.0),), (), 5 * 10.0, loads, (), 1, math.inf, 1)
    begun_s, finished_s = turn_of(line, Load(10.0, 100.0))
    assert begun_s == pytest.approx(70 * 10.0, rel=0.02)
    assert finished_s - begun_s == pytest.approx(10.0, rel=0.1)


def test_a_large_photo_in_hand_delays_others_by_its_share_only() -> None:
    hand, fours = (Load(1000.0, 12.0), Load(2.0, 1.0)), (Load(4.0, 1.0), Load(4.0, 1.0))
    line = Line(hand, (), 0.0, fours, fours * 2, places=2, room=24.0, workers=1)
    begun_s, finished_s = turn_of(line, Load(4.0, 1.0))
    assert begun_s == pytest.approx(2 * (2.0 + 4.0 + 4.0))
    assert finished_s - begun_s == pytest.approx(2 * 4.0)


def test_a_photo_waits_for_room_and_one_without_room_is_taken_alone() -> None:
    line = Line((Load(3.0, 12.0), Load(9.0, 12.0)), (), 0.0, (), (), 4, 24.0, 1)
    assert turn_of(line, Load(2.0, 1.0)) == pytest.approx((6.0, 6.0 + 2 * 2.0))
    assert turn_of(line, Load(2.0, 30.0)) == pytest.approx((12.0, 14.0))


def test_a_photo_has_no_more_than_one_worker_for_itself() -> None:
    line = Line((), (), 0.0, (), (), places=8, room=24.0, workers=2)
    assert turn_of(line, Load(4.0, 1.0)) == (0.0, 4.0)


def test_a_photo_that_cannot_use_a_whole_worker_takes_its_time_alone() -> None:
    clock = Clock()
    shares = Shares(alone=0.5, now=clock)
    with ExitStack() as first, ExitStack() as second:
        one = first.enter_context(shares.taken())
        clock.now_s += 4.0  # alone, on half of the worker
        two = second.enter_context(shares.taken())
        clock.now_s += 2.0  # together, each on one half
        first.close()
        second.close()
    assert (one.worker_s, two.worker_s) == (3.0, 1.0)
    line = Line((), (), 0.0, (), (), 4, 24.0, 1, alone=0.5)
    assert turn_of(line, Load(3.0, 1.0)) == (0.0, 6.0)


def test_what_runs_alone_on_half_a_worker_takes_twice_as_long(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=2, alone=0.5)
    job = service.queue.submit(a_visitor(), a_photo())
    assert service.forecast.of(job).eta_s == pytest.approx(20.0)
    begun = service.queue.begin(job.id, job.workflow, "one")
    assert begun is not None
    assert Forecast(service.database, service.settings).of(begun).eta_s == pytest.approx(20.0)


def test_a_share_of_a_worker_is_what_others_leave() -> None:
    clock = Clock()
    shares = Shares(now=clock)
    with ExitStack() as first, ExitStack() as second:
        one = first.enter_context(shares.taken())
        clock.now_s += 3.0  # alone
        two = second.enter_context(shares.taken())
        clock.now_s += 4.0  # together
        first.close()
        clock.now_s += 1.0  # alone
    assert one.worker_s == pytest.approx(3.0 + 2.0)
    assert one.wall_s == pytest.approx(7.0)
    assert two.worker_s == pytest.approx(2.0 + 1.0)
    clock.now_s += 10.0  # nothing in hand
    with shares.taken() as three:
        clock.now_s += 2.0
    assert three.worker_s == pytest.approx(2.0)


def test_the_next_free_place_of_an_owner_is_the_end_of_his_first_photo(service: Service) -> None:
    teach(service)
    add_worker(service, "one")
    service.queue.submit(a_visitor("key:other"), a_photo())
    for _ in range(3):
        service.queue.submit(a_visitor("key:his"), a_photo())
    assert service.forecast.next_free_s("key:his") == pytest.approx(20.0)
    assert service.forecast.next_free_s("key:nobody") is None


def test_a_worker_that_fell_silent_does_not_count(service: Service) -> None:
    add_worker(service, "one")
    job = service.queue.submit(a_visitor(), a_photo())
    assert service.forecast.of(job).eta_s is not None
    with service.database.writing() as connection:
        connection.execute(sa.update(WORKERS).values(seen_s=time.time() - 60.0))
    assert service.forecast.of(job).eta_s is None


def test_the_traffic_tells_each_lane(service: Service) -> None:
    teach(service)
    add_worker(service, "one")
    for lane in ("free", "free", "fast"):
        service.queue.submit(a_visitor(lane=lane), a_photo())
    waiting = {part.lane: part for part in service.forecast.traffic().waiting}
    assert waiting["free"].photos == 2
    assert waiting["free"].megapixels == pytest.approx(4.0)
    assert waiting["free"].eta_s == pytest.approx(30.0), "a free photo comes after all three"
    assert waiting["fast"].eta_s == pytest.approx(10.0), "a fast one after the fast one"


def test_the_traffic_tells_of_lanes_without_anybody_and_of_what_was_finished(
    service: Service,
) -> None:
    teach(service)
    add_worker(service, "one")
    clock, queue = clocked(service)
    for hours_ago in (2.0, 0.5, 0.2):
        clock.now_s = time.time() - 3600.0 * hours_ago
        job = queue.submit(a_visitor(lane="fast"), a_photo())
        begun = queue.begin(job.id, job.workflow, "one")
        assert begun is not None
        assert queue.succeed(begun, "result.png")
        queue.remove(job)  # what was restored was restored
    look = queue.submit(a_visitor(lane="fast"), a_photo(stages=("look at repair",)))
    begun = queue.begin(look.id, look.workflow, "one")
    assert begun is not None
    assert queue.succeed(begun, "diagnosis.json")
    traffic = service.forecast.traffic()
    assert [(part.lane, part.queue, part.photos) for part in traffic.waiting] == [
        ("fast", "small", 0),
        ("free", "small", 0),
    ]
    assert [part.eta_s for part in traffic.waiting] == [0.0, 0.0], "whoever comes is begun"
    finished = {part.lane: (part.photos, part.megapixels) for part in traffic.finished}
    assert finished == {"fast": (2, pytest.approx(4.0)), "free": (0, 0.0)}
