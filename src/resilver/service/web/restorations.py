"""`/v1/restorations`: send a photo, follow it, fetch what became of it, delete it."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from resilver.service.jobs import (
    COMPARISON,
    EXPIRED,
    REPORT_HTML,
    REPORT_JSON,
    SUCCEEDED,
    Job,
    list_jobs,
)
from resilver.service.keys import Visitor
from resilver.service.refusal import Refusal
from resilver.service.web.events import events_of
from resilver.service.web.intake import receive_photo
from resilver.service.web.models import Page, Problem, Restoration, RestorationRequest
from resilver.service.web.visitors import is_guest, job_for, service_of, visitor_of

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".heic": "image/heic",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
}
# The report carries its own, stricter policy; here it gets a world of its own besides.
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
_MOST_ON_A_PAGE = 200


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for its documentation."""
    return {status: {"model": Problem} for status in statuses}


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
Who = Annotated[Visitor, Depends(visitor_of)]

router = APIRouter(prefix="/v1/restorations", tags=["restorations"])


def _wanted_job(request: Request, visitor: Who, job_id: str) -> Job:
    return job_for(request, visitor, job_id)


def _finished_job(job: Annotated[Job, Depends(_wanted_job)]) -> Job:
    if job.state == EXPIRED:
        raise Refusal(410, "it has expired and was deleted")
    if job.state != SUCCEEDED:
        raise Refusal(409, f"there is no result: it is {job.state}")
    return job


Wanted = Annotated[Job, Depends(_wanted_job)]
Finished = Annotated[Job, Depends(_finished_job)]


@router.post(
    "",
    status_code=202,
    response_model=Restoration,
    openapi_extra=_BODY,
    responses=problems(400, 401, 402, 408, 409, 413, 415, 422, 429),
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


@router.get(
    "/{job_id}/result",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in sorted(set(MEDIA_TYPES.values()))
                if kind.startswith("image/")
            },
            "description": "The restored photo.",
        },
        **problems(401, 404, 409, 410),
    },
)
def result(request: Request, job: Finished) -> StreamingResponse:
    """The restored photo."""
    assert job.result is not None
    return _file(request, job, job.result, attachment=True)


@router.get(
    "/{job_id}/report",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/html": {"schema": {"type": "string"}},
            },
            "description": "What was found, done and made up.",
        },
        **problems(401, 404, 409, 410, 422),
    },
)
def report(
    request: Request,
    job: Finished,
    form: Annotated[Literal["json", "html"], Query(alias="format")] = "json",
) -> StreamingResponse:
    """The report, for programs (json) or for people (html)."""
    return _file(request, job, REPORT_JSON if form == "json" else REPORT_HTML)


@router.get(
    "/{job_id}/comparison",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
            "description": "Before and after, side by side.",
        },
        **problems(401, 404, 409, 410),
    },
)
def comparison(request: Request, job: Finished) -> StreamingResponse:
    """Before and after in one picture."""
    return _file(request, job, COMPARISON)


def _file(request: Request, job: Job, name: str, *, attachment: bool = False) -> StreamingResponse:
    storage = service_of(request).storage
    key, suffix = job.file(name), f".{name.rpartition('.')[2]}"
    try:
        size = storage.size(key)
    except FileNotFoundError as error:  # deleted in this very moment
        raise Refusal(410, "it was deleted") from error
    headers = {"Content-Length": str(size)}
    if attachment:
        headers["Content-Disposition"] = f'attachment; filename="restored{suffix}"'
    if suffix == ".html":
        headers["Content-Security-Policy"] = _REPORT_POLICY
    return StreamingResponse(storage.read(key), media_type=MEDIA_TYPES[suffix], headers=headers)


def _cursor_text(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.submitted_s!r} {job.id}".encode()).decode("ascii")


def _cursor(text: str | None) -> tuple[float, str] | None:
    if text is None:
        return None
    try:
        moment, _, job_id = base64.urlsafe_b64decode(text).decode("ascii").partition(" ")
        return float(moment), job_id
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise Refusal(422, "after is not the `next` of a page") from error
