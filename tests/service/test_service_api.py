"""The API over real HTTP: a photo goes in, a restored one comes out, and only to its owner."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image
from running_services import (
    TOP_UP_SECRET,
    a_photo,
    a_visitor,
    databases,
    photo_bytes,
    served,
    served_idle,
    settings_in,
    wait_until,
)

from resilver.service.database import Database
from resilver.service.jobs import find_job
from resilver.service.keys import Keys
from resilver.service.running import Service
from resilver.service.settings import Settings
from resilver.service.signing import HEADER, sign

LONG_S = 90.0


@pytest.fixture
def client(server: str) -> Iterator[httpx.Client]:
    """Somebody at the machine itself."""
    with httpx.Client(base_url=server, timeout=LONG_S) as client:
        yield client


@pytest.fixture
def quiet(settings: Settings) -> Iterator[tuple[Settings, str]]:
    """A public server without a worker, on each kind of database, and its settings."""
    settings = replace(settings, public=True, proxy="127.0.0.1")
    with served(settings, works=False) as address:
        yield settings, address


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    values: dict[str, Any] = {}

    def over() -> bool:
        values.update(client.get(f"/v1/restorations/{job_id}").json())
        return values["status"] not in ("queued", "running")

    wait_until(over, LONG_S)
    return values


def send(client: httpx.Client, photo: bytes, **options: str) -> httpx.Response:
    return client.post("/v1/restorations", files={"photo": photo}, data=options)


def a_key(settings: Settings, **wanted: Any) -> tuple[str, dict[str, str]]:
    """(id, headers) of a new key."""
    database = Database(settings.database)
    quota = {"lane": "fast", "photos": None, "max_queued": 50, "max_megapixels": 1e3}
    key, text = Keys(database).create("anna", **{**quota, **wanted})
    database.close()
    return key.id, {"Authorization": f"Bearer {text}"}


def everything_in(settings: Settings) -> bytes:
    """All that a database holds: SQLite's whole file, else what stands in its tables."""
    file = settings.scratch.parent / "queue.sqlite"
    if file.exists():
        return file.read_bytes() + file.with_name("queue.sqlite-wal").read_bytes()
    database, tables = Database(settings.database), sa.MetaData()
    for schema in sa.inspect(database.engine).get_schema_names():
        if schema != "information_schema":
            tables.reflect(database.engine, schema=schema)
    with database.reading() as connection:
        rows = [row for table in tables.sorted_tables for row in connection.execute(table.select())]
    database.close()
    return repr(rows).encode()


def test_a_photo_is_restored_and_deleted(client: httpx.Client, photo: bytes) -> None:
    answer = send(client, photo, denoise="0.5", only="denoise")
    assert answer.status_code == 202, answer.text
    sent = answer.json()
    assert answer.headers["Location"] == f"/v1/restorations/{sent['id']}"
    assert sent["status"] in ("queued", "running")
    assert sent["photo"] == {"format": "png", "width": 80, "height": 64, "megapixels": 0.00512}
    done = ended(client, sent["id"])
    assert done["status"] == "succeeded"
    assert done["fraction"] == 1.0
    result = client.get(done["links"]["result"])
    assert result.headers["Content-Type"] == "image/png"
    assert result.headers["Content-Disposition"] == 'attachment; filename="restored.png"'
    assert Image.open(io.BytesIO(result.content)).size == (80, 64)
    assert result.content != photo
    report = client.get(done["links"]["report"]).json()
    assert [stage["stage"] for stage in report["stages"]] == ["denoise"]
    assert report["stages"][0]["strength"] == 0.5
    page = client.get(done["links"]["report"], params={"format": "html"})
    assert "<!doctype html>" in page.text
    assert "sandbox" in page.headers["Content-Security-Policy"]
    both = Image.open(io.BytesIO(client.get(done["links"]["comparison"]).content))
    assert both.size == (2 * 80 + 8, 64)
    assert client.delete(f"/v1/restorations/{sent['id']}").status_code == 204
    for link in (*done["links"].values(), answer.headers["Location"]):
        assert client.get(link).status_code == 404


def test_the_order_of_before_and_after_and_the_pixels_are_right(
    client: httpx.Client, photo: bytes
) -> None:
    done = ended(client, send(client, photo, repair="0", denoise="0").json()["id"])
    result = Image.open(io.BytesIO(client.get(done["links"]["result"]).content))
    before = np.asarray(Image.open(io.BytesIO(photo)))
    np.testing.assert_array_equal(np.asarray(result), before)
    both = np.asarray(Image.open(io.BytesIO(client.get(done["links"]["comparison"]).content)))
    assert abs(both[:, :80].astype(int) - before).mean() < 6
    assert both[:, 82:86].mean() > 240


def test_a_look_restores_nothing_and_its_photo_is_restored_afterwards(
    client: httpx.Client, tmp_path: Path
) -> None:
    photo = photo_bytes(tmp_path, 150, 200, suffix=".tif")
    looked = ended(client, send(client, photo, look="true", force="repair").json()["id"])
    assert (looked["status"], looked["looks"]) == ("succeeded", True)
    found = client.get(looked["links"]["diagnosis"]).json()
    assert found["size"] == {"height": 150, "width": 200}
    assert [finding["stage"] for finding in found["findings"]][:2] == ["repair", "denoise"]
    damage = Image.open(io.BytesIO(client.get(looked["links"]["damage"]).content))
    assert (damage.size, damage.mode) == ((200, 150), "1")
    shown = Image.open(io.BytesIO(client.get(looked["links"]["before"]).content))
    assert (shown.size, shown.format) == ((200, 150), "JPEG")
    for part in ("result", "report", "comparison", "after"):
        assert client.get(f"/v1/restorations/{looked['id']}/{part}").status_code == 409

    again = client.post("/v1/restorations", json={"of": looked["id"], "only": ["denoise"]})
    assert again.status_code == 202, again.text
    done = ended(client, again.json()["id"])
    assert (done["status"], done["looks"]) == ("succeeded", False)
    assert client.get(done["links"]["result"]).headers["Content-Type"] == "image/tiff"
    for part in ("before", "after"):
        picture = Image.open(io.BytesIO(client.get(done["links"][part]).content))
        assert (picture.size, picture.format) == ((200, 150), "JPEG")
    for part in ("diagnosis", "damage"):
        assert client.get(f"/v1/restorations/{done['id']}/{part}").status_code == 409


def test_a_photo_comes_in_one_way(client: httpx.Client, photo: bytes) -> None:
    job_id = send(client, photo, look="true").json()["id"]
    both = send(client, photo, of=job_id)
    neither = client.post("/v1/restorations", json={"only": ["denoise"]})
    for answer in (both, neither):
        assert answer.status_code == 422
        assert "send the photo, or the id" in answer.json()["detail"]
    unknown = client.post("/v1/restorations", files={"of": (None, "x" * 32)})
    assert unknown.status_code == 404


def test_the_damage_of_a_look_is_a_mask_that_can_be_sent_back(
    client: httpx.Client, photo: bytes
) -> None:
    files = {"photo": photo, "mask": _mask()}
    sent = client.post("/v1/restorations", files=files, data={"look": "true"}).json()
    looked = ended(client, sent["id"])
    damage = client.get(looked["links"]["damage"]).content
    painted = np.asarray(Image.open(io.BytesIO(_mask()))) > 127
    assert painted.any()
    assert np.asarray(Image.open(io.BytesIO(damage)))[painted].all()
    again = client.post(
        "/v1/restorations",
        files={"of": (None, looked["id"]), "mask": damage},
        data={"mask_mode": "replace", "only": "repair"},
    )
    done = ended(client, again.json()["id"])
    assert client.get(done["links"]["report"]).json()["damage_share"]["painted"] > 0.1


def test_json_does_as_a_form_does(client: httpx.Client, photo: bytes) -> None:
    body = {
        "photo": base64.b64encode(photo).decode("ascii"),
        "mask": base64.b64encode(_mask()).decode("ascii"),
        "mask_mode": "replace",
        "only": ["repair"],
        "ext": "jpg",
    }
    answer = client.post("/v1/restorations", json=body)
    assert answer.status_code == 202, answer.text
    done = ended(client, answer.json()["id"])
    assert done["status"] == "succeeded", done
    result = client.get(done["links"]["result"])
    assert result.headers["Content-Type"] == "image/jpeg"
    report = client.get(done["links"]["report"]).json()
    assert report["damage_share"]["painted"] == pytest.approx(10 * 80 / (64 * 80), abs=1e-6)
    form = client.post(
        "/v1/restorations",
        files={"photo": photo, "mask": _mask()},
        data={"mask_mode": "replace", "only": "repair", "ext": "jpg"},
    )
    assert ended(client, form.json()["id"])["status"] == "succeeded"


def _mask() -> bytes:
    levels = np.zeros((64, 80), np.uint8)
    levels[20:30] = 255
    out = io.BytesIO()
    Image.fromarray(levels).save(out, "PNG")
    return out.getvalue()


def test_events_tell_of_it_until_it_is_over(client: httpx.Client, photo: bytes) -> None:
    job_id = send(client, photo).json()["id"]
    told: list[dict[str, Any]] = []
    with client.stream("GET", f"/v1/restorations/{job_id}/events") as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        data = (line for line in stream.iter_lines() if line.startswith("data: "))
        told.extend(json.loads(line.removeprefix("data: ")) for line in data)
    assert told[-1]["status"] == "succeeded"
    assert {one["id"] for one in told} == {job_id}


def test_a_failure_says_why_and_nothing_of_the_file(client: httpx.Client, photo: bytes) -> None:
    truncated = photo[: len(photo) // 2]
    job_id = send(client, truncated).json()["id"]
    failed = ended(client, job_id)
    assert failed["status"] == "failed"
    assert failed["reason"] == "the PNG file is truncated or damaged"
    answer = client.get(f"/v1/restorations/{job_id}/result")
    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": "there is no result: it is failed"},
    )


def test_the_service_tells_how_it_fares(client: httpx.Client, photo: bytes) -> None:
    ended(client, send(client, photo).json()["id"])
    assert client.get("/healthz").json() == {"status": "ok"}
    for address in ("/healthz", "/readyz", "/"):
        assert client.head(address).status_code == client.get(address).status_code
    assert client.get("/readyz").json() == {"ready": True, "workers": 1}
    facts = client.get("/v1/queue").json()
    assert facts["workers"] == 1
    assert {"repair", "denoise", "file"} <= set(facts["costs"])
    assert {part["lane"] for part in facts["waiting"]} == {"free", "fast"}
    assert sum(part["photos"] for part in facts["finished"]) > 0
    text = client.get("/metrics").text
    assert re.search(r"^resilver_workers 1\.0$", text, re.MULTILINE)
    assert re.search(r'^resilver_jobs\{state="succeeded"\} [1-9]', text, re.MULTILINE)
    assert '"/v1/restorations/{job_id}"' in text, "routes, not paths"
    outside = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.5"})
    assert outside.status_code == 404


def test_what_browsers_are_told(client: httpx.Client) -> None:
    headers = client.get("/v1/queue", headers={"Origin": "https://elsewhere.example"}).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers
    assert "Server" not in headers


@pytest.mark.parametrize(
    ("public", "proxy", "taken"), [(True, None, 202), (False, "127.0.0.1", 401)]
)
def test_where_anybody_may_come_nobody_is_taken_to_be_from_here(
    tmp_path: Path, photo: bytes, public: bool, proxy: str | None, taken: int
) -> None:
    """A plain `proxy_pass` hides who comes through it: he would see what all have sent."""
    with (
        served_idle(tmp_path, public=public, proxy=proxy) as address,
        httpx.Client(base_url=address) as client,
    ):
        sent = client.post("/v1/restorations", files={"photo": photo})
        assert sent.status_code == taken
        assert client.get("/v1/restorations").status_code == 401
        about = client.get("/v1/about").json()
        assert (about["here"], about["needs_key"]) == (False, not public)
        assert not about["stays"]


def test_one_sees_ones_own_photos_only(quiet: tuple[Settings, str], photo: bytes) -> None:
    settings, address = quiet
    _, anna = a_key(settings)
    _, ben = a_key(settings)
    with httpx.Client(base_url=address) as client:
        sent = client.post("/v1/restorations", files={"photo": photo}, headers=anna).json()
        own = f"/v1/restorations/{sent['id']}"
        assert client.get(own, headers=anna).status_code == 200
        for stranger in (ben, {}, {"X-Forwarded-For": "203.0.113.5"}):
            for path in (own, f"{own}/result", f"{own}/report", f"{own}/events"):
                assert client.get(path, headers=stranger).status_code == 404
            assert client.delete(own, headers=stranger).status_code == 404
            assert client.post(f"{own}/cancel", headers=stranger).status_code == 404
        assert client.get("/v1/restorations", headers=ben).json()["restorations"] == []
        mine = client.get("/v1/restorations", headers=anna).json()["restorations"]
        assert [one["id"] for one in mine] == [sent["id"]]
        cancelled = client.post(f"{own}/cancel", headers=anna)
        assert cancelled.json()["status"] == "cancelled"
        assert client.post(f"{own}/cancel", headers=anna).status_code == 409


def test_a_guest_holds_his_photo_by_its_link(quiet: tuple[Settings, str], photo: bytes) -> None:
    settings, address = quiet
    guest = {"X-Forwarded-For": "203.0.113.5"}
    with httpx.Client(base_url=address) as client:
        sent = client.post("/v1/restorations", files={"photo": photo}, headers=guest).json()
        own = f"/v1/restorations/{sent['id']}"
        assert client.get(own, headers={"X-Forwarded-For": "198.51.100.9"}).status_code == 200
        assert client.get("/v1/restorations", headers=guest).status_code == 401
        content = everything_in(settings)
        assert sent["id"].encode() in content
        assert b"203.0.113.5" not in content, "his address is kept as what it hashes to"
        assert client.delete(own, headers=guest).status_code == 204
        assert not (Path(settings.storage) / sent["id"]).exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.5"},  # through a proxy that nobody told us of
        {"Host": "evil.example"},  # a name that was made to resolve to here
        {"Origin": "https://evil.example"},  # a page that sends a form here
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_without_a_key_one_must_be_at_the_machine(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    answer = client.get("/v1/restorations", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/v1/restorations").status_code == 200


def test_a_wrong_key_opens_nothing_even_here(client: httpx.Client) -> None:
    wrong = f"rsv_{'0' * 12}_{'A' * 43}"
    basic = base64.b64encode(f"me:{wrong}".encode()).decode("ascii")
    no_keys = ("Basic %%%", "Basic \xe9", "Bearer", "Digest a", "\xff")
    for header in (f"Bearer {wrong}", f"Basic {basic}", *no_keys):
        answer = client.get("/v1/restorations", headers={"Authorization": header.encode("latin-1")})
        assert answer.status_code == 401


def test_a_key_may_be_a_password(quiet: tuple[Settings, str]) -> None:
    settings, address = quiet
    _, anna = a_key(settings)
    text = anna["Authorization"].removeprefix("Bearer ")
    answer = httpx.get(f"{address}/v1/restorations", auth=("whoever", text))
    assert answer.status_code == 200


def test_quotas_and_the_same_request_twice(quiet: tuple[Settings, str], photo: bytes) -> None:
    settings, address = quiet
    _, anna = a_key(settings, max_queued=2)
    with httpx.Client(base_url=address, headers=anna) as client:

        def post(key: str, **options: str) -> httpx.Response:
            return client.post(
                "/v1/restorations",
                files={"photo": photo},
                data=options,
                headers={"Idempotency-Key": key},
            )

        first, again = post("1"), post("1")
        assert first.json()["id"] == again.json()["id"]
        assert (again.json()["place"], again.json()["lane"]) == (1, "fast")
        assert post("1", denoise="0.5").status_code == 409
        assert post("2").json()["place"] == 2
        full = post("3")
        assert full.status_code == 429
        assert int(full.headers["Retry-After"]) >= 1
        assert post("1").status_code == 202, "what was taken already is told all the same"
        folders = {path.name for path in Path(settings.storage).iterdir()}
        assert len(folders) == 2, "nothing of what was refused is kept"


def test_credits_are_topped_up_by_signed_messages(
    quiet: tuple[Settings, str], photo: bytes
) -> None:
    settings, address = quiet
    key_id, anna = a_key(settings, photos=0)
    with httpx.Client(base_url=address) as client:
        refused = client.post("/v1/restorations", files={"photo": photo}, headers=anna)
        assert (refused.status_code, refused.json()["detail"]) == (
            402,
            "this key has no credits left",
        )
        body = json.dumps({"event": "pay-1", "key": key_id, "photos": 2}).encode()

        def top_up(signature: str, content: bytes = body) -> httpx.Response:
            return client.post("/v1/credits", content=content, headers={HEADER: signature})

        good = sign(TOP_UP_SECRET, body)
        assert top_up(good).json() == {"key": key_id, "credits": 2}
        assert top_up(good).json()["credits"] == 2, "once for each event"
        more = json.dumps({"event": "pay-1", "key": key_id, "photos": 9}).encode()
        assert top_up(sign(TOP_UP_SECRET, more), more).status_code == 409
        for bad in (
            sign("another secret", body),
            sign(TOP_UP_SECRET, body, time.time() - 400),
            good[:-1],
            "",
            "t=1,v1=" + "0" * 64,
        ):
            assert top_up(bad).status_code == 401
        assert top_up(good, body.replace(b"2}", b"9}")).status_code == 401
        many = json.dumps({"event": "pay-2", "key": key_id, "photos": 0}).encode()
        assert top_up(sign(TOP_UP_SECRET, many), many).status_code == 422
        sent = client.post("/v1/restorations", files={"photo": photo}, headers=anna)
        assert sent.status_code == 202


def test_pages_of_a_list(quiet: tuple[Settings, str]) -> None:
    settings, address = quiet
    key_id, anna = a_key(settings)
    service = Service(settings, works=False)
    ids = [service.queue.submit(a_visitor(f"key:{key_id}"), a_photo()).id for _ in range(5)]
    service.dispatch.close()
    service.database.close()
    seen: list[str] = []
    after: str | None = None
    with httpx.Client(base_url=address, headers=anna) as client:
        for _ in range(3):
            params = {"limit": "2"} | ({} if after is None else {"after": after})
            page = client.get("/v1/restorations", params=params).json()
            seen += [one["id"] for one in page["restorations"]]
            after = page["next"]
        assert after is None
        assert client.get("/v1/restorations", params={"after": "%%%"}).status_code == 422
    assert seen == list(reversed(ids))


def test_what_expired_is_really_deleted(tmp_path: Path, photo: bytes) -> None:
    with databases("sqlite", tmp_path) as source, source.fresh(tmp_path) as url:
        settings = replace(settings_in(tmp_path, url), keep_s=1.0)
        with served(settings, works=False) as address, httpx.Client(base_url=address) as client:
            job_id = send(client, photo).json()["id"]
            service = Service(settings, works=False)
            job = find_job(service.database, job_id)
            assert job is not None
            running = service.queue.begin(job_id, job.workflow, "w")
            assert running is not None
            (tmp_path / "result").write_bytes(photo)
            service.storage.put(tmp_path / "result", running.file("result.png"))
            assert service.queue.succeed(running, "result.png")
            assert client.get(f"/v1/restorations/{job_id}/result").content == photo
            wait_until(
                lambda: client.get(f"/v1/restorations/{job_id}").json()["status"] == "expired",
                LONG_S,
            )
            assert client.get(f"/v1/restorations/{job_id}/result").status_code == 410
            assert list((tmp_path / "photos").iterdir()) == []
            service.dispatch.close()
            service.database.close()


def test_no_log_holds_a_name_an_id_or_a_photo(
    client: httpx.Client, photo: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    files = {"photo": ("grandmother-1931.png", photo[: len(photo) // 2], "image/png")}
    job_id = client.post("/v1/restorations", files=files).json()["id"]
    ended(client, job_id)
    client.delete(f"/v1/restorations/{job_id}")
    told = " ".join(record.getMessage() for record in caplog.records)
    assert "HTTP Request" in told, "something is listened to: httpx, in this very process"
    ours = [record for record in caplog.records if record.name not in ("httpx", "httpcore")]
    for record in ours:
        assert job_id not in record.getMessage()
        assert "grandmother" not in record.getMessage()
