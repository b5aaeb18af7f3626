"""Webhooks: signed, tried again, and never sent to a machine inside."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOSClient
from running_services import WEBHOOK_HOME, a_photo, a_visitor, photo_bytes, wait_until

from resilver.service.dispatch import MOST_CALLS, webhook_of
from resilver.service.jobs import find_job
from resilver.service.keys import Key
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.settings import Settings
from resilver.service.signing import HEADER, is_signed, sign, webhook_secret
from resilver.service.webhooks import Webhooks, check_webhook


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0.0.0.0", "10.0.0.5", "172.16.3.4", "192.168.1.1", "localhost"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "0x7f000001"),
        *("2130706433", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:10.0.0.1]"),
        *("192.0.0.8", "168.63.129.16", "[fec0::1]", "[::ffff:168.63.129.16]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:db8::1]"),
    ],
)
def test_private_addresses_are_refused(host: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_webhook(f"https://{host}/done", ())
    assert refusal.value.status == 422
    assert str(refusal.value) in (
        "the webhook leads to a private address",
        "the host of the webhook is not known",
    )


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.org/", "file:///etc/passwd", "https://", "https:///path", "example.org"),
        *(
            "https://me:secret@8.8.8.8/",
            "https://8.8.8.8:99999/",
            "https://8.8.8.8/ x",
            "//8.8.8.8",
        ),
        *(
            "https://[::1",
            "https://8.8.8.8/\x00",
            "https://8.8.8.8/\r\nX: y",
            "https://8.8.8.8/" + "x" * 2000,
        ),
    ],
)
def test_what_is_no_webhook_is_refused(url: str) -> None:
    with pytest.raises(Refusal) as refusal:
        check_webhook(url, ())
    assert refusal.value.status == 422


def test_public_addresses_and_named_networks_are_allowed() -> None:
    check_webhook("https://8.8.8.8/done", ())
    check_webhook("http://[2606:4700::1111]:8080/done?a=b", ())
    check_webhook("http://10.1.2.3/done", ("10.0.0.0/8",))
    with pytest.raises(Refusal):
        check_webhook("http://127.0.0.1/done", ("10.0.0.0/8",))


def test_a_silent_name_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def silent(*_asked: object, **_how: object) -> list[Any]:
        answered.wait(30.0)
        return []

    monkeypatch.setattr("resilver.service.webhooks.socket.getaddrinfo", silent)
    monkeypatch.setattr("resilver.service.webhooks._RESOLVED_S", 0.2)
    started = time.monotonic()
    with pytest.raises(Refusal, match="not known"):
        check_webhook("https://example.org/done", ())
    assert time.monotonic() - started < 5.0
    answered.set()


class _Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; fails as often as it is told."""

    def __init__(self, failures: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.failures = failures
        self.calls: list[tuple[dict[str, str], bytes]] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((dict(self.headers), body))
        failing = len(self.server.calls) <= self.server.failures
        self.send_response(500 if failing else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def receiver(request: pytest.FixtureRequest) -> Iterator[_Receiver]:
    server = _Receiver(getattr(request, "param", 0))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ended_job(service: Service, url: str) -> tuple[Key, str]:
    """A job of a key that has succeeded, with a webhook."""
    key, _ = service.keys.create("a", lane="free", photos=None, max_queued=9, max_megapixels=99.0)
    job = service.queue.submit(a_visitor(f"key:{key.id}"), a_photo(webhook=url))
    begun = service.queue.begin(job.id, job.workflow, "w")
    assert begun is not None
    assert service.queue.succeed(begun, "result.png")
    return key, job.id


def webhooks(service: Service, **changed: Any) -> Webhooks:
    settings = replace(service.settings, webhook_networks=(WEBHOOK_HOME, "::1/128"))
    return Webhooks(service.database, service.dispatch, settings, **changed)


def calls_waiting(service: Service) -> list[str]:
    """Workflows that are to call a webhook later."""
    client = DBOSClient(
        system_database_url=service.database.url,
        system_database_engine=service.database.engine,
        application_name="resilver",
    )
    found = [one.workflow_id for one in client.list_workflows(status="DELAYED")]
    client.destroy()
    return found


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_webhook_is_called_and_signed(service: Service, receiver: _Receiver) -> None:
    url = f"http://localhost:{receiver.server_port}/done?by=us"
    key, job_id = ended_job(service, url)
    webhooks(service).deliver(job_id, 1)
    ((headers, body),) = receiver.calls
    assert headers["Host"] == f"localhost:{receiver.server_port}"
    assert json.loads(body) == {"event": "restoration.ended", "id": job_id, "status": "succeeded"}
    secret = webhook_secret(service.database.fact("secret"), key.id)
    assert is_signed(secret, body, headers[HEADER])
    assert not is_signed(secret, body + b" ", headers[HEADER])
    assert not is_signed("0" * 64, body, headers[HEADER])
    assert calls_waiting(service) == []


@pytest.mark.parametrize("receiver", [2], indirect=True)
def test_a_webhook_waits_in_line_to_be_called_again_until_it_answers(
    service: Service, receiver: _Receiver
) -> None:
    _, job_id = ended_job(service, f"http://127.0.0.1:{receiver.server_port}/")
    job = find_job(service.database, job_id)
    assert job is not None
    again = webhooks(service, first_pause_s=60.0)
    again.deliver(job_id, 1)
    assert calls_waiting(service) == [webhook_of(job.workflow, 2)]
    again.deliver(job_id, 1)  # its worker died before it could say so
    assert len(calls_waiting(service)) == 1
    again.deliver(job_id, 3)
    assert len(receiver.calls) == 3
    assert len(calls_waiting(service)) == 1, "that was answered"


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
@pytest.mark.parametrize("receiver", [99], indirect=True)
def test_a_webhook_that_never_answers_is_given_up(service: Service, receiver: _Receiver) -> None:
    _, job_id = ended_job(service, f"http://127.0.0.1:{receiver.server_port}/")
    webhooks(service, first_pause_s=60.0).deliver(job_id, MOST_CALLS)
    assert len(receiver.calls) == 1
    assert calls_waiting(service) == []


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
@pytest.mark.parametrize("answer", [b"HTTP/1.1 204 No", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_never_ends_is_not_read(service: Service, answer: bytes) -> None:
    """Neither a head nor a body, byte by byte, holds a worker up."""
    ends = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)
            while not ends.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        _, job_id = ended_job(service, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        started = time.monotonic()
        webhooks(service, timeout_s=0.6).deliver(job_id, 1)
        took_s = time.monotonic() - started
        ends.set()
        thread.join()
    assert took_s < 5.0
    assert len(calls_waiting(service)) == (0 if answer.endswith(b"\r\n\r\n") else 1)


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_name_that_leads_inside_when_it_is_called_is_not_called(
    service: Service, receiver: _Receiver
) -> None:
    """It was public when it was checked; what counts is where it leads now."""
    _, job_id = ended_job(service, f"http://127.0.0.1:{receiver.server_port}/")
    settings = replace(service.settings, webhook_networks=())
    Webhooks(service.database, service.dispatch, settings).deliver(job_id, 1)
    assert receiver.calls == []


@pytest.mark.parametrize("receiver", [1], indirect=True)
def test_a_worker_calls_the_webhook_of_a_photo_until_it_answers(
    settings: Settings, receiver: _Receiver, tmp_path: Path
) -> None:
    service = Service(replace(settings, webhook_networks=(WEBHOOK_HOME,)), works=True)
    arrival = a_photo(webhook=f"http://127.0.0.1:{receiver.server_port}/")
    path = tmp_path / "sent.png"
    path.write_bytes(photo_bytes(tmp_path, 64, 80))
    service.storage.put(path, f"{arrival.id}/{arrival.photo}")
    job = service.queue.submit(a_visitor(), arrival)
    service.start()
    try:
        wait_until(lambda: len(receiver.calls) == 2, 60.0)
    finally:
        service.stop()
    for _headers, body in receiver.calls:
        assert json.loads(body)["id"] == job.id
        assert json.loads(body)["status"] == "succeeded"


def test_an_old_signature_is_none() -> None:
    assert is_signed("s", b"body", sign("s", b"body"))
    assert not is_signed("s", b"body", sign("s", b"body", 1_000_000_000))
