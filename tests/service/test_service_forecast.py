"""Waits: what a stage costs is measured, and what lies ahead is counted."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa
from running_services import a_photo, a_visitor

from resilver.service.costs import FILE, Cost, measured_costs, note_costs, seconds_of
from resilver.service.database import WORKERS
from resilver.service.running import Service


def add_worker(service: Service, name: str, slots: int = 1, megapixels: float = 24.0) -> None:
    with service.database.writing() as connection:
        connection.execute(
            sa.insert(WORKERS).values(
                id=name, seen_s=time.time(), slots=slots, megapixels=megapixels
            )
        )


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
    for _ in range(50):
        for megapixels in (1.0, 4.0):
            note_costs(service.database, megapixels, {"repair": 10.0 * megapixels})
    assert measured_costs(service.database)["repair"].megapixel_s == pytest.approx(10.0, rel=0.05)


def test_photos_of_one_size_teach_what_they_cost_in_all(service: Service) -> None:
    for _ in range(5):
        note_costs(service.database, 2.0, {"repair": 6.0})
    cost = measured_costs(service.database)["repair"]
    assert cost.seconds(1, 2.0) == pytest.approx(6.0)


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


def test_large_photos_do_not_make_small_ones_wait(service: Service) -> None:
    teach(service)
    add_worker(service, "one")
    for _ in range(3):
        large = service.queue.submit(a_visitor(), a_photo((6000, 8000)))
    small = service.queue.submit(a_visitor(), a_photo())
    assert service.forecast.of(large).place == 3
    assert service.forecast.of(small).place == 1
    assert service.forecast.of(small).eta_s == pytest.approx(10.0)


def test_a_worker_takes_as_many_as_their_megapixels_allow(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=4, megapixels=4.0)  # two photos of 2 megapixels at once
    jobs = [service.queue.submit(a_visitor(), a_photo()) for _ in range(5)]
    assert service.forecast.of(jobs[4]).eta_s == pytest.approx(4 * 10.0 / 2 + 10.0)


def test_a_photo_that_finds_a_free_place_does_not_wait(service: Service) -> None:
    teach(service)
    add_worker(service, "one", slots=2)
    first, second = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    assert service.queue.begin(first.id, first.workflow, "one") is not None
    assert service.forecast.of(second).eta_s == pytest.approx(10.0)


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
