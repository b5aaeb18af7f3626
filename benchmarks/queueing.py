"""Queueing: tens of thousands of photos in line, and how fast each is told its place.

python benchmarks/queueing.py [--postgres postgresql://USER@HOST/postgres] [--jobs N] [--write]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from skimage import data
from sqlalchemy import event

from arguments import note, parser, run
from processes import Fleet, fleet
from resilver.evaluate.tables import figure, markdown_table
from resilver.photo import Photo
from resilver.service.arrivals import Arrival, new_job_id
from resilver.service.keys import Visitor
from resilver.service.options import RestorationOptions
from resilver.service.running import Service
from resilver.service.settings import Settings

SENT = 200  # photos that are sent over HTTP; the rest go into the line directly
ASKED_S = 40.0  # how long places are asked for
SIDE_PX = 96
SEED = 20_261


@dataclass(frozen=True)
class Outcome:
    """One database under load."""

    name: str
    sent_a_second: tuple[float, float]  # photos, over HTTP: into an empty line, into a full one
    place_ms: list[float]  # of one question for place and wait, as a client sees it
    queue_ms: list[float]  # of one question for the whole queue
    memory_mb: tuple[float, float, float]  # of the server: empty, full, after all questions
    restored: int  # photos, by the worker, meanwhile


def measure(arguments: argparse.Namespace) -> str:
    databases = {"SQLite": None}
    if arguments.postgres:
        databases["PostgreSQL"] = arguments.postgres
    outcomes = [one(name, url, arguments.jobs) for name, url in databases.items()]
    rows = [
        [
            outcome.name,
            " / ".join(figure(value, 0) for value in outcome.sent_a_second),
            *(figure(value, 1) for value in np.percentile(outcome.place_ms, (50, 99))),
            figure(float(np.percentile(outcome.queue_ms, 50)), 1),
            " / ".join(figure(value, 0) for value in outcome.memory_mb),
            str(outcome.restored),
        ]
        for outcome in outcomes
    ]
    head = [
        "database", "sent a second: empty / full", "place and wait, median ms",
        "99th percentile ms", "whole queue, median ms", "server MB: empty / full / after",
        "restored meanwhile",
    ]  # fmt: skip
    return f"""## Queueing

{arguments.jobs} photos in line, of 500 people in two lanes; a server and one worker beside it on
this machine. {SENT} were sent over HTTP by one client, one after the other, each safe on the disk
before it was answered; the rest put in line by the service's own code without waiting for the disk.
Then {SENT} more were sent, while the worker restored others. Then one client asked for place and
wait of a photo, chosen at random, again and again for {ASKED_S:g} s, over HTTP, while the worker
restored photos of {SIDE_PX} x {SIDE_PX} pixels.

{markdown_table(head, rows)}"""


def one(name: str, database: str | None, jobs: int) -> Outcome:
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as place, fleet(database, Path(place) / "run") as running:
        photo = Path(place) / "photo.png"
        small = data.astronaut()[:SIDE_PX, 180 : 180 + SIDE_PX]
        Photo.from_array(np.ascontiguousarray(small)).save(photo)
        running.serve("--no-work")
        empty_mb = running.memory_mb("server")
        with httpx.Client(base_url=running.address, timeout=60.0) as client:
            content = photo.read_bytes()
            empty_s = send(client, content)
            note(f"{name}: {SENT} sent in {empty_s:.1f} s")
            started = time.perf_counter()
            ids = fill(running, photo, jobs - SENT, rng)
            filled_s = time.perf_counter() - started
            note(f"{name}: {len(ids)} queued in {filled_s:.0f} s")
            full_mb = running.memory_mb("server")
            running.work("worker")
            time.sleep(5.0)
            sent_s = send(client, content)
            note(f"{name}: {SENT} sent into the full line in {sent_s:.1f} s")
            before = restored(client)
            place_ms = timed(lambda: client.get(f"/v1/restorations/{rng.choice(ids)}"), ASKED_S)
            queue_ms = timed(lambda: client.get("/v1/queue"), ASKED_S / 8)
            memory = (empty_mb, full_mb, running.memory_mb("server"))
            done = restored(client) - before
    sent = (SENT / empty_s, SENT / sent_s)
    return Outcome(name, sent, place_ms, queue_ms, memory, done)


def send(client: httpx.Client, content: bytes) -> float:
    """Seconds until so many photos are sent."""
    started = time.perf_counter()
    for _ in range(SENT):
        client.post("/v1/restorations", files={"photo": content}).raise_for_status()
    return time.perf_counter() - started


def fill(running: Fleet, photo: Path, jobs: int, rng: random.Random) -> list[str]:
    settings = Settings(database=running.database, storage=str(running.folder / "photos"))
    service = Service(settings, works=False)
    if service.database.is_sqlite:
        event.listen(service.database.engine, "connect", hurry)
        service.database.engine.dispose()  # the next connections hurry
    options = RestorationOptions()
    ids: list[str] = []
    for _ in range(jobs):
        arrival = Arrival(
            id=new_job_id(),
            photo="photo.png",
            mask=None,
            format="png",
            size=(SIDE_PX, SIDE_PX),
            options=options.model_dump_json(),
            stages=options.work(),
            fingerprint="",
            idempotency=None,
            webhook=None,
        )
        folder = running.folder / "photos" / arrival.id
        folder.mkdir()
        (folder / arrival.photo).hardlink_to(photo)
        person = Visitor(f"guest:{rng.randrange(500)}", rng.choice(("free", "free", "fast")),
                         100_000, 1e9)  # fmt: skip
        ids.append(service.queue.submit(person, arrival).id)
    service.dispatch.close()
    service.database.close()
    return ids


def hurry(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def timed(ask: Callable[[], httpx.Response], seconds: float) -> list[float]:
    """Milliseconds of each of as many questions as there is time for, one after the other."""
    took: list[float] = []
    ends = time.perf_counter() + seconds
    while time.perf_counter() < ends:
        started = time.perf_counter()
        ask().raise_for_status()
        took.append(1000.0 * (time.perf_counter() - started))
    return took


def restored(client: httpx.Client) -> int:
    text = client.get("/metrics").text
    line = next(row for row in text.splitlines() if row.startswith('resilver_jobs{state="succ'))
    return int(float(line.split()[-1]))


if __name__ == "__main__":
    options = parser(__doc__ or "")
    options.add_argument("--postgres", metavar="URL", help="a PostgreSQL server, tried as well")
    options.add_argument("--jobs", type=int, default=40_000)
    run("queueing", options.parse_args(), measure)
