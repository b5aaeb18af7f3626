"""What became of a photo, to fetch: result, report, pictures, diagnosis."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from resilver.service.jobs import (
    AFTER,
    BEFORE,
    COMPARISON,
    DAMAGE,
    DIAGNOSIS,
    EXPIRED,
    REPORT_HTML,
    REPORT_JSON,
    SUCCEEDED,
    Job,
)
from resilver.service.refusal import Refusal
from resilver.service.web.models import problems
from resilver.service.web.visitors import Wanted, service_of

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
router = APIRouter(prefix="/v1/restorations", tags=["restorations"])


def _finished_job(job: Wanted) -> Job:
    if job.state == EXPIRED:
        raise Refusal(410, "it has expired and was deleted")
    if job.state != SUCCEEDED:
        raise Refusal(409, f"there is no result: it is {job.state}")
    return job


def _restored_job(job: Annotated[Job, Depends(_finished_job)]) -> Job:
    if job.looks:
        raise Refusal(409, "there is no result: it was only looked at")
    return job


def _looked_at_job(job: Annotated[Job, Depends(_finished_job)]) -> Job:
    if not job.looks:
        raise Refusal(409, "there is no diagnosis: it was restored; the report says what was found")
    return job


Finished = Annotated[Job, Depends(_finished_job)]
Restored = Annotated[Job, Depends(_restored_job)]
LookedAt = Annotated[Job, Depends(_looked_at_job)]


def _answers(words: str, kinds: dict[str, str], *refusals: int) -> dict[int | str, dict[str, Any]]:
    """What a route answers, for its documentation; `kinds`: media type -> type of its schema."""
    content = {kind: {"schema": {"type": type_}} for kind, type_ in kinds.items()}
    return {
        200: {"content": content, "description": words},
        **problems(401, 404, 409, 410, *refusals),
    }


def _pictures(words: str, *kinds: str) -> dict[int | str, dict[str, Any]]:
    answers = _answers(words, dict.fromkeys(kinds, "string"))
    for kind in kinds:
        answers[200]["content"][kind]["schema"]["format"] = "binary"
    return answers


@router.head("/{job_id}/result", include_in_schema=False)
@router.get(
    "/{job_id}/result",
    response_class=StreamingResponse,
    responses=_pictures(
        "The restored photo.",
        *sorted({kind for kind in MEDIA_TYPES.values() if kind.startswith("image/")}),
    ),
)
def result(request: Request, job: Restored) -> StreamingResponse:
    """The restored photo."""
    assert job.result is not None
    return _file(request, job, job.result, attachment=True)


@router.get(
    "/{job_id}/report",
    response_class=StreamingResponse,
    responses=_answers(
        "What was found, done and made up.",
        {"application/json": "object", "text/html": "string"},
        422,
    ),
)
def report(
    request: Request,
    job: Restored,
    form: Annotated[Literal["json", "html"], Query(alias="format")] = "json",
) -> StreamingResponse:
    """The report, for programs (json) or for people (html)."""
    return _file(request, job, REPORT_JSON if form == "json" else REPORT_HTML)


@router.get(
    "/{job_id}/comparison",
    response_class=StreamingResponse,
    responses=_pictures("Before and after, side by side.", "image/jpeg"),
)
def comparison(request: Request, job: Restored) -> StreamingResponse:
    """Before and after in one picture."""
    return _file(request, job, COMPARISON)


@router.get(
    "/{job_id}/before",
    response_class=StreamingResponse,
    responses=_pictures("The photo as it came.", "image/jpeg"),
)
def before(request: Request, job: Finished) -> StreamingResponse:
    """The photo as it came, upright and no larger than a screen, as any browser shows it."""
    return _file(request, job, BEFORE)


@router.get(
    "/{job_id}/after",
    response_class=StreamingResponse,
    responses=_pictures("The restored photo.", "image/jpeg"),
)
def after(request: Request, job: Restored) -> StreamingResponse:
    """The restored photo, no larger than a screen, as any browser shows it."""
    return _file(request, job, AFTER)


@router.get(
    "/{job_id}/diagnosis",
    response_class=StreamingResponse,
    responses=_answers("What each stage found, and the faces.", {"application/json": "object"}),
)
def diagnosis(request: Request, job: LookedAt) -> StreamingResponse:
    """What was found in a photo that was only looked at."""
    return _file(request, job, DIAGNOSIS)


@router.get(
    "/{job_id}/damage",
    response_class=StreamingResponse,
    responses=_pictures("The damage, white on black, of the photo's size.", "image/png"),
)
def damage(request: Request, job: LookedAt) -> StreamingResponse:
    """Where damage was found, as a mask that can be painted on and sent back."""
    return _file(request, job, DAMAGE)


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
