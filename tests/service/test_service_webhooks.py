"""Webhooks: signed, tried again, and never sent to a machine inside."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from running_services import WEBHOOK_HOME, a_photo, a_visitor

from resilver.service.keys import Key
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.signing import HEADER, is_signed, sign, webhook_secret
from resilver.service.webhooks import MOST_TRIES, Webhooks, check_webhook


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0.0.0.0", "10.0.0.5", "172.16.3.4", "192.168.1.1", "localhost"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "0x7f000001"),
        *("2130706433", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:10.0.0.1]"),
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
        *("https://[::1", "https://8.8.8.8/\r\nX: y", "https://8.8.8.8/" + "x" * 2000),
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


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
@pytest.mark.parametrize("receiver", [2], indirect=True)
def test_a_webhook_is_called_again_until_it_answers_and_is_signed(
    service: Service, receiver: _Receiver
) -> None:
    url = f"http://localhost:{receiver.server_port}/done?by=us"
    key, job_id = ended_job(service, url)
    settings = replace(service.settings, webhook_networks=(WEBHOOK_HOME, "::1/128"))
    Webhooks(service.database, settings, first_pause_s=0.01).deliver(job_id)
    assert len(receiver.calls) == 3
    headers, body = receiver.calls[-1]
    assert headers["Host"] == f"localhost:{receiver.server_port}"
    assert json.loads(body) == {"event": "restoration.ended", "id": job_id, "status": "succeeded"}
    secret = webhook_secret(service.database.fact("secret"), key.id)
    assert is_signed(secret, body, headers[HEADER])
    assert not is_signed(secret, body + b" ", headers[HEADER])
    assert not is_signed("0" * 64, body, headers[HEADER])


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
@pytest.mark.parametrize("receiver", [99], indirect=True)
def test_a_webhook_that_never_answers_is_given_up(service: Service, receiver: _Receiver) -> None:
    _, job_id = ended_job(service, f"http://127.0.0.1:{receiver.server_port}/")
    Webhooks(service.database, service.settings, first_pause_s=0.001).deliver(job_id)
    assert len(receiver.calls) == MOST_TRIES


@pytest.mark.parametrize("source", ["sqlite"], indirect=True)
def test_a_name_that_leads_inside_when_it_is_called_is_not_called(
    service: Service, receiver: _Receiver
) -> None:
    """It was public when it was checked; what counts is where it leads now."""
    _, job_id = ended_job(service, f"http://127.0.0.1:{receiver.server_port}/")
    settings = replace(service.settings, webhook_networks=())
    Webhooks(service.database, settings, first_pause_s=0.001).deliver(job_id)
    assert receiver.calls == []


def test_an_old_signature_is_none() -> None:
    assert is_signed("s", b"body", sign("s", b"body"))
    assert not is_signed("s", b"body", sign("s", b"body", 1_000_000_000))
