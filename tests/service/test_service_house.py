"""Housekeeping: what fell between two chairs is found and taken up again."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from dbos import DBOSClient
from running_services import a_photo, a_visitor

from resilver.service.arrivals import new_job_id
from resilver.service.database import JOBS, WORKERS
from resilver.service.dispatch import webhook_of
from resilver.service.housekeeping import Housekeeper
from resilver.service.jobs import Job, find_job
from resilver.service.running import Service
from resilver.service.storage import Storage


@pytest.fixture
def house(service: Service) -> Housekeeper:
    return Housekeeper(
        service.database,
        service.dispatch,
        service.queue,
        service.storage,
        service.settings,
        worker=None,
    )


def now(service: Service, job: Job) -> Job:
    found = find_job(service.database, job.id)
    assert found is not None
    return found


def set_status(service: Service, workflow: str, status: str, executor: str | None) -> None:
    """As DBOS itself would: a workflow that was claimed, or that ended."""
    table = "workflow_status" if service.database.is_sqlite else "dbos.workflow_status"
    with service.database.writing() as connection:
        connection.execute(
            sa.text(
                f"UPDATE {table} SET status = :s, executor_id = :e, completed_at = :t"
                " WHERE workflow_uuid = :w"
            ),
            {"s": status, "e": executor, "t": int(time.time() * 1000), "w": workflow},
        )


def statuses(service: Service) -> dict[str, str]:
    client = DBOSClient(
        system_database_url=service.database.url,
        system_database_engine=service.database.engine,
        application_name="resilver",
    )
    found = {one.workflow_id: one.status for one in client.list_workflows()}
    client.destroy()
    return found


def add_worker(service: Service, name: str, *, silent_s: float) -> None:
    """A worker that said so many seconds ago that it is alive."""
    with service.database.writing() as connection:
        connection.execute(
            sa.insert(WORKERS).values(
                id=name, seen_s=time.time() - silent_s, slots=1, megapixels=9.0, alone=1.0
            )
        )


def test_photos_that_a_dead_worker_had_claimed_go_back_in_line(
    service: Service, house: Housekeeper
) -> None:
    claimed, at_work = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    assert service.queue.begin(at_work.id, at_work.workflow, "dead") is not None
    for job in (claimed, at_work):
        set_status(service, job.workflow, "PENDING", "dead")
    add_worker(service, "dead", silent_s=60.0)
    house.tidy()
    for job, tries in ((claimed, 0), (at_work, 1)):
        again = now(service, job)
        assert (again.state, again.tries, again.worker) == ("queued", tries, None)
        assert again.workflow != job.workflow
        assert again.priority == job.priority
    found = statuses(service)
    assert [found.get(now(service, job).workflow) for job in (claimed, at_work)] == ["ENQUEUED"] * 2
    assert claimed.workflow not in found
    with service.database.reading() as connection:
        assert connection.execute(sa.select(WORKERS)).all() == []


def test_photos_of_a_worker_that_nobody_knows_go_back_in_line(
    service: Service, house: Housekeeper
) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    assert service.queue.begin(job.id, job.workflow, "never heard of") is not None
    house.tidy()
    assert now(service, job).state == "queued"


def test_photos_whose_workflow_broke_off_go_back_in_line(
    service: Service, house: Housekeeper
) -> None:
    job, done = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    begun = service.queue.begin(done.id, done.workflow, "w")
    assert begun is not None
    assert service.queue.succeed(begun, "result.png")
    for one in (job, done):
        set_status(service, one.workflow, "ERROR", "w")
    house.tidy()
    again = now(service, job)
    assert again.workflow != job.workflow
    assert statuses(service)[again.workflow] == "ENQUEUED"
    assert now(service, done).state == "succeeded", "what is over is over"
    house.tidy()
    assert now(service, job).workflow == again.workflow, "once"


def test_a_live_worker_keeps_its_photos(service: Service, house: Housekeeper) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    add_worker(service, "alive", silent_s=0.0)
    assert service.queue.begin(job.id, job.workflow, "alive") is not None
    set_status(service, job.workflow, "PENDING", "alive")
    house.tidy()
    assert (now(service, job).state, now(service, job).worker) == ("running", "alive")


def test_what_cannot_be_deleted_does_not_stand_before_the_rest(
    service: Service, house: Housekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    with service.database.writing() as connection:
        connection.execute(sa.update(JOBS).values(state="succeeded", expires_s=time.time() - 1.0))
    delete = service.storage.delete
    asked: list[str] = []

    def refuse(folder: str) -> None:
        asked.append(folder)
        if folder == stuck.folder:
            raise PermissionError(folder)
        delete(folder)

    monkeypatch.setattr(service.storage, "delete", refuse)
    house.tidy()
    assert (now(service, stuck).state, now(service, other).state) == ("succeeded", "expired")
    house.tidy()
    assert asked.count(stuck.folder) == 1, "again, but not at once"
    with service.database.writing() as connection:
        connection.execute(
            sa.update(JOBS).where(JOBS.c.id == stuck.id).values(expires_s=time.time() - 1.0)
        )
    house.tidy()
    assert asked.count(stuck.folder) == 2


def test_a_worker_is_said_to_be_alive_whatever_the_house_has_to_do(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(service.settings, lease_s=0.4)
    parts = (service.database, service.dispatch, service.queue, service.storage, settings)
    house = Housekeeper(*parts, worker="busy")
    held = threading.Event()
    monkeypatch.setattr(house, "_expire", lambda: held.wait(10.0))
    house.start()
    seen = sa.select(WORKERS.c.seen_s)
    with service.database.reading() as connection:
        first = connection.execute(seen).scalar_one()
    time.sleep(1.0)
    with service.database.reading() as connection:
        last, now_s = connection.execute(sa.select(WORKERS.c.seen_s, service.database.clock)).one()
    held.set()
    house.stop()
    assert last - first > 0.5
    assert now_s - last < 0.4
    assert abs(now_s - time.time()) < 60.0


def test_folders_without_a_job_are_swept_after_a_day(
    service: Service, house: Housekeeper, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    job = service.queue.submit(a_visitor(), a_photo())
    young, old, unseen = new_job_id(), new_job_id(), new_job_id(unseen=True)
    others = ("1987 Italy", "letters")  # a folder that is used for other things as well
    for folder in (job.id, young, old, unseen, *others):
        service.storage.put(source, f"{folder}/photo.png")
    yesterday = time.time() - 90_000
    for folder in (job.id, old, unseen, *others):
        os.utime(tmp_path / "photos" / folder / "photo.png", (yesterday, yesterday))
    house.tidy()
    assert sorted(service.storage.folders()) == sorted([job.id, young, *others])


def test_a_folder_that_cannot_be_read_does_not_keep_the_rest(
    service: Service, house: Housekeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    folders = sorted(new_job_id() for _ in range(2))
    for folder in folders:
        service.storage.put(source, f"{folder}/photo.png")
    forgotten: list[float] = []

    def is_older(folder: str, _seconds: float) -> bool:
        if folder == folders[0]:
            raise PermissionError(folder)
        return True

    monkeypatch.setattr(service.storage, "is_older", is_older)
    monkeypatch.setattr(service.dispatch, "forget_before", forgotten.append)
    house.tidy()
    assert service.storage.folders() == folders[:1]
    assert len(forgotten) == 1


def test_the_storage_leaves_a_folder_that_was_there_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    mine = tmp_path / "Pictures"
    mine.mkdir(mode=0o755)
    for place, mode in ((mine, 0o755), (tmp_path / "made", 0o700)):
        Storage(str(place)).put(source, "job/photo.png")
        assert place.stat().st_mode & 0o777 == mode
        assert (place / "job").stat().st_mode & 0o777 == 0o700


def test_webhooks_of_a_photo_whose_worker_died_afterwards_are_still_called(
    service: Service, house: Housekeeper
) -> None:
    photo = replace(a_photo(), webhook="https://example.org/done")
    job = service.queue.submit(a_visitor(), photo)
    begun = service.queue.begin(job.id, job.workflow, "dead")
    assert begun is not None
    assert service.queue.succeed(begun, "result.png")
    set_status(service, job.workflow, "PENDING", "dead")
    add_worker(service, "dead", silent_s=60.0)
    house.tidy()
    assert statuses(service) == {webhook_of(job.workflow, 1): "ENQUEUED"}


def test_a_worker_that_slept_does_not_bury_itself(service: Service) -> None:
    parts = (service.database, service.dispatch, service.queue, service.storage, service.settings)
    house = Housekeeper(*parts, worker="sleeper")
    job = service.queue.submit(a_visitor(), a_photo())
    add_worker(service, "sleeper", silent_s=60.0)
    assert service.queue.begin(job.id, job.workflow, "sleeper") is not None
    set_status(service, job.workflow, "PENDING", "sleeper")
    house.tidy()
    assert (now(service, job).state, now(service, job).deaths) == ("running", 0)
