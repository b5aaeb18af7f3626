"""Chaos: server and workers are killed at random while photos are sent and restored.

python benchmarks/chaos.py [--postgres postgresql://USER@HOST/postgres] [--write]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import sqlalchemy as sa
from skimage import data

from arguments import note, parser, run
from processes import Fleet, fleet, wait_until
from resilver.evaluate.tables import figure, markdown_table
from resilver.photo import Photo
from resilver.service.database import CREDITS, Database
from resilver.service.jobs import Job, count_jobs, find_job
from resilver.service.keys import Keys
from resilver.service.storage import Storage

SIDE_PX = 128
SEED = 20_262
SENDERS = 4
PAUSE_S = (1.5, 5.0)  # between two kills
APART = ("server", "worker-1", "worker-2")
TOGETHER = ("serve",)  # what a person without a fleet starts: a server that works as well
SPARE_CREDITS = 7  # so that one too many taken would be seen, as well as one too few
PATIENCE_S = 1500.0


@dataclass(frozen=True)
class Outcome:
    """What was left when the dust had settled."""

    name: str
    kills: dict[str, int]
    states: dict[str, int]
    one_result: int  # photos with exactly one result
    known: int  # photos whose sender was answered and that the service still knows
    credits: int  # left on the key
    ledger: int  # the same by the ledger
    tries: dict[int, int]  # tries -> photos
    seconds: float


def measure(arguments: argparse.Namespace) -> str:
    services = {"SQLite": (None, APART), "SQLite, one process": (None, TOGETHER)}
    if arguments.postgres:
        services["PostgreSQL"] = (arguments.postgres, APART)
    outcomes = [
        one(name, url, processes, arguments.jobs, arguments.kills)
        for name, (url, processes) in services.items()
    ]
    head = [
        "database", "killed", "states in the end", "still known", "with one result",
        "credits left", "by the ledger", "tries: photos", "seconds",
    ]  # fmt: skip
    rows = [
        [
            outcome.name,
            ", ".join(f"{name} {times}" for name, times in sorted(outcome.kills.items())),
            ", ".join(f"{count} {state}" for state, count in outcome.states.items() if count),
            str(outcome.known),
            str(outcome.one_result),
            str(outcome.credits),
            str(outcome.ledger),
            ", ".join(f"{tries}: {count}" for tries, count in sorted(outcome.tries.items())),
            figure(outcome.seconds, 0),
        ]
        for outcome in outcomes
    ]
    return f"""## Chaos

{arguments.jobs} photos of {SIDE_PX} x {SIDE_PX} pixels were sent over HTTP with a key of
{arguments.jobs + SPARE_CREDITS} credits, each with an idempotency key and again until it was
answered, while one of the server and two workers, or the one process that is both, was killed
(SIGKILL) every {PAUSE_S[0]:g} to {PAUSE_S[1]:g} s, {arguments.kills} times in all, and started
again. A photo that was restored costs one credit: {SPARE_CREDITS} should be left.

{markdown_table(head, rows)}"""


def one(name: str, url: str | None, processes: tuple[str, ...], jobs: int, kills: int) -> Outcome:
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as place, fleet(url, Path(place) / "run") as running:
        for process in processes:
            start(running, process)
        database = Database(running.database)
        key, text = Keys(database).create(
            "chaos", lane="fast", photos=jobs + SPARE_CREDITS, max_queued=jobs, max_megapixels=1e6
        )
        photo = Path(place) / "photo.png"
        small = data.astronaut()[:SIDE_PX, 160 : 160 + SIDE_PX]
        Photo.from_array(np.ascontiguousarray(small)).save(photo)
        ids: list[str] = []
        senders = [
            threading.Thread(
                target=send, args=(running, text, photo, range(first, jobs, SENDERS), ids)
            )
            for first in range(SENDERS)
        ]
        started = time.monotonic()
        for sender in senders:
            sender.start()
        killed: dict[str, int] = {}
        for number in range(kills):
            time.sleep(rng.uniform(*PAUSE_S))
            victim = rng.choice(processes)
            running.kill(victim)
            killed[victim] = killed.get(victim, 0) + 1
            start(running, victim)
            note(f"{name}: {number + 1} killed, {len(ids)} sent, {count_jobs(database)}")
        for sender in senders:
            sender.join()
        wait_until(lambda: not waiting(database), PATIENCE_S)
        seconds = time.monotonic() - started
        found = [find_job(database, one) for one in ids]
        known = [job for job in found if job is not None]
        storage = Storage(str(running.folder / "photos"))
        with database.reading() as connection:
            ledger = connection.execute(sa.select(sa.func.sum(CREDITS.c.photos))).scalar_one()
        left = next(one for one in Keys(database).list() if one.id == key.id).credits
        outcome = Outcome(
            name,
            killed,
            count_jobs(database),
            sum(has_one_result(storage, job, running.folder) for job in known),
            len(known),
            left or 0,
            int(ledger),
            {tries: [job.tries for job in known].count(tries) for tries in
             {job.tries for job in known}},
            seconds,
        )  # fmt: skip
        database.close()
    return outcome


def start(running: Fleet, process: str) -> None:
    if process == "serve":
        running.serve(name=process)
    elif process == "server":
        running.serve("--no-work")
    else:
        running.work(process)


def send(running: Fleet, key: str, photo: Path, numbers: range, ids: list[str]) -> None:
    """A client that is patient: every photo again until it is answered."""
    content = photo.read_bytes()
    for number in numbers:
        while True:
            try:
                answer = httpx.post(
                    f"{running.address}/v1/restorations",
                    files={"photo": content},
                    headers={"Authorization": f"Bearer {key}", "Idempotency-Key": str(number)},
                    timeout=10.0,
                )
            except httpx.HTTPError:
                time.sleep(0.2)
                continue
            if answer.status_code == 202:
                ids.append(answer.json()["id"])
                break
            time.sleep(0.2)


def waiting(database: Database) -> int:
    counted = count_jobs(database)
    return counted["queued"] + counted["running"]


def has_one_result(storage: Storage, job: Job, folder: Path) -> bool:
    """Whether the photo's folder holds one result, and all of it."""
    files = [path.name for path in (folder / "photos" / job.folder).iterdir()]
    results = [name for name in files if name.endswith("result.png")]
    return results == [f"{job.tries}-result.png"] and storage.size(f"{job.folder}/{results[0]}") > 0


if __name__ == "__main__":
    options = parser(__doc__ or "")
    options.add_argument("--postgres", metavar="URL", help="a PostgreSQL server, tried as well")
    options.add_argument("--jobs", type=int, default=500)
    options.add_argument("--kills", type=int, default=50)
    run("chaos", options.parse_args(), measure)
