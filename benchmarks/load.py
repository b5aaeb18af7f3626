"""Load: real photos of all sizes in two lanes; throughput, waits, and how far forecasts are off.

python benchmarks/load.py [--photos N] [--write]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from arguments import note, parser, run
from processes import Fleet, fleet, wait_until
from resilver.evaluate.suites import PICTURE_SUFFIXES, spread
from resilver.evaluate.tables import figure, markdown_table
from resilver.options import Options
from resilver.photo import Photo
from resilver.pipeline import Pipeline
from resilver.service.database import Database
from resilver.service.keys import Keys

LARGE_PX = (3000, 4000)  # one photo in _ONE_IN is enlarged to this
_ONE_IN = 15
_FAST_ONE_IN = 4
_WARM = 60  # photos before anything is measured: networks are loaded, costs are learned
_AT_ONCE = 0.5  # share of the photos that is sent at once; the rest comes as they are restored
_ASK_EVERY_S = 10.0
PATIENCE_S = 3600.0
SEED = 20_265


@dataclass(frozen=True)
class Told:
    """What somebody who waits was told."""

    id: str
    at_s: float  # seconds since 1970
    eta_s: float


@dataclass(frozen=True)
class Sent:
    """A photo that was sent."""

    id: str
    lane: str
    at_s: float  # seconds since 1970


@dataclass(frozen=True)
class Load:
    """What was sent, what was told, and what became of it."""

    sent: list[Sent]
    at_sending: list[Told]
    while_waiting: list[Told]
    done: list[dict[str, Any]]


def measure(arguments: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as place:
        photos = prepare(arguments.data, Path(place) / "photos", arguments.photos)
        megapixels = sum(size for _, size in photos)
        note(f"{len(photos)} photos, {megapixels:.1f} megapixels")
        bare_s = bare(photos)
        note(f"bare pipeline: {bare_s:.1f} s")
        with fleet(None, Path(place) / "run") as running:
            load = served(running, photos, bare_s)
    ends = {one["id"]: moment(one["finished_at"]) for one in load.done}
    begins = {one["id"]: moment(one["started_at"]) for one in load.done}
    lane_of = {one.id: one.lane for one in load.sent}
    served_s = max(ends.values()) - min(begins.values())

    def row(name: str, lanes: tuple[str, ...]) -> list[str]:
        first = [off(told, ends) for told in load.at_sending if lane_of[told.id] in lanes]
        later = [off(told, ends) for told in load.while_waiting if lane_of[told.id] in lanes]
        waits = [begins[one.id] - one.at_s for one in load.sent if one.lane in lanes]
        return [
            name,
            str(len(waits)),
            figure(float(np.median(waits)), 0),
            figure(float(np.max(waits)), 0),
            *(figure(100.0 * float(np.percentile(first, share)), 0) for share in (50, 90)),
            *(figure(100.0 * float(np.percentile(later, share)), 0) for share in (50, 90)),
        ]

    head = ["lane", "photos", "wait, median s", "longest s", "ETA when sent: off, median %",
            "90 % of photos, %", "ETA while waiting: off, median %", "90 %"]  # fmt: skip
    rows = [row("fast", ("fast",)), row("free", ("free",)), row("both", ("fast", "free"))]
    return f"""## Load

{len(photos)} photos ({megapixels:.1f} megapixels) of `old`, `aged` and `clean`, in random order,
one in {_ONE_IN} enlarged to 12 megapixels; {100 * _AT_ONCE:.0f} % sent at once, the others one by
one while those were restored; every {_FAST_ONE_IN}th with a key of the fast lane. The server
(`resilver serve --threads 1`, which restores more at once for as many cores), with
its worker, and the sender ran on this machine. The bare pipeline (files opened, restored, saved,
one after the other, in this process) took {bare_s:.1f} s; the service {served_s:.1f} s from the
first photo begun to the last one finished: **{100.0 * (bare_s / served_s - 1.0):+.1f} %**
throughput. Before that {_WARM} of the photos were sent and not counted, from which the service
learned what photos cost. *Off*: between the time of finishing that was told and the true one, as a
share of the time from then on; told when the photo was sent, and again every {_ASK_EVERY_S:g} s to
some of those that still waited.

{markdown_table(head, rows)}"""


def prepare(suites: Path, folder: Path, most: int | None) -> list[tuple[Path, float]]:
    """Files to send, and their megapixels."""
    folder.mkdir()
    rng = random.Random(SEED)
    found = [
        path
        for suite, ends in (("old", ""), ("aged", "_aged"), ("clean", ""))
        for path in sorted((suites / suite).iterdir())
        if path.suffix in PICTURE_SUFFIXES and path.stem.endswith(ends)
    ]
    chosen = list(spread(len(found), most))
    rng.shuffle(chosen)
    made: list[tuple[Path, float]] = []
    for number, index in enumerate(chosen):
        photo = Photo.open(found[index])
        pixels = photo.pixels
        if number % _ONE_IN == _ONE_IN - 1:
            size = (LARGE_PX[1], LARGE_PX[0])
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
        path = folder / f"{number}.jpg"
        Photo.from_array(np.ascontiguousarray(pixels)).save(path)
        made.append((path, pixels.shape[0] * pixels.shape[1] / 1e6))
    return made


def bare(photos: Sequence[tuple[Path, float]]) -> float:
    pipeline = Pipeline(Options())
    pipeline.restore(Photo.open(photos[0][0]))  # networks are loaded
    started = time.perf_counter()
    for path, _ in photos:
        result, _report = pipeline.restore(Photo.open(path))
        result.save(path.with_suffix(".restored.jpg"))
    return time.perf_counter() - started


def served(running: Fleet, photos: Sequence[tuple[Path, float]], bare_s: float) -> Load:
    running.serve()
    database = Database(running.database)
    _, text = Keys(database).create(
        "load", lane="fast", photos=None, max_queued=10_000, max_megapixels=1e6
    )
    database.close()
    fast = {"Authorization": f"Bearer {text}"}
    rng = random.Random(SEED)
    with httpx.Client(base_url=running.address, timeout=60.0) as client:
        for index in spread(len(photos), _WARM):
            client.post("/v1/restorations", files={"photo": photos[index][0].read_bytes()})
        wait_until(lambda: is_idle(client), PATIENCE_S)
        load = Load([], [], [], [])
        at_once = int(_AT_ONCE * len(photos))
        began_s = asked_s = time.time()
        for number, (path, _) in enumerate(photos):
            if number >= at_once:
                due_s = began_s + bare_s * (number - at_once) / len(photos)
                time.sleep(max(0.0, due_s - time.time()))
            lane = "fast" if number % _FAST_ONE_IN == 0 else "free"
            headers = fast if lane == "fast" else {}
            answer = client.post(
                "/v1/restorations", files={"photo": path.read_bytes()}, headers=headers
            )
            told = answer.raise_for_status().json()
            now = time.time()
            load.sent.append(Sent(told["id"], lane, now))
            load.at_sending.append(Told(told["id"], now, told["eta_s"]))
            if now - asked_s > _ASK_EVERY_S:
                asked_s = now
                load.while_waiting.extend(asked(client, fast, rng.sample(load.sent, 10)))
        while not is_idle(client):
            time.sleep(_ASK_EVERY_S)
            load.while_waiting.extend(asked(client, fast, rng.sample(load.sent, 10)))
        for one in load.sent:
            headers = fast if one.lane == "fast" else {}
            load.done.append(client.get(f"/v1/restorations/{one.id}", headers=headers).json())
    return load


def asked(client: httpx.Client, fast: dict[str, str], some: Sequence[Sent]) -> list[Told]:
    """What those of them that still wait are told now."""
    told: list[Told] = []
    for one in some:
        headers = fast if one.lane == "fast" else {}
        job = client.get(f"/v1/restorations/{one.id}", headers=headers).json()
        if job["status"] == "queued":
            told.append(Told(one.id, time.time(), job["eta_s"]))
    return told


def is_idle(client: httpx.Client) -> bool:
    facts = client.get("/v1/queue").json()
    return facts["running"] == 0 and not any(part["photos"] for part in facts["waiting"])


def off(told: Told, ends: dict[str, float]) -> float:
    took_s = ends[told.id] - told.at_s
    return abs(told.eta_s - took_s) / took_s


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    run("load", parser(__doc__ or "").parse_args(), measure)
