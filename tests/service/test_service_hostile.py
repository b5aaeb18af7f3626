"""What hostile people send is answered with a clean refusal, and before it is decoded."""

from __future__ import annotations

import asyncio
import io
import socket
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image
from running_services import databases, served, settings_in
from starlette.requests import Request
from starlette.types import Message, Scope

from resilver.models.store import can_enlarge
from resilver.service.settings import Settings
from resilver.service.web import serving
from resilver.service.web.intake import request_of
from resilver.stages import STAGES


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, str]]:
    """A server without a worker and with little patience, and its settings."""
    folder = tmp_path_factory.mktemp("hostile")
    with databases("sqlite", folder) as source, source.fresh(folder) as url:
        settings = settings_in(folder, url)
        limits = replace(settings.limits, idle_s=0.5, upload_s=2.0, max_json_bytes=1_000_000)
        settings = replace(settings, limits=limits)
        with served(settings, works=False) as address:
            yield settings, address


def png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG that claims a size, whatever its data are."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data or bytes(1000), 9))
        + chunk(b"IEND", b"")
    )


def zip_bytes() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.png", bytes(1_000_000))
    return out.getvalue()


def animated_gif() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("L", (8, 8), level) for level in (0, 200)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 415, "the file is empty"),
        (b"hello", 415, "not an image"),
        (SVG, 415, "not an image"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>" + SVG, 415, "not an image"),
        (b"%PDF-1.7 ...", 415, "PDF"),
        (zip_bytes(), 415, "not an image"),
        (b"GIF89a", 415, "damaged"),
        (b"\x89PNG\r\n\x1a\n", 415, "damaged"),
        (b"\xff\xd8\xff", 415, "damaged"),
        (b"II*\0" + b"\xff" * 50, 415, "damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(40), 415, "damaged"),
        (b"FUJIFILMCCD-RAW" + bytes(60), 415, "damaged"),
        (b"\0\0\0\x18ftypisom" + bytes(40), 415, "video"),
        (png(60_000, 60_000), 413, "3600 megapixels are more than the 9"),
        (png(2_000_000_000, 2_000_000_000), 415, "damaged"),
        (png(0, 10), 415, "damaged"),
        (b"MZ" + bytes(100), 415, "not an image"),
        (b"#!/bin/sh\nrm -rf /\n", 415, "not an image"),
    ],
)
def test_what_is_no_photo_is_refused_by_its_header(
    watched: tuple[Settings, str], content: bytes, status: int, words: str
) -> None:
    settings, address = watched
    started = time.monotonic()
    answer = httpx.post(f"{address}/v1/restorations", files={"photo": ("a.png", content)})
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert time.monotonic() - started < 5.0
    assert list(Path(settings.storage).iterdir()) == [], "nothing of it is kept"


def test_a_small_photo_that_would_become_a_large_one_is_refused(
    watched: tuple[Settings, str],
) -> None:
    settings, address = watched
    photo = png(1000, 1000)
    files = {"photo": ("a.png", photo)}
    answer = httpx.post(f"{address}/v1/restorations", files=files, data={"upscale": "4"})
    if can_enlarge():
        assert answer.status_code == 413, answer.text
        assert "the result would have 16 megapixels, more than 9" in answer.json()["detail"]
    else:
        assert answer.status_code == 422, answer.text
        assert "no network here that enlarges" in answer.json()["detail"]
    assert list(Path(settings.storage).iterdir()) == [], "nothing of it is kept"


def test_a_polyglot_is_a_picture_and_is_answered_as_nothing_else(
    watched: tuple[Settings, str], photo: bytes
) -> None:
    """A PNG with a web page behind it: taken for what it is, and never sent back as a page."""
    settings, address = watched
    files = {"photo": ("page.html", photo + b"<script>alert(1)</script>", "text/html")}
    with httpx.Client(base_url=address) as client:
        sent = client.post("/v1/restorations", files=files).json()
        assert sent["photo"]["format"] == "png"
        stored = [path.name for path in (Path(settings.storage) / sent["id"]).iterdir()]
        assert stored == ["photo.png"]
        assert client.delete(f"/v1/restorations/{sent['id']}").status_code == 204


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "a\0b.png",
        "..\\..\\x.png",
        "x" * 300,
        "con.png",
        "\u202e",
    ],
)
def test_names_are_never_paths(watched: tuple[Settings, str], photo: bytes, name: str) -> None:
    settings, address = watched
    with httpx.Client(base_url=address) as client:
        answer = client.post("/v1/restorations", files={"photo": (name, photo)})
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["id"]
        assert [path.name for path in Path(settings.storage).rglob("*.png")] == ["photo.png"]
        assert client.delete(f"/v1/restorations/{job_id}").status_code == 204
    assert not list(settings.scratch.parent.parent.glob("**/passwd"))


@pytest.mark.parametrize(
    "job_id", ["..", "%2e%2e%2f%2e%2e", "a" * 5000, "%00", "' OR 1=1 --", "*", "..%5c..", "ü"]
)
def test_ids_are_never_paths_or_questions(watched: tuple[Settings, str], job_id: str) -> None:
    _, address = watched
    for end in ("", "/result", "/report", "/events"):
        answer = httpx.get(f"{address}/v1/restorations/{job_id}{end}")
        assert answer.status_code in (200, 404), answer.text
        if answer.status_code == 200:  # ".." was taken out of the path before it was sent
            assert job_id == ".."


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"repair": "2"}, 422),
        ({"repair": "nan"}, 422),
        ({"denoise": "-1"}, 422),
        ({"only": "everything"}, 422),
        ({"skip": ",".join(STAGES)}, 422),
        ({"fill": "../../x"}, 422),
        ({"mask_mode": "replace"}, 422),
        ({"ext": "exe"}, 422),
        ({"tile_px": "1"}, 422),
        ({"denoise_model": "/etc/passwd"}, 422),
        ({"webhook": "http://169.254.169.254/"}, 422),
        ({"colour_it_pink": "yes"}, 422),
        ({f"field{number}": "x" for number in range(60)}, 422),
        ({"fill": "x" * 70_000}, 422),
    ],
)
def test_options_that_are_none_are_refused(
    watched: tuple[Settings, str], photo: bytes, data: dict[str, str], status: int
) -> None:
    settings, address = watched
    answer = httpx.post(f"{address}/v1/restorations", files={"photo": photo}, data=data)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)
    assert list(Path(settings.storage).iterdir()) == []


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"photo": "%%%"}', "application/json", 422),
        (b'{"photo": 5}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"--x\r\n", "multipart/form-data; boundary=x", 422),
        (b"", "multipart/form-data", 422),
        (b"", "multipart/form-data; boundary=" + b"y".decode() * 500, 422),
        (b"photo=1", "application/x-www-form-urlencoded", 415),
        (b"<a/>", "text/xml", 415),
        (b"", "", 415),
    ],
)
def test_bodies_that_are_none_are_refused(
    watched: tuple[Settings, str], content: bytes, kind: str, status: int
) -> None:
    _, address = watched
    answer = httpx.post(
        f"{address}/v1/restorations", content=content, headers={"Content-Type": kind}
    )
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)


def test_two_photos_in_one_form_are_refused(watched: tuple[Settings, str], photo: bytes) -> None:
    _, address = watched
    files = [("photo", ("a.png", photo)), ("photo", ("b.png", photo))]
    assert httpx.post(f"{address}/v1/restorations", files=files).status_code == 422


def test_a_mask_of_another_size_is_refused(watched: tuple[Settings, str], photo: bytes) -> None:
    _, address = watched
    files = {"photo": photo, "mask": png(10, 10, bytes(10 * 31))}
    answer = httpx.post(f"{address}/v1/restorations", files=files)
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the mask is 10 x 10 pixels, the photo 80 x 64"


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
    host, port = address.removeprefix("http://").split(":")
    claim = b"POST /v1/restorations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
    kind = b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
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
    host, port = address.removeprefix("http://").split(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {int(1e6 * megabytes)}\r\nResilver-Signature: t=1,v1=0\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode("ascii"))
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize("path", ["/v1/restorations", "/sdapi/v1/extra-batch-images"])
def test_nobody_who_is_refused_is_read(watched: tuple[Settings, str], path: str) -> None:
    """He has sent nothing but a header yet; the answer does not wait for the rest."""
    _, address = watched
    host, port = address.removeprefix("http://").split(":")
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: 900000\r\nX-Forwarded-For: 203.0.113.5\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode("ascii"))
        assert b" 401 " in connection.recv(4096).split(b"\r\n")[0]


def test_half_a_request_after_a_whole_one_is_not_waited_for(
    watched: tuple[Settings, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_HEADER_S", 0.5)
    host, port = watched[1].removeprefix("http://").split(":")
    whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for _ in range(2):
            connection.sendall(whole)
            assert b" 200 " in connection.recv(4096)
            time.sleep(0.3)  # slowly, but in time
        connection.sendall(whole[:20])
        started = time.monotonic()
        assert connection.recv(4096) == b"", "hung up"
        assert time.monotonic() - started < 4.0


def test_words_that_are_no_method_make_no_rows_of_the_metrics(
    watched: tuple[Settings, str],
) -> None:
    for number in range(5):
        httpx.request(f"MADEUP{number}", f"{watched[1]}/healthz")
    text = httpx.get(f"{watched[1]}/metrics").text
    assert "MADEUP" not in text
    assert 'method="other"' in text


@pytest.mark.parametrize("pause_s", [10.0, 0.3])
def test_whoever_sends_slowly_is_not_waited_for(
    watched: tuple[Settings, str], pause_s: float
) -> None:
    """Neither with one long pause, nor drop by drop."""
    _, address = watched
    host, port = address.removeprefix("http://").split(":")
    head = (
        b"POST /v1/restorations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    started = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head)
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
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096)[:12] in (b"", b"HTTP/1.1 400")
    assert httpx.get(f"{address}/healthz").status_code == 200
