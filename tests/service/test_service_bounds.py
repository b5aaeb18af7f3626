"""How much a request may have and how long it may take, whoever sends it."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from running_services import databases, hasty_settings_in, listening, served
from sqlalchemy.exc import OperationalError
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from one_at_a_time import one_at_a_time
from resilver.service import forecast
from resilver.service.forecast import Forecast
from resilver.service.settings import Limits, Settings
from resilver.service.web import serving, traffic
from resilver.service.web.app import create_app
from resilver.service.web.guard import Guard
from resilver.service.web.intake import request_of


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    """A server without a worker and with little patience, and its settings."""
    folder = tmp_path_factory.mktemp("bounds")
    with databases("sqlite", folder) as source, source.fresh(folder) as url:
        settings = hasty_settings_in(folder, url)
        with served(settings, works=False) as address:
            yield settings, address


def connected(address: str, timeout_s: float = 10.0) -> socket.socket:
    """A connection on which anything may be said."""
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=timeout_s)


def test_the_pictures_of_a_form_are_not_held_in_memory() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\n'
    pieces = [head % b"photo", *[bytes(500_000)] * 20, b"\r\n"]
    pieces += [head % b"mask", *[bytes(500_000)] * 20, b"\r\n--x--\r\n"]
    arriving = iter(pieces)

    async def receive() -> Message:
        piece = next(arriving, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    kind = (b"content-type", b"multipart/form-data; boundary=x")
    scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": [kind]}

    async def sizes() -> list[int]:
        request = Request(scope, receive)
        sent = await request_of(request)
        assert sent.photo is not None
        assert sent.mask is not None
        found = [file.seek(0, io.SEEK_END) for file in (sent.photo, sent.mask)]
        await request.close()
        return found

    tracemalloc.start()
    try:
        assert asyncio.run(sizes()) == [10_000_000, 10_000_000]
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()


def test_what_is_too_large_is_refused_by_its_claim_and_by_its_size(
    watched: tuple[Settings, str],
) -> None:
    _, address = watched
    claim = b"POST /v1/restorations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
    kind = b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    with connected(address) as connection:
        connection.sendall(claim + kind)
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]

    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield bytes(100_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        answer = httpx.post(f"{address}/v1/restorations", content=endless(), headers=headers)
    except httpx.TransportError:
        return  # the connection was closed while we still sent, which is an answer too
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("path", "kind", "megabytes"),
    [
        ("/v1/restorations", "Application/JSON", 1.5),
        ("/sdapi/v1/extra-single-image", "application/x+json", 1.5),
        ("/sdapi/v1/extra-single-image", "application/json", 1.5),
        ("/sdapi/v1/extra-single-image", "multipart/form-data; boundary=x", 1.5),
        ("/v1/credits", "multipart/form-data; boundary=x", 0.1),
    ],
)
def test_what_would_be_held_in_memory_may_be_less(
    watched: tuple[Settings, str], path: str, kind: str, megabytes: float
) -> None:
    """Only a form may have as much as a photo has."""
    settings, address = watched
    assert settings.limits.max_json_bytes < 1_500_000 < settings.limits.max_bytes
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {int(1e6 * megabytes)}\r\nResilver-Signature: t=1,v1=0\r\n\r\n"
    )
    with connected(address) as connection:
        connection.sendall(head.encode("ascii"))
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_what_a_question_claims_to_bring_is_bounded_too(watched: tuple[Settings, str]) -> None:
    _, address = watched
    with connected(address) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n"
        )
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


def test_what_all_hold_in_memory_is_bounded() -> None:
    """As long as one is answered, what he sent is held; the next one is told to come later."""

    async def statuses() -> list[int]:
        answering, read = asyncio.Event(), asyncio.Event()

        async def app(_scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive()).get("more_body", False):
                pass
            read.set()
            await answering.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        guard = Guard(app, replace(Limits(), held_bytes=2_000_000))

        async def asked(kind: str, size: int = 600_000) -> int:
            told: list[Message] = []

            async def receive() -> Message:
                return {"type": "http.request", "body": bytes(size), "more_body": False}

            async def send(message: Message) -> None:
                told.append(message)

            headers = [(b"content-type", kind.encode()), (b"content-length", str(size).encode())]
            scope: Scope = {
                "type": "http",
                "method": "POST",
                "path": "/v1/restorations",
                "headers": headers,
            }
            await guard(scope, receive, send)
            if told[0]["status"] == 503:
                assert (b"retry-after", b"10") in told[0]["headers"]
            return int(told[0]["status"])

        first = asyncio.create_task(asked("application/json"))
        await read.wait()
        form = asyncio.create_task(asked("multipart/form-data; boundary=x"))
        small = asyncio.create_task(asked("application/json", 100_000))
        refused = await asked("application/json")
        answering.set()
        return [await first, await form, await small, refused, await asked("application/json")]

    assert asyncio.run(statuses()) == [200, 200, 200, 503, 200]


@pytest.mark.parametrize("path", ["/v1/restorations", "/sdapi/v1/extra-batch-images"])
def test_nobody_who_is_refused_is_read(watched: tuple[Settings, str], path: str) -> None:
    """He has sent nothing but a header yet; the answer does not wait for the rest."""
    _, address = watched
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 900000\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n"
    )
    with connected(address) as connection:
        connection.sendall(head.encode("ascii"))
        assert b" 401 " in connection.recv(4096).split(b"\r\n")[0]


def test_half_a_request_after_a_whole_one_is_not_waited_for(
    watched: tuple[Settings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_HEADER_S", 1.5)
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connected(watched[1]) as connection:
        for _ in range(2):
            connection.sendall(whole)
            answer = b""
            while not answer.endswith(b"}"):  # head and body may come apart
                answer += connection.recv(4096)
            assert b" 200 " in answer
            time.sleep(0.8)  # slowly, but in time
        connection.sendall(whole[:20])
        assert hung_up_within(connection, 4.0)


def test_a_body_that_nobody_reads_is_not_waited_for(
    watched: tuple[Settings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is out long before the request is in."""
    monkeypatch.setattr(serving, "_HEADER_S", 0.5)
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    with connected(watched[1]) as connection:
        connection.sendall(head)
        assert b" 200 " in connection.recv(4096)
        assert hung_up_within(connection, 4.0)


def test_whoever_does_not_read_his_answer_is_hung_up_on(
    watched: tuple[Settings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_STALLED_S", 0.5)
    ended = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError  # the server starts without it

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            ended.set()

        listening_for = asyncio.create_task(gone())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not listening_for.done():
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
            await asyncio.sleep(0)

    with listening(endless, watched[0]) as address, connected(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        ends = time.monotonic() + 1.5
        while time.monotonic() < ends:  # who reads is sent more
            assert connection.recv(65_536)
        assert not ended.is_set()
        assert ended.wait(5.0)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(28, "No space left on device", "/photos/j4FzVKG/photo.png"), 503),
        (OperationalError("SELECT j4FzVKG", {}, Exception("gone")), 503),
        (RuntimeError("of j4FzVKG"), 500),
    ],
)
def test_what_fails_is_answered_and_logged_without_a_word_of_it(
    watched: tuple[Settings, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
) -> None:
    app = create_app(watched[0], works=False)

    def workers(_forecast: Forecast) -> int:
        raise error

    async def asked() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            with monkeypatch.context() as patched:
                patched.setattr(Forecast, "workers", workers)
                patched.setattr(traffic, "SQLAlchemyError", ())  # which that route expects
                answer = await client.get("/readyz")
            return answer, await client.get("/metrics")

    answer, metrics = asyncio.run(asked())
    app.state.service.dispatch.close()
    app.state.service.database.close()
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]
    assert ("retry-after" in answer.headers) == (status == 503)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert f'route="/readyz",status="{status}"}} 1.0' in metrics.text
    assert type(error).__name__ in caplog.text
    assert "in workers" in caplog.text  # where it was
    assert "j4FzVKG" not in caplog.text


def test_of_an_upload_that_is_broken_off_nothing_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken_off(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ClientDisconnect

    async def sent(message: Message) -> None:
        pytest.fail(f"nobody hears {message}")

    async def received() -> Message:
        return {"type": "http.disconnect"}

    scope: Scope = {"type": "http", "method": "POST", "path": "/v1/restorations", "headers": []}
    asyncio.run(Guard(broken_off, Limits())(scope, received, sent))
    assert caplog.text == ""


def hung_up_within(connection: socket.socket, seconds: float) -> bool:
    """Whether a server ends a connection on which a byte comes now and then."""
    ends = time.monotonic() + seconds
    connection.settimeout(0.2)
    while time.monotonic() < ends:
        try:
            if connection.recv(4096) == b"":
                return True
            connection.sendall(b"x")
        except TimeoutError:
            connection.sendall(b"x")
        except ConnectionError:
            return True
    return False


def test_the_queue_is_looked_at_for_one_at_a_time(
    watched: tuple[Settings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may ask; many at once do not make many look through the whole line."""
    monkeypatch.setattr(Forecast, "_traffic", one_at_a_time(Forecast._traffic, 0.05))
    monkeypatch.setattr(forecast, "_TOLD_AGAIN_S", 0.0)  # nothing is remembered
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(httpx.get, [f"{watched[1]}/v1/queue"] * 16))
    assert [answer.status_code for answer in answers] == [200] * 16


def test_words_that_are_no_method_make_no_rows_of_the_metrics(
    watched: tuple[Settings, str],
) -> None:
    for number in range(5):
        httpx.request(f"MADEUP{number}", f"{watched[1]}/healthz")
    text = httpx.get(f"{watched[1]}/metrics").text
    assert "MADEUP" not in text
    assert 'method="other"' in text


@pytest.mark.parametrize(
    ("path", "kind", "pause_s"),
    [
        ("/v1/restorations", "multipart/form-data; boundary=x", 10.0),
        ("/v1/restorations", "multipart/form-data; boundary=x", 0.3),
        ("/sdapi/v1/extra-single-image", "application/json", 0.3),
    ],
)
def test_whoever_sends_slowly_is_not_waited_for(
    watched: tuple[Settings, str], path: str, kind: str, pause_s: float
) -> None:
    """Neither with one long pause, nor drop by drop."""
    _, address = watched
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n"
        f"Content-Type: {kind}\r\n\r\n--x\r\n"
    )
    started = time.monotonic()
    with connected(address) as connection:
        connection.sendall(head.encode("ascii"))
        connection.settimeout(pause_s)
        answer = b""
        while not answer and time.monotonic() - started < 10.0:
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                connection.sendall(b"x")
    assert b" 408 " in answer.split(b"\r\n")[0], answer
    assert time.monotonic() - started < 6.0


def test_giant_headers_are_refused(watched: tuple[Settings, str]) -> None:
    _, address = watched
    try:
        answer = httpx.get(f"{address}/v1/queue", headers={"X-Large": "x" * 200_000})
    except httpx.TransportError:
        pass  # it hung up while we still sent, which is an answer too
    else:
        assert answer.status_code in (400, 431)
    assert httpx.get(f"{address}/healthz").status_code == 200, "and the next one is served"


@pytest.mark.parametrize("line", [b"GET", b"\x16\x03\x01\x02\0", b"\0" * 99])
def test_what_is_no_http_is_refused(watched: tuple[Settings, str], line: bytes) -> None:
    _, address = watched
    with connected(address, 15.0) as connection:
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096)[:12] in (b"", b"HTTP/1.1 400")
    assert httpx.get(f"{address}/healthz").status_code == 200
