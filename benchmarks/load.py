"""Load: real photos of all sizes in two lanes; throughput, waits, and how far forecasts are off.

python benchmarks/load.py [--photos N] [--write]
"""

from __future__ import annotations

import argparse
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
_WARM = 6  # photos before anything is measured: networks are loaded, costs are learned
PATIENCE_S = 3600.0


@dataclass(frozen=True)
class Sent:
    """A photo that was sent, and what its sender was told."""

    id: str
    lane: str
    at_s: float  # seconds since 1970
    eta_s: float | None
    megapixels: float


def measure(arguments: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as place:
        photos = prepare(arguments.data, Path(place) / "photos", arguments.photos)
        megapixels = sum(size for _, size in photos)
        note(f"{len(photos)} photos, {megapixels:.1f} megapixels")
        bare_s = bare(photos)
        note(f"bare pipeline: {bare_s:.1f} s")
        with fleet(None, Path(place) / "run") as running:
            sent, done = served(running, photos)
    ends = {one["id"]: moment(one["finished_at"]) for one in done}
    begins = {one["id"]: moment(one["started_at"]) for one in done}
    served_s = max(ends.values()) - min(begins.values())
    errors = {
        lane: [off(one, ends) for one in sent if one.lane == lane and one.eta_s is not None]
        for lane in ("fast", "free")
    }
    rows = [
        [
            lane,
            str(len(errors[lane])),
            figure(float(np.median(waits(sent, begins, lane))), 0),
            figure(float(np.max(waits(sent, begins, lane))), 0),
            figure(100.0 * float(np.median(errors[lane])), 0),
            figure(100.0 * float(np.percentile(errors[lane], 90)), 0),
        ]
        for lane in ("fast", "free")
    ]
    head = ["lane", "photos", "wait, median s", "wait, longest s", "ETA off, median %",
            "ETA off, 90 % of photos, %"]  # fmt: skip
    both = [value for lane in errors.values() for value in lane]
    return f"""## Load

{len(photos)} photos ({megapixels:.1f} megapixels) of `old`, `aged` and `clean`, one in {_ONE_IN}
enlarged to 12 megapixels; all sent at once, every {_FAST_ONE_IN}th with a key of the fast lane. The
server, with its worker, and the sender ran on this machine. The bare pipeline (files opened,
restored, saved, one after the other, in this process) took {bare_s:.1f} s; the service
{served_s:.1f} s from the first photo begun to the last one finished:
**{100.0 * (bare_s / served_s - 1.0):+.1f} %** throughput. Before that {_WARM} photos were sent and
not counted. *ETA off*: between what was told when the photo was sent and when it was finished, as a
share of the latter; over both lanes {100.0 * float(np.median(both)):.0f} % at the median.

{markdown_table(head, rows)}"""


def prepare(suites: Path, folder: Path, most: int | None) -> list[tuple[Path, float]]:
    """Files to send, and their megapixels."""
    folder.mkdir()
    found = [
        path
        for suite, ends in (("old", ""), ("aged", "_aged"), ("clean", ""))
        for path in sorted((suites / suite).iterdir())
        if path.suffix in PICTURE_SUFFIXES and path.stem.endswith(ends)
    ]
    made: list[tuple[Path, float]] = []
    for number, index in enumerate(spread(len(found), most)):
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


def served(
    running: Fleet, photos: Sequence[tuple[Path, float]]
) -> tuple[list[Sent], list[dict[str, Any]]]:
    running.serve()
    database = Database(running.database)
    _, text = Keys(database).create(
        "load", lane="fast", photos=None, max_queued=10_000, max_megapixels=1e6
    )
    database.close()
    fast = {"Authorization": f"Bearer {text}"}
    with httpx.Client(base_url=running.address, timeout=60.0) as client:
        for path, _ in photos[:_WARM]:
            client.post("/v1/restorations", files={"photo": path.read_bytes()})
        wait_until(lambda: is_idle(client), PATIENCE_S)
        sent: list[Sent] = []
        for number, (path, megapixels) in enumerate(photos):
            lane = "fast" if number % _FAST_ONE_IN == 0 else "free"
            headers = fast if lane == "fast" else {}
            answer = client.post(
                "/v1/restorations", files={"photo": path.read_bytes()}, headers=headers
            )
            told = answer.raise_for_status().json()
            sent.append(Sent(told["id"], lane, time.time(), told["eta_s"], megapixels))
        wait_until(lambda: is_idle(client), PATIENCE_S)
        done = [
            client.get(
                f"/v1/restorations/{one.id}", headers=fast if one.lane == "fast" else {}
            ).json()
            for one in sent
        ]
    return sent, done


def is_idle(client: httpx.Client) -> bool:
    facts = client.get("/v1/queue").json()
    return not facts["waiting"] and facts["running"] == 0


def off(one: Sent, ends: dict[str, float]) -> float:
    assert one.eta_s is not None
    took = ends[one.id] - one.at_s
    return abs(one.eta_s - took) / took


def waits(sent: Sequence[Sent], begins: dict[str, float], lane: str) -> list[float]:
    return [begins[one.id] - one.at_s for one in sent if one.lane == lane]


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    run("load", parser(__doc__ or "").parse_args(), measure)
