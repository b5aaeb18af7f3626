"""What hostile people send is answered with a clean refusal, and before it is decoded."""

from __future__ import annotations

import base64
import io
import json
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from PIL import Image
from running_services import TOP_UP_SECRET, Databases, hasty_settings_in, served
from starlette.requests import Request

from resilver.service.database import Database
from resilver.service.keys import Keys
from resilver.service.settings import Settings
from resilver.service.signing import HEADER, sign
from resilver.service.web.visitors import _hash_of
from resilver.stages import STAGES


@pytest.fixture(scope="module")
def watched(
    source: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, str]]:
    """A server without a worker, on each kind of database, and its settings."""
    folder = tmp_path_factory.mktemp("hostile")
    with source.fresh(folder) as url:
        settings = hasty_settings_in(folder, url)
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
    assert answer.status_code == 413, answer.text
    assert "the result would have 16 megapixels, more than 9" in answer.json()["detail"]
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
    "job_id",
    [
        *("..", "%2e%2e%2f%2e%2e", "a" * 5000, "%00", "%00" * 32, f"{'a' * 31}%0a"),
        *("' OR 1=1 --", "*", "..%5c..", "ü"),
    ],
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
        ({"only": " , "}, 422),
        ({"skip": ",".join(STAGES)}, 422),
        ({"fill": "../../x"}, 422),
        ({"fill": "\0"}, 422),
        ({"force": "repair\0"}, 422),
        ({"hints": "1,2,#ffffff\0"}, 422),
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


def test_a_result_that_its_format_does_not_hold_is_refused_at_once(
    watched: tuple[Settings, str], tmp_path: Path
) -> None:
    _, address = watched
    Image.new("RGB", (16_400, 2)).save(tmp_path / "wide.png")
    wide = (tmp_path / "wide.png").read_bytes()
    for data, size in (({"ext": "webp"}, 16_400), ({"ext": "jpg", "upscale": "4"}, 65_600)):
        answer = httpx.post(f"{address}/v1/restorations", files={"photo": wide}, data=data)
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"].endswith(f"pixels a side, not {size}")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"photo": "%%%"}', "application/json", 422),
        (b'{"photo": 5}', "application/json", 422),
        (b'{"of": "\\u0000"}', "application/json", 404),
        (b'{"of": "%s"}' % (b"\\u0000" * 32), "application/json", 404),
        (b'{"of": "\\ud800"}', "application/json", 422),
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


@pytest.mark.parametrize(
    "words", ["1.0 \0", "1.0 " + "\0" * 32, f"nan {'a' * 32}", f"1.0 {'a' * 31}\n", "", " "]
)
def test_a_page_after_nothing_is_refused(watched: tuple[Settings, str], words: str) -> None:
    _, address = watched
    after = base64.urlsafe_b64encode(words.encode("ascii")).decode("ascii")
    answer = httpx.get(f"{address}/v1/restorations", params={"after": after})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"] == "after is not the `next` of a page"


@pytest.fixture(scope="module")
def key(watched: tuple[Settings, str]) -> tuple[str, str]:
    """(id, text) of a key with credits."""
    database = Database(watched[0].database)
    made, text = Keys(database).create(
        "anna", lane="fast", photos=1, max_queued=50, max_megapixels=1e3
    )
    database.close()
    return made.id, text


@pytest.mark.parametrize(
    "webhook",
    [
        *("https://example.org/\0", "https://example.org/\x7f", "https://exa\nmple.org/"),
        *("https://example.org:99999/", "https://[::1", "https://example.org/\u2028", "\0"),
    ],
)
def test_webhooks_that_nobody_could_call_are_refused(
    watched: tuple[Settings, str], key: tuple[str, str], photo: bytes, webhook: str
) -> None:
    settings, address = watched
    answer = httpx.post(
        f"{address}/v1/restorations",
        json={"photo": base64.b64encode(photo).decode("ascii"), "webhook": webhook},
        headers={"Authorization": f"Bearer {key[1]}"},
    )
    assert answer.status_code == 422, answer.text
    assert "webhook" in answer.json()["detail"]
    assert list(Path(settings.storage).iterdir()) == []


@pytest.mark.parametrize("idempotency", [b"\x80", b"a\xa0b", b"a\tb", b"x" * 201])
def test_idempotency_keys_that_are_none_are_refused(
    watched: tuple[Settings, str], photo: bytes, idempotency: bytes
) -> None:
    settings, address = watched
    answer = httpx.post(
        f"{address}/v1/restorations",
        files={"photo": photo},
        headers={b"Idempotency-Key": idempotency},
    )
    assert answer.status_code == 422, answer.text
    assert list(Path(settings.storage).iterdir()) == []


@pytest.mark.parametrize("event", ["\0", "a\nb", "\x7f", "", "x" * 201])
def test_events_that_are_none_add_nothing(
    watched: tuple[Settings, str], key: tuple[str, str], event: str
) -> None:
    body = json.dumps({"event": event, "key": key[0], "photos": 1}).encode()
    answer = httpx.post(
        f"{watched[1]}/v1/credits", content=body, headers={HEADER: sign(TOP_UP_SECRET, body)}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"].startswith("event: ")


def test_a_form_in_no_writing_is_refused(watched: tuple[Settings, str]) -> None:
    _, address = watched
    kind = "multipart/form-data; boundary=x; charset=undefined"
    body = b'--x\r\nContent-Disposition: form-data; name="look"\r\n\r\ntrue\r\n--x--\r\n'
    answer = httpx.post(
        f"{address}/v1/restorations", content=body, headers={"Content-Type": kind}, timeout=30
    )
    assert answer.status_code == 422


def test_addresses_in_the_clothes_of_ipv6_are_people_of_their_own() -> None:
    def hashed(host: str) -> str:
        request = Request({"type": "http", "client": (host, 1), "headers": []})
        secret = SimpleNamespace(database=SimpleNamespace(fact=lambda _name: "00" * 8))
        return _hash_of(request, secret)  # type: ignore[arg-type]

    assert hashed("::ffff:1.2.3.4") == hashed("1.2.3.4") != hashed("::ffff:99.8.7.6")
    assert hashed("2001:db8::1") == hashed("2001:db8::2") != hashed("2001:db8:0:1::1")
