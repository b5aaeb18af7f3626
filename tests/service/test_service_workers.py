"""Workers as real processes: killed, stopped, poisoned; every photo is restored once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from running_services import a_photo, a_visitor, photo_bytes, wait_until

from resilver.photo import Photo
from resilver.service.database import CREDITS, JOBS, WORKERS
from resilver.service.jobs import Job, find_job
from resilver.service.queue import TOO_LONG, Queue
from resilver.service.restoring import Restoring
from resilver.service.running import Service
from resilver.service.scratch import Scratch
from resilver.service.settings import Settings

HERE = Path(__file__).parent
LONG_S = 90.0  # the machine may be busy
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Starts workers, and ends those that still run."""
    processes: list[subprocess.Popen[bytes]] = []
    paths = [str(HERE.parent), *(path for path in sys.path if path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}

    def begin(grace_s: float = 20.0, slots: int = 4) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(HERE / "worker_process.py"), str(tmp_path)]
        command += [settings.database, str(grace_s), str(slots)]
        process = subprocess.Popen(command, env=environment)
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.wait()


def send(service: Service, photo: bytes, owner: str = "local") -> Job:
    """Puts a photo in line, as the API does once it is checked."""
    arrival = a_photo()
    path = service.settings.scratch.parent / "sent.png"
    path.write_bytes(photo)
    service.storage.put(path, f"{arrival.id}/{arrival.photo}")
    return service.queue.submit(a_visitor(owner), arrival)


def now(service: Service, job: Job) -> Job:
    found = find_job(service.database, job.id)
    assert found is not None
    return found


def at_work(service: Service, job: Job) -> bool:
    return now(service, job).state == "running" and now(service, job).fraction > 0.0


def assert_restored_once(service: Service, job: Job, tmp_path: Path) -> None:
    done = now(service, job)
    assert (done.state, done.reason) == ("succeeded", None)
    names = {path.name for path in (tmp_path / "photos" / job.id).iterdir()}
    made = ("result.png", "report.json", "report.html", "comparison.jpg", "before.jpg", "after.jpg")
    assert names == {"photo.png", *(f"{done.tries}-{name}" for name in made)}
    result = Photo.open(tmp_path / "photos" / job.id / f"{done.tries}-result.png")
    source = Photo.open(tmp_path / "photos" / job.id / "photo.png")
    assert result.size == source.size


def test_photos_of_a_killed_worker_are_restored_by_another_once(
    service: Service, start: Start, tmp_path: Path
) -> None:
    key, _ = service.keys.create("anna", lane="fast", photos=9, max_queued=9, max_megapixels=99.0)
    slow = send(service, photo_bytes(tmp_path, 500, 500), key.visitor.owner)
    victim = start()
    wait_until(lambda: at_work(service, slow), LONG_S)
    jobs = [slow, *(send(service, photo_bytes(tmp_path, 64, 80, seed)) for seed in range(2))]
    victim.kill()
    victim.wait()
    assert now(service, slow).state == "running", "nobody has noticed yet"
    # As if it had died a moment later, when its result was stored already.
    (tmp_path / "photos" / slow.id / "1-result.png").write_bytes(b"half")
    start()
    wait_until(lambda: not any(now(service, job).active for job in jobs), LONG_S)
    for job in jobs:
        assert_restored_once(service, job, tmp_path)
    assert (now(service, slow).tries, now(service, slow).deaths) == (2, 1)
    assert service.keys.list()[0].credits == 8, "paid once"
    own = list((tmp_path / "scratch").iterdir())
    assert len(own) == 1, "the folder of the killed one is gone"
    with service.database.reading() as connection:
        assert len(connection.execute(sa.select(WORKERS)).all()) == 1
        assert len(connection.execute(sa.select(CREDITS)).all()) == 2  # granted, held


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(
    service: Service, start: Start, tmp_path: Path
) -> None:
    slow = send(service, photo_bytes(tmp_path, 500, 500))
    worker = start(60.0)
    wait_until(lambda: at_work(service, slow), LONG_S)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(LONG_S) == 0
    assert_restored_once(service, slow, tmp_path)
    with service.database.reading() as connection:
        assert connection.execute(sa.select(WORKERS)).all() == [], "it said that it is gone"
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_worker_without_time_hands_its_photo_back(
    service: Service, start: Start, tmp_path: Path
) -> None:
    slow = send(service, photo_bytes(tmp_path, 500, 500))
    worker = start(0.1)
    wait_until(lambda: at_work(service, slow), LONG_S)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(LONG_S) == 0
    back = now(service, slow)
    assert (back.state, back.tries, back.worker) == ("queued", 0, None)
    assert [path.name for path in (tmp_path / "photos" / slow.id).iterdir()] == ["photo.png"]


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_photo_that_ends_its_workers_has_failed_at_last(
    service: Service, start: Start, tmp_path: Path
) -> None:
    poison = send(service, photo_bytes(tmp_path, 500, 500))
    with service.database.writing() as connection:  # two workers have died over it already
        connection.execute(sa.update(JOBS).where(JOBS.c.id == poison.id).values(deaths=2))
    victim = start()
    wait_until(lambda: at_work(service, poison), LONG_S)
    victim.kill()
    victim.wait()
    start()
    wait_until(lambda: not now(service, poison).active, LONG_S)
    assert now(service, poison).state == "failed"
    assert now(service, poison).deaths == 3


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_photo_whose_options_are_of_another_version_has_failed(
    service: Service, start: Start, tmp_path: Path
) -> None:
    odd = send(service, photo_bytes(tmp_path, 64, 80))
    with service.database.writing() as connection:
        connection.execute(
            sa.update(JOBS).where(JOBS.c.id == odd.id).values(options='{"polish": true}')
        )
    start()
    wait_until(lambda: not now(service, odd).active, LONG_S)
    assert (now(service, odd).state, now(service, odd).tries) == ("failed", 0)


def test_a_worker_begins_photos_in_the_order_of_their_places(
    service: Service, start: Start, tmp_path: Path
) -> None:
    """DBOS itself gives them out in the order that the forecast tells."""
    arrived_s = [1_800_000_000.0]
    queue = Queue(service.database, service.dispatch, service.settings, lambda: arrived_s[0])
    chance = random.Random(5)
    path = tmp_path / "sent.png"
    path.write_bytes(photo_bytes(tmp_path, 32, 40))
    sent: list[Job] = []
    for _ in range(20):  # ten hours of two fast photos for each free one
        arrived_s[0] += chance.uniform(0.2, 0.8) * 3600.0
        arrival = a_photo((32, 40), stages=("repair",))
        service.storage.put(path, f"{arrival.id}/{arrival.photo}")
        visitor = a_visitor(lane=chance.choice(("fast", "fast", "free")))
        sent.append(queue.submit(visitor, arrival))
    places = {job.id: service.forecast.of(job).place or 0 for job in sent}
    order = sorted(places, key=lambda job_id: places[job_id])
    assert sorted(places.values()) == list(range(1, 21))
    assert order != [job.id for job in sent], "some overtake others"
    start(slots=1)
    wait_until(lambda: not any(now(service, job).active for job in sent), LONG_S)
    begun = {job.id: now(service, job).started_s or 0.0 for job in sent}
    assert sorted(begun, key=lambda job_id: begun[job_id]) == order


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_photo_that_is_cancelled_or_deleted_while_it_is_restored_stops_its_worker(
    service: Service, start: Start, tmp_path: Path
) -> None:
    first, second = (send(service, photo_bytes(tmp_path, 900, 900)) for _ in range(2))
    start()
    wait_until(lambda: now(service, first).state == "running", LONG_S)
    assert service.queue.cancel(now(service, first))
    wait_until(lambda: now(service, second).state == "running", LONG_S)
    service.delete(now(service, second))
    last = send(service, photo_bytes(tmp_path))
    wait_until(lambda: not now(service, last).active, LONG_S)
    assert now(service, last).state == "succeeded", "the worker goes on with the next"
    wait_until(lambda: not (tmp_path / "photos" / second.id).exists(), LONG_S)
    assert [path.name for path in (tmp_path / "photos" / first.id).iterdir()] == ["photo.png"]
    assert find_job(service.database, second.id) is None


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_photo_that_takes_too_long_is_ended_and_leaves_nothing(
    service: Service, settings: Settings, tmp_path: Path
) -> None:
    limits = replace(settings.limits, time_limit_s=0.0)
    restoring = Restoring(
        service.database,
        service.queue,
        service.storage,
        Scratch(tmp_path / "scratch"),
        replace(settings, limits=limits),
        threading.Event(),
    )
    slow = send(service, photo_bytes(tmp_path, 64, 80))
    begun = service.queue.begin(slow.id, slow.workflow, "w")
    assert begun is not None
    assert restoring.attempt(begun) is False, "another try would take as long"
    assert (now(service, slow).state, now(service, slow).reason) == ("failed", TOO_LONG)
    assert [path.name for path in (tmp_path / "photos" / slow.id).iterdir()] == ["photo.png"]
