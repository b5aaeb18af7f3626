"""`/v1/restorations`: send a photo, follow it, fetch what became of it, delete it."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from resilver.service.arrivals import is_job_id
from resilver.service.jobs import Job, list_jobs
from resilver.service.refusal import Refusal
from resilver.service.web.events import events_of
from resilver.service.web.intake import receive_photo
from resilver.service.web.models import Page, Restoration, RestorationRequest, problems
from resilver.service.web.visitors import Wanted, Who, is_guest, job_for, service_of

_MOST_ON_A_PAGE = 200


def _request_schema(*, as_form: bool) -> dict[str, Any]:
    schema = RestorationRequest.model_json_schema()
    if as_form:
        for name in ("photo", "mask"):
            words = schema["properties"][name]["description"]
            schema["properties"][name] = {
                "type": "string",
                "format": "binary",
                "description": words,
            }
    return schema


_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _request_schema(as_form=True)},
            "application/json": {"schema": _request_schema(as_form=False)},
        },
    }
}
router = APIRouter(prefix="/v1/restorations", tags=["restorations"])


@router.post(
    "",
    status_code=202,
    response_model=Restoration,
    openapi_extra=_BODY,
    responses=problems(400, 401, 402, 404, 408, 409, 410, 413, 415, 422, 429, 503),
)
async def submit(
    request: Request,
    response: Response,
    visitor: Who,
    _idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="The same key gives the same restoration; 1 to 200 characters.",
        ),
    ] = None,
) -> Restoration:
    """Send a photo to be restored.

    It is checked by its content and its header, stored, and put in line.
    """
    service = service_of(request)
    job = await receive_photo(request, service, request.app.state.scratch, visitor)
    response.headers["Location"] = f"/v1/restorations/{job.id}"
    return await _seen(request, job)


async def _seen(request: Request, job: Job) -> Restoration:
    return Restoration.of(job, await run_in_threadpool(service_of(request).forecast.of, job))


@router.get("", response_model=Page, responses=problems(401, 422))
def list_restorations(
    request: Request,
    visitor: Who,
    limit: Annotated[int, Query(ge=1, le=_MOST_ON_A_PAGE)] = 50,
    after: Annotated[
        str | None, Query(max_length=200, description="`next` of the page before.")
    ] = None,
) -> Page:
    """Your restorations, the newest first."""
    if is_guest(visitor):  # an address may be shared by a whole village
        raise Refusal(401, "without a key there is no list; keep the link of each photo")
    service = service_of(request)
    jobs = list_jobs(service.database, visitor.owner, limit + 1, _cursor(after))
    more = len(jobs) > limit
    jobs = jobs[:limit]
    return Page(
        restorations=[Restoration.of(job, service.forecast.of(job)) for job in jobs],
        next=_cursor_text(jobs[-1]) if more else None,
    )


@router.get("/{job_id}", response_model=Restoration, responses=problems(401, 404))
def show(request: Request, job: Wanted) -> Restoration:
    """How far a restoration has come."""
    return Restoration.of(job, service_of(request).forecast.of(job))


@router.delete("/{job_id}", status_code=204, responses=problems(401, 404))
def delete(request: Request, job: Wanted) -> None:
    """Delete photo, result and report at once; what waits or runs is cancelled first."""
    service_of(request).delete(job)


@router.post("/{job_id}/cancel", response_model=Restoration, responses=problems(401, 404, 409))
def cancel(request: Request, visitor: Who, job: Wanted) -> Restoration:
    """Stop a restoration that waits or runs; photo and record stay until they expire."""
    service = service_of(request)
    if not service.queue.cancel(job):
        raise Refusal(409, "it is over already")
    job = job_for(request, visitor, job.id)
    return Restoration.of(job, service.forecast.of(job))


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "An event `restoration` with the same JSON whenever something changes.",
        },
        **problems(401, 404, 503),
    },
)
async def follow(request: Request, job: Wanted) -> StreamingResponse:
    """Follow a restoration by server-sent events, until it is over."""
    return events_of(request, service_of(request), job)


def _cursor_text(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.submitted_s!r} {job.id}".encode()).decode("ascii")


def _cursor(text: str | None) -> tuple[float, str] | None:
    if text is None:
        return None
    try:
        moment, _, job_id = base64.urlsafe_b64decode(text).decode("ascii").partition(" ")
        submitted_s = float(moment)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise Refusal(422, "after is not the `next` of a page") from error
    if not is_job_id(job_id) or not math.isfinite(submitted_s):
        raise Refusal(422, "after is not the `next` of a page")
    return submitted_s, job_id
