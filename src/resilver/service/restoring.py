"""One try at one photo: fetched, restored, stored, and told as it goes on."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.errors import PhotoError, ResilverError
from resilver.options import Options
from resilver.photo import Photo
from resilver.pipeline import Pipeline
from resilver.reporting import to_html, to_json
from resilver.reporting.values import diagnosis_values, dumps
from resilver.service.costs import FILE, measured_costs, note_costs, paced
from resilver.service.database import Database
from resilver.service.jobs import (
    AFTER,
    BEFORE,
    COMPARISON,
    DAMAGE,
    DIAGNOSIS,
    REPORT_HTML,
    REPORT_JSON,
    Job,
    find_job,
)
from resilver.service.options import RestorationOptions
from resilver.service.queue import FAULT, TOO_LONG, Queue
from resilver.service.scratch import Scratch
from resilver.service.settings import Settings
from resilver.service.shares import Shares
from resilver.service.storage import Storage
from resilver.stages.draft import DAMAGE as DAMAGE_MARKS

LOG = logging.getLogger("resilver.service")
_TELL_EVERY_S = 0.5
_KEPT_PIPELINES = 3
_SHOWN_QUALITY = 88
SHOWN_PX = 2560  # longest side of what a browser shows
_GAP_PX = 8


_Tell = Callable[[str, float], None]  # (stage, share 0..1)
_Made = tuple[tuple[str, ...], dict[str, float]]  # files, the result first; seconds of each stage


@dataclass(frozen=True)
class _Task:
    """What one try has at hand."""

    job: Job
    options: RestorationOptions
    pipeline: Pipeline
    folder: Path  # scratch; the photo lies in it
    tell: _Tell


class _Stopped(Exception):
    """The photo is not wanted any more, or took too long, or its worker stops."""


class Restoring:
    """Restores the photos of jobs.

    Args:
        hurry: set when the worker must not wait for the end of a photo.
    """

    def __init__(
        self,
        database: Database,
        queue: Queue,
        storage: Storage,
        scratch: Scratch,
        settings: Settings,
        hurry: threading.Event,
    ) -> None:
        self._database = database
        self._queue = queue
        self._storage = storage
        self._scratch = scratch
        self._settings = settings
        self._hurry = hurry
        self._shares = Shares(settings.alone)
        self._pipelines: OrderedDict[str, Pipeline] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, job: Job) -> bool:
        """One try; True if another one makes sense."""
        started = time.monotonic()
        try:
            with self._shares.taken() as share:
                seconds = self._work(job, started)
        except _Stopped:
            self._discard(job)
            if self._hurry.is_set():
                self._queue.hand_back(job, orderly=True)
            elif self._too_long(started):
                self._queue.fail(job, TOO_LONG)
            return False
        except ResilverError as error:
            self._discard(job)
            self._queue.fail(job, reason_of(error))
            return False
        except Exception as error:
            # The kind and the place, not the words: they may quote a file or its name.
            LOG.exception("workflow %s: %s", job.workflow, type(error).__name__, exc_info=False)
            self._discard(job)
            if job.tries < self._settings.limits.max_tries:
                return self._queue.put_back(job)
            self._queue.fail(job, f"{FAULT} ({type(error).__name__})")
            return False
        seconds[FILE] = max(0.0, share.wall_s - sum(seconds.values()))
        of_wall = share.worker_s / max(share.wall_s, 1e-6)
        taken = {stage: of_wall * taken_s for stage, taken_s in seconds.items()}
        note_costs(self._database, job.megapixels, taken)
        return False

    def _work(self, job: Job, started: float) -> dict[str, float]:
        """All of one try; gives the seconds of each of its stages."""
        options = RestorationOptions.model_validate_json(job.options)
        tell = self._teller(job, started)
        for earlier in range(1, job.tries):  # a worker may have died when it had stored all of it
            self._storage.delete_some(job.folder, f"{earlier}-")
        with self._scratch.folder() as folder:
            self._storage.get(f"{job.folder}/{job.photo}", folder / job.photo)
            pipeline = self._pipeline(options, self._mask(job, folder))
            work = self._look if options.look else self._restore
            made, seconds = work(_Task(job, options, pipeline, folder, tell))
            for name in made:
                self._storage.put(folder / name, job.file(name))
        if not self._queue.succeed(job, made[0]):
            raise _Stopped
        return seconds

    def _restore(self, task: _Task) -> _Made:
        options, folder, done = task.options, task.folder, self._paced(task)
        # Not bound to a name: the pipeline lets go of the pixels as soon as it can.
        result, report = task.pipeline.restore(
            self._opened(folder / task.job.photo),
            lambda stage, share: task.tell(stage, 0.02 + 0.9 * done(share)),
        )
        task.tell("save", 0.92)
        name = f"result.{options.ext}" if options.ext else f"result{result.suffix}"
        result.save(folder / name)
        (folder / REPORT_JSON).write_text(to_json(report), "utf-8")
        (folder / REPORT_HTML).write_text(to_html(report), "utf-8")
        (folder / COMPARISON).write_bytes(side_by_side(report.before, report.after))
        (folder / AFTER).write_bytes(jpeg(result.preview(SHOWN_PX)))
        made = (name, REPORT_JSON, REPORT_HTML, COMPARISON, BEFORE, AFTER)
        return made, {
            options.piece(record.finding.stage): record.seconds for record in report.stages
        }

    def _look(self, task: _Task) -> _Made:
        folder, done = task.folder, self._paced(task)
        photo = self._opened(folder / task.job.photo)
        took: dict[str, float] = {}
        last = time.monotonic()

        def note(stage: str, share: float) -> None:
            nonlocal last
            now = time.monotonic()
            piece = task.options.piece(stage)
            took[piece] = took.get(piece, 0.0) + now - last
            last = now
            task.tell(piece, 0.02 + 0.9 * done(share))

        plan = task.pipeline.plan(photo, note)
        task.tell("save", 0.92)
        values = diagnosis_values(
            photo.size,
            photo.bit_depth,
            photo.grey,
            photo.format,
            [planned.finding for planned in plan.stages],
            plan.faces,
            plan.notices,
        )
        (folder / DIAGNOSIS).write_text(dumps(values), "utf-8")
        marks = np.zeros(photo.size, np.uint8) if plan.marks is None else plan.marks
        found = np.where(marks & np.uint8(DAMAGE_MARKS), np.uint8(255), np.uint8(0))
        # OpenCV itself does not tell of a full disk.
        _, picture = cv2.imencode(".png", found, [cv2.IMWRITE_PNG_BILEVEL, 1])
        (folder / DAMAGE).write_bytes(picture.tobytes())
        return (DIAGNOSIS, DAMAGE, BEFORE), took

    def _paced(self, task: _Task) -> Callable[[float], float]:
        pieces = [task.options.piece(stage.name) for stage in task.pipeline.stages]
        return paced(measured_costs(self._database), pieces, task.job.megapixels)

    def _opened(self, path: Path) -> Photo:
        """The photo; as it came is laid beside it for people to look at."""
        photo = Photo.open(path, max_megapixels=self._settings.limits.max_megapixels)
        (path.parent / BEFORE).write_bytes(jpeg(photo.preview(SHOWN_PX)))
        return photo

    def _mask(self, job: Job, folder: Path) -> NDArray[np.uint8] | None:
        if job.mask is None:
            return None
        path = folder / job.mask
        self._storage.get(f"{job.folder}/{job.mask}", path)
        return Photo.open(path, max_megapixels=self._settings.limits.max_megapixels).as_mask()

    def _pipeline(self, options: RestorationOptions, mask: NDArray[np.uint8] | None) -> Pipeline:
        most = self._settings.limits.max_megapixels
        asked: Options = options.for_pipeline(mask, self._settings.threads, most)
        if mask is not None:
            return Pipeline(asked)
        values = options.model_dump(exclude={"ext", "look"})  # a look needs the same networks
        key = json.dumps(values, sort_keys=True)
        with self._lock:  # networks are loaded once and kept
            if key not in self._pipelines:
                self._pipelines[key] = Pipeline(asked)
            self._pipelines.move_to_end(key)
            while len(self._pipelines) > _KEPT_PIPELINES:
                self._pipelines.popitem(last=False)
            return self._pipelines[key]

    def _teller(self, job: Job, started: float) -> _Tell:
        told = started

        def tell(stage: str, fraction: float) -> None:
            nonlocal told
            if self._hurry.is_set() or self._too_long(started):
                raise _Stopped
            if time.monotonic() - told >= _TELL_EVERY_S:
                told = time.monotonic()
                if not self._queue.advance(job, stage, fraction):
                    raise _Stopped

        return tell

    def _too_long(self, started: float) -> bool:
        return time.monotonic() - started > self._settings.limits.time_limit_s

    def _discard(self, job: Job) -> None:
        """Takes away what this try has stored already."""
        try:
            if find_job(self._database, job.id) is None:  # deleted meanwhile, so all of it
                self._storage.delete(job.folder)
            else:
                self._storage.delete_some(job.folder, f"{job.tries}-")
        except OSError as error:
            LOG.warning("workflow %s: %s in cleaning up", job.workflow, type(error).__name__)


def reason_of(error: ResilverError) -> str:
    """What is wrong, without the name of a file."""
    return error.reason if isinstance(error, PhotoError) else str(error)


def side_by_side(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bytes:
    """Before and after as one JPEG.

    Args:
        before: (h, w, 3).
        after: (h2, w2, 3), shown as large as `before`.
    """
    height, width = before.shape[:2]
    shown = cv2.resize(after, (width, height), interpolation=cv2.INTER_AREA)
    gap = np.full((height, _GAP_PX, 3), 255, np.uint8)
    return jpeg(np.concatenate([before, gap, np.asarray(shown, np.uint8)], axis=1))


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A picture (h, w, 3) as any browser shows it."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _SHOWN_QUALITY])
    return data.tobytes()
