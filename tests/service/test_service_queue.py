"""What happens to jobs, on both databases: each change once, whoever else wants it."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from running_services import a_photo, a_visitor

from resilver.errors import ServiceError
from resilver.service.arrivals import is_job_id, new_job_id
from resilver.service.database import CREDITS, FACTS, KEYS, Database
from resilver.service.jobs import Job, find_job, list_jobs
from resilver.service.keys import Key
from resilver.service.queue import FORGET_AFTER_S, Queue
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.web.visitors import visible_job


def now(service: Service, job: Job) -> Job:
    found = find_job(service.database, job.id)
    assert found is not None
    return found


def begun(service: Service, job: Job, worker: str = "w") -> Job:
    found = service.queue.begin(job.id, now(service, job).workflow, worker)
    assert found is not None
    return found


def a_key(service: Service, photos: int | None = 2) -> Key:
    return service.keys.create(
        "anna", lane="fast", photos=photos, max_queued=10, max_megapixels=1e6
    )[0]


def credits_of(service: Service, key: Key) -> int | None:
    return next(one.credits for one in service.keys.list() if one.id == key.id)


def test_a_job_goes_its_way(service: Service) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    assert now(service, job) == job
    assert re.fullmatch(r"[\w-]{32}", job.id)
    running = begun(service, job)
    assert (running.state, running.tries, running.worker) == ("running", 1, "w")
    assert service.queue.advance(running, "repair", 0.5)
    assert (now(service, job).stage, now(service, job).fraction) == ("repair", 0.5)
    assert service.queue.succeed(running, "result.png")
    done = now(service, job)
    assert (done.state, done.result, done.stage) == ("succeeded", "result.png", None)
    assert done.expires_s == pytest.approx((done.finished_s or 0) + 86_400.0)
    assert done.file("result.png") == f"{job.id}/1-result.png"


def test_of_many_that_begin_a_job_one_does(service: Service) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    with ThreadPoolExecutor(8) as pool:
        names = [f"w{number}" for number in range(8)]
        begins = list(pool.map(lambda name: service.queue.begin(job.id, job.workflow, name), names))
    assert sum(one is not None for one in begins) == 1


def test_of_many_that_send_with_one_idempotency_key_one_is_taken(service: Service) -> None:
    def send(_number: int) -> Job:
        return service.queue.submit(a_visitor(), a_photo(idempotency="holiday-1"))

    # More than there are connections: nobody who has one may wait for another.
    with ThreadPoolExecutor(40) as pool:
        jobs = list(pool.map(send, range(40), timeout=25.0))
    assert len({job.id for job in jobs}) == 1
    other = service.queue.submit(a_visitor("key:b"), a_photo(idempotency="holiday-1"))
    assert other.id != jobs[0].id, "another's key is another key"
    with pytest.raises(Refusal, match="used for another photo") as refusal:
        service.queue.submit(a_visitor(), a_photo(idempotency="holiday-1", fingerprint="another"))
    assert refusal.value.status == 409


def test_nobody_has_more_waiting_than_he_may(service: Service) -> None:
    def send(_number: int) -> bool:
        try:
            service.queue.submit(a_visitor(most=3), a_photo())
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(8))) == 3, "not even all at once"
    with pytest.raises(Refusal, match="you have 3 photos waiting") as refusal:
        service.queue.submit(a_visitor(most=3), a_photo())
    assert refusal.value.status == 429
    service.queue.submit(a_visitor("key:b", most=3), a_photo())
    few = replace(a_visitor("key:c"), max_megapixels=5.0)
    service.queue.submit(few, a_photo())
    service.queue.submit(few, a_photo())
    with pytest.raises(Refusal, match="5 megapixels waiting"):
        service.queue.submit(few, a_photo())
    larger = replace(a_photo(), times_larger=4)  # 2 megapixels become 32
    with pytest.raises(Refusal, match="may have 30 megapixels") as refusal:
        service.queue.submit(replace(a_visitor("key:d"), max_megapixels=30.0), larger)
    assert refusal.value.status == 413, "it will not fit later either"


def test_a_full_queue_takes_nobody(service: Service) -> None:
    limits = replace(service.settings.limits, queued_in_all=2)
    queue = Queue(service.database, service.dispatch, replace(service.settings, limits=limits))
    queue.submit(a_visitor("key:a"), a_photo())
    queue.submit(a_visitor("key:b"), a_photo())
    with pytest.raises(Refusal, match="the queue is full"):
        queue.submit(a_visitor("key:c"), a_photo())


def test_what_waits_and_what_runs_can_be_cancelled_once(service: Service) -> None:
    waiting, running = (service.queue.submit(a_visitor(), a_photo()) for _ in range(2))
    at_work = begun(service, running)
    for job in (waiting, running):
        assert service.queue.cancel(now(service, job))
        assert now(service, job).state == "cancelled"
        assert not service.queue.cancel(now(service, job))
    assert not service.queue.advance(at_work, "repair", 0.5), "the worker is told so"
    assert not service.queue.succeed(at_work, "result.png"), "and too late is too late"
    assert service.queue.begin(waiting.id, waiting.workflow, "w") is None


def test_a_job_of_a_dead_worker_goes_to_another_and_counts_once(service: Service) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    lost = begun(service, job, "dead")
    assert service.queue.hand_back(lost, orderly=False)
    assert not service.queue.hand_back(lost, orderly=False), "two that bury it do so once"
    assert service.queue.begin(job.id, lost.workflow, "zombie") is None
    second = begun(service, job, "alive")
    assert (second.tries, second.priority) == (2, job.priority), "it stands where it stood"
    assert not service.queue.succeed(lost, "result.png"), "the dead one has no say"
    assert not service.queue.fail(lost, "no")
    assert service.queue.succeed(second, "result.png")


def test_a_try_that_its_worker_hands_back_does_not_count(service: Service) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    assert service.queue.hand_back(begun(service, job), orderly=True)
    assert begun(service, job).tries == 1
    waiting = service.queue.submit(a_visitor(), a_photo())
    assert service.queue.hand_back(waiting, orderly=True)
    assert begun(service, waiting).tries == 1


def test_a_photo_that_ends_its_workers_is_given_up(service: Service) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    for number in range(3):  # from the second on it has its worker to itself
        assert service.queue.hand_back(begun(service, job, f"w{number}"), orderly=False)
    assert service.queue.begin(job.id, now(service, job).workflow, "w3") is None
    given_up = now(service, job)
    assert given_up.state == "failed"
    assert given_up.reason == (
        "it was given up: 3 workers ended over it, the last with nothing else"
    )


def test_a_photo_that_hangs_in_its_worker_is_ended_from_outside(service: Service) -> None:
    limits = replace(service.settings.limits, time_limit_s=100.0)
    clock = [1_800_000_000.0]
    queue = Queue(
        service.database,
        service.dispatch,
        replace(service.settings, limits=limits, lease_s=30.0),
        lambda: clock[0],
    )
    first, second = (queue.submit(a_visitor(), a_photo()) for _ in range(2))
    hangs = queue.begin(first.id, first.workflow, "w")
    assert hangs is not None
    clock[0] += 129.0
    assert queue.begin(second.id, second.workflow, "w") is not None
    assert queue.end_overdue() == 0, "its worker may still end it itself"
    clock[0] += 2.0
    assert queue.end_overdue() == 1
    assert now(service, first).reason == "it took longer than photos may take here"
    assert now(service, second).state == "running"
    assert not queue.succeed(hangs, "result.png"), "too late"


def test_what_expired_keeps_nothing_of_what_it_was(service: Service) -> None:
    sent = a_photo(idempotency="grandmother 1931", webhook="https://8.8.8.8/")
    job = service.queue.submit(a_visitor(), sent)
    service.queue.cancel(job)
    service.queue.expire(now(service, job))
    gone = now(service, job)
    assert (gone.state, gone.idempotency, gone.webhook) == ("expired", None, None)
    assert (gone.fingerprint, gone.options) == ("", "{}")
    again = service.queue.submit(a_visitor(), a_photo(idempotency="grandmother 1931"))
    assert again.id != job.id


@pytest.mark.parametrize("job_id", ["\0" * 32, "x" * 31, "x" * 33, "../" + "x" * 29, ""])
def test_what_is_no_id_is_not_looked_for(service: Service, job_id: str) -> None:
    """PostgreSQL takes no NUL, and would say so with an error of its own."""
    with pytest.raises(Refusal) as refusal:
        visible_job(service, a_visitor(), job_id)
    assert refusal.value.status == 404


def test_an_event_that_adds_something_else_is_refused(service: Service) -> None:
    key, other = a_key(service, photos=1), a_key(service, photos=1)
    assert service.keys.top_up(key.id, 5, "payment-1") == 6
    assert service.keys.top_up(key.id, 5, "payment-1") == 6, "once"
    for which, photos in ((key, 6), (other, 5)):
        with pytest.raises(Refusal, match="added other photos") as refusal:
            service.keys.top_up(which.id, photos, "payment-1")
        assert refusal.value.status == 409
    assert (credits_of(service, key), credits_of(service, other)) == (6, 1)


def test_a_credit_whose_result_nobody_gets_is_given_back_once(service: Service) -> None:
    key = a_key(service, photos=2)
    job = service.queue.submit(key.visitor, a_photo())
    assert service.queue.succeed(begun(service, job), "result.png")
    assert credits_of(service, key) == 1
    for _ in range(2):
        service.queue.give_back(job)
    assert credits_of(service, key) == 2


def test_a_job_for_one_answer_cannot_be_asked_for(service: Service) -> None:
    """Else a sender could fetch what he has sent again and again, and have his credits back."""
    key = a_key(service, photos=2)
    arrival = replace(a_photo(), id=new_job_id(unseen=True))
    job = service.queue.submit(key.visitor, arrival)
    assert find_job(service.database, job.id) is not None
    assert not is_job_id(job.id)
    assert is_job_id(new_job_id())
    assert list_jobs(service.database, key.visitor.owner, 10, None) == []
    service.delete(job)
    assert find_job(service.database, job.id) is None


def test_what_cannot_be_deleted_can_be_asked_for_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = service.queue.submit(a_visitor(), a_photo())

    def away(_folder: str) -> None:
        raise OSError("the storage is away")

    with monkeypatch.context() as patch:
        patch.setattr(service.storage, "delete", away)
        with pytest.raises(OSError, match="away"):
            service.delete(job)
    assert find_job(service.database, job.id) is not None
    service.delete(job)
    assert find_job(service.database, job.id) is None


def test_an_error_of_the_database_does_not_quote_ids(service: Service) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    asked = sa.text("SELECT * FROM no_such_table WHERE id = :id")
    with pytest.raises(sa.exc.DBAPIError) as error, service.database.reading() as connection:
        connection.execute(asked, {"id": job.id})
    assert "no_such_table" in str(error.value)
    assert job.id not in str(error.value)


def test_credits_are_spent_once_and_given_back(service: Service) -> None:
    key = a_key(service, photos=2)
    visitor = key.visitor
    first, second = (service.queue.submit(visitor, a_photo()) for _ in range(2))
    assert credits_of(service, key) == 0
    with pytest.raises(Refusal, match="no credits left") as refusal:
        service.queue.submit(visitor, a_photo())
    assert refusal.value.status == 402
    running = begun(service, first)
    assert service.queue.succeed(running, "result.png")
    assert not service.queue.succeed(running, "result.png")
    assert credits_of(service, key) == 0
    assert service.queue.cancel(second)
    assert credits_of(service, key) == 1
    service.queue.remove(now(service, second))
    assert credits_of(service, key) == 1
    failing = service.queue.submit(visitor, a_photo())
    at_work = begun(service, failing)
    service.queue.hand_back(at_work, orderly=False)
    assert service.queue.fail(begun(service, failing), "no")
    assert credits_of(service, key) == 1
    with service.database.reading() as connection:
        total = sa.select(sa.func.sum(CREDITS.c.photos)).where(CREDITS.c.key == key.id)
        assert connection.execute(total).scalar_one() == 1, "the ledger agrees"


def test_the_last_credit_is_spent_once_by_many(service: Service) -> None:
    key = a_key(service, photos=3)

    def send(_number: int) -> bool:
        try:
            service.queue.submit(key.visitor, a_photo())
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(send, range(8))) == 3
    assert credits_of(service, key) == 0


def test_a_key_without_credits_to_count_spends_none(service: Service) -> None:
    key = a_key(service, photos=None)
    job = service.queue.submit(key.visitor, a_photo())
    assert service.queue.cancel(job)
    assert credits_of(service, key) is None


def test_a_top_up_counts_once(service: Service) -> None:
    key = a_key(service, photos=1)
    assert service.keys.top_up(key.id, 5, "payment-1") == 6
    assert service.keys.top_up(key.id, 5, "payment-1") == 6
    assert service.keys.top_up(key.id, 5, "payment-2") == 11
    with pytest.raises(Refusal, match="no such key"):
        service.keys.top_up("0" * 12, 5, "payment-3")
    with pytest.raises(Refusal, match="not counted"):
        service.keys.top_up(a_key(service, photos=None).id, 5, "payment-4")


def test_keys_are_kept_as_what_they_hash_to(service: Service) -> None:
    key, text = service.keys.create(
        "anna", lane="fast", photos=None, max_queued=5, max_megapixels=50.0
    )
    secret = text.removeprefix(f"rsv_{key.id}_")
    assert len(secret) == 43
    with service.database.reading() as connection:
        row = connection.execute(sa.select(KEYS)).one()
    assert secret not in str(row)
    assert service.keys.find(text) == key
    for wrong in (
        text[:-1] + "A" * (text[-1] != "A"),
        f"rsv_{key.id}_{'A' * 43}",
        "",
        "rsv_",
        key.id,
    ):
        assert service.keys.find(wrong) is None
    service.keys.revoke(key.id)
    assert service.keys.find(text) is None


def test_lists_are_paged_and_ones_own(service: Service) -> None:
    jobs = [service.queue.submit(a_visitor(), a_photo()) for _ in range(5)]
    service.queue.submit(a_visitor("key:b"), a_photo())
    newest = [job.id for job in reversed(jobs)]
    page = list_jobs(service.database, "local", 3, None)
    assert [job.id for job in page] == newest[:3]
    last = page[-1]
    rest = list_jobs(service.database, "local", 3, (last.submitted_s, last.id))
    assert [job.id for job in rest] == newest[3:]


def test_a_job_expires_and_is_forgotten(service: Service) -> None:
    job = service.queue.submit(a_visitor(), a_photo())
    assert service.queue.succeed(begun(service, job), "result.png")
    assert service.queue.expiring() == []
    after = now(service, job).expires_s or 0.0
    later = Queue(service.database, service.dispatch, service.settings, lambda: after + 1.0)
    (expiring,) = later.expiring()
    later.expire(expiring)
    assert (now(service, job).state, now(service, job).result) == ("expired", None)
    much_later = Queue(
        service.database,
        service.dispatch,
        service.settings,
        lambda: after + FORGET_AFTER_S + 2.0,
    )
    (expiring,) = much_later.expiring()
    much_later.expire(expiring)
    assert find_job(service.database, job.id) is None


def test_a_database_of_another_version_is_refused(service: Service) -> None:
    with service.database.writing() as connection:
        connection.execute(sa.update(FACTS).where(FACTS.c.name == "schema").values(value="99"))
    with pytest.raises(ServiceError, match="of version 99"):
        Database(service.settings.database)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://me:secret@host/db", "sqlite:///PATH or postgresql://"),
        ("postgresql://me:secret@127.0.0.1:1/db", "cannot be used"),
        ("no url", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_without_its_password(url: str, words: str) -> None:
    with pytest.raises(ServiceError, match=words) as error:
        Database(url)
    assert "secret" not in str(error.value)
