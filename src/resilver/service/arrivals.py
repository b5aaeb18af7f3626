"""Photos that have passed all checks, on their way into the line."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from resilver.service.jobs import QUEUED, UNSEEN, Job
from resilver.service.keys import Visitor
from resilver.service.lanes import priority_of, queue_of
from resilver.service.settings import FREE, Settings


@dataclass(frozen=True)
class Arrival:
    """A photo that has passed all checks and lies in the storage."""

    id: str  # of the job
    photo: str  # name in the job's folder
    mask: str | None
    format: str
    size: tuple[int, int]  # (height, width)
    options: str  # JSON
    stages: tuple[str, ...]  # wanted ones
    fingerprint: str  # SHA-256 of photo, mask and options
    idempotency: str | None
    webhook: str | None
    times_larger: int = 1  # the result is than the photo, along each side


def new_job_id(*, unseen: bool = False) -> str:
    """192 random bits: whoever has not been told it does not find it.

    Args:
        unseen: of a job for one answer only; `is_job_id` knows no such id.
    """
    return (UNSEEN if unseen else "") + secrets.token_urlsafe(24)


def is_job_id(text: str) -> bool:
    """Whether a text could be the id of a job that may be asked for."""
    return re.fullmatch(r"[A-Za-z0-9_-]{32}", text) is not None


def is_job_folder(name: str) -> bool:
    """Whether a folder of the storage could be a job's: what else lies there is somebody else's."""
    return is_job_id(name.removeprefix(UNSEEN))


def new_workflow() -> str:
    """The id by which DBOS knows a job; unlike the job's own it opens nothing."""
    return secrets.token_hex(16)


def job_of_arrival(arrival: Arrival, visitor: Visitor, settings: Settings, now: float) -> Job:
    """The job that a photo becomes.

    Args:
        now: seconds since 1970.
    """
    height, width = arrival.size
    megapixels = height * width / 1e6
    room = arrival.times_larger**2 * megapixels
    lane = visitor.lane if visitor.lane in settings.head_start_s else FREE
    return Job(
        id=arrival.id,
        workflow=new_workflow(),
        owner=visitor.owner,
        lane=lane,
        queue=queue_of(room, settings.limits.large_megapixels),
        state=QUEUED,
        reason=None,
        priority=priority_of(now, settings.head_start_s[lane]),
        submitted_s=now,
        started_s=None,
        finished_s=None,
        expires_s=None,
        format=arrival.format,
        width=width,
        height=height,
        megapixels=megapixels,
        room=room,
        options=arrival.options,
        stages=",".join(arrival.stages),
        photo=arrival.photo,
        mask=arrival.mask,
        result=None,
        tries=0,
        deaths=0,
        worker=None,
        stage=None,
        fraction=0.0,
        idempotency=arrival.idempotency,
        fingerprint=arrival.fingerprint,
        webhook=arrival.webhook,
        paid=False,
    )
