"""What the API takes and answers; its OpenAPI document is made of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from resilver.service.forecast import Outlook, Traffic
from resilver.service.jobs import RUNNING, SUCCEEDED, Job
from resilver.service.options import RestorationOptions

_ONE_LINE = r"^[^\x00-\x1f\x7f]*$"  # without control characters, of which databases refuse some
LOOKED_AT = ("before", "diagnosis", "damage")
RESTORED = ("before", "after", "result", "report", "comparison")
Status = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]


class RestorationRequest(RestorationOptions):
    """A photo, and what to do with it."""

    photo: str | None = Field(None, description="The photo file in base64 (in a form: the file).")
    of: str | None = Field(
        None,
        max_length=100,
        description="Instead of a photo: the id of a restoration whose photo is taken once more.",
    )
    mask: str | None = Field(
        None,
        description="Damage painted by hand, in base64: white on black, of the photo's size.",
    )
    webhook: str | None = Field(
        None, max_length=2000, description="Called when it is over, whatever the outcome."
    )


class Problem(BaseModel):
    """Why something was not done."""

    detail: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for its documentation."""
    return {status: {"model": Problem} for status in statuses}


class PhotoFacts(BaseModel):
    """What the photo is."""

    format: str
    width: int
    height: int
    megapixels: float


class Restoration(BaseModel):
    """One photo and how far it has come."""

    id: str
    status: Status
    lane: str
    place: int | None = Field(description="In line: 1 is next. Null when it is not in line.")
    eta_s: float | None = Field(
        description="Seconds until it is finished. Null when it is over, or no worker is alive."
    )
    looks: bool = Field(description="Nothing is restored; it is only found out what would be done.")
    stage: str | None = Field(description="What is being done now.")
    fraction: float = Field(ge=0.0, le=1.0, description="How much of it is done.")
    reason: str | None = Field(description="Why it failed.")
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When photo and result are deleted.")
    photo: PhotoFacts
    links: dict[str, str]

    @classmethod
    def of(cls, job: Job, outlook: Outlook) -> Restoration:
        """A job as a person sees it."""
        own = f"/v1/restorations/{job.id}"
        links = {"self": own, "events": f"{own}/events"}
        if job.state == SUCCEEDED:
            links |= {part: f"{own}/{part}" for part in (LOOKED_AT if job.looks else RESTORED)}
        return cls.model_validate(
            {
                "id": job.id,
                "status": job.state,
                "lane": job.lane,
                "place": outlook.place,
                "eta_s": None if outlook.eta_s is None else round(outlook.eta_s, 1),
                "looks": job.looks,
                "stage": job.stage if job.state == RUNNING else None,
                "fraction": job.fraction,
                "reason": job.reason,
                "submitted_at": _moment(job.submitted_s),
                "started_at": _moment(job.started_s),
                "finished_at": _moment(job.finished_s),
                "expires_at": _moment(job.expires_s),
                "photo": {
                    "format": job.format,
                    "width": job.width,
                    "height": job.height,
                    "megapixels": round(job.megapixels, 6),
                },
                "links": links,
            }
        )


class Page(BaseModel):
    """Some restorations, the newest first."""

    restorations: list[Restoration]
    next: str | None = Field(description="Give it as `after` for the next page; null at the end.")


class WaitingPart(BaseModel):
    """One lane of one queue."""

    lane: str
    queue: str = Field(description="small or large photos, which wait apart")
    photos: int
    megapixels: float
    oldest_s: float = Field(description="How long the first of them has waited.")
    eta_s: float | None = Field(description="Until one that arrives now is begun.")


class LaneFinished(BaseModel):
    """What was restored for a lane in the last hour; a photo that was looked at does not count."""

    lane: str
    photos: int
    megapixels: float


class StageCost(BaseModel):
    """What a stage takes here and now, as measured."""

    photo_s: float = Field(description="Seconds for any photo.")
    megapixel_s: float = Field(description="Seconds for each of its megapixels.")


class QueueFacts(BaseModel):
    """The whole queue."""

    waiting: list[WaitingPart]
    running: int
    workers: int
    costs: dict[str, StageCost]
    finished: list[LaneFinished] = Field(description="In the last hour.")

    @classmethod
    def of(cls, traffic: Traffic) -> QueueFacts:
        return cls(
            waiting=[WaitingPart(**vars(part)) for part in traffic.waiting],
            running=traffic.running,
            workers=traffic.workers,
            finished=[LaneFinished(**vars(part)) for part in traffic.finished],
            costs={stage: StageCost(**vars(cost)) for stage, cost in traffic.costs.items()},
        )


class TopUp(BaseModel):
    """Photos that somebody has paid for."""

    model_config = ConfigDict(extra="forbid")

    event: str = Field(
        min_length=1,
        max_length=200,
        pattern=_ONE_LINE,
        description="Of the payment; the same one counts once.",
    )
    key: str = Field(pattern=r"^[0-9a-f]{12}$", description="Id of the API key.")
    photos: int = Field(ge=1, le=1_000_000)


class Credits(BaseModel):
    """What a key has left."""

    key: str
    credits: int


class About(BaseModel):
    """What a service does and takes."""

    version: str
    stages: list[str] = Field(description="In running order.")
    here: bool = Field(description="You are at the machine that answers.")
    stays: bool = Field(description="Your photo does not leave the machine that you are at.")
    needs_key: bool = Field(description="Without a key no photo is taken from you.")
    keep_s: float = Field(description="Photo and result are deleted so long after it is over.")
    max_megapixels: float
    max_bytes: int


class Readiness(BaseModel):
    """Whether photos are taken and restored."""

    ready: bool
    workers: int


def first_fault(faults: Sequence[Mapping[str, Any]]) -> str:
    """The first thing that pydantic did not like, without a word of what was sent."""
    place = ".".join(str(part)[:40] for part in faults[0]["loc"])
    return f"{place or 'the request'}: {str(faults[0]['msg'])[:200]}"


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
