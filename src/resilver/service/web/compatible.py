"""The two calls by which programs of the field send photos: `/sdapi/v1/extra-...`.

They come from the "Extras" tab of AUTOMATIC1111's web interface, and many programs speak them. The
answer holds the picture itself, so a call lasts until it is restored; what has no place in a
restoration (an upscaler of a certain name, a factor other than 2 and 4) is not done, and
`html_info` says so.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

from anyio import CancelScope
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from resilver.service.jobs import SUCCEEDED, Job, find_job
from resilver.service.keys import Visitor
from resilver.service.queue import FAULT, GIVEN_UP
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.web.intake import Sent, take_in
from resilver.service.web.models import RestorationRequest, problems
from resilver.service.web.visitors import Who, service_of, visitor_of
from resilver.stages.upscale import FACTORS

_LOOK_EVERY_S = 0.2
_MOST_IN_A_BATCH = 50
_NO_UPSCALER = ("", "none")


class KnownFirst(APIRoute):
    """A route that knows who asks before it reads what he sends, the photos."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def known(request: Request) -> Response:
            await run_in_threadpool(visitor_of, request)
            return await answer(request)

        return known


router = APIRouter(prefix="/sdapi/v1", tags=["compatible"], route_class=KnownFirst)


class Extras(BaseModel):
    """What those programs send; what is not listed here is accepted and has no effect."""

    model_config = ConfigDict(extra="ignore")

    upscaling_resize: float = Field(
        2.0, description="How many times larger: 2 and 4 are done, others not; see html_info."
    )
    upscaler_1: str = Field(
        "None", max_length=200, description="None = as large as it is; others = resilver's own."
    )
    gfpgan_visibility: float = Field(
        0.0, ge=0.0, le=1.0, description="How much of the restored faces shows; 0 = none."
    )
    codeformer_visibility: float = Field(
        0.0, ge=0.0, le=1.0, description="The same; the larger of both counts."
    )

    def options(self) -> dict[str, object]:
        """As a restoration takes them."""
        visibility = max(self.gfpgan_visibility, self.codeformer_visibility)
        asked: dict[str, object] = {"ext": "png"}
        if self.can_enlarge:
            asked["upscale"] = int(self.upscaling_resize)
        if visibility == 0.0:
            return {**asked, "skip": ("faces",)}
        return {**asked, "fidelity": 1.0 - visibility}

    @property
    def wants_larger(self) -> bool:
        """Whether an upscaler is named, and something for it to do."""
        named = self.upscaler_1.strip().lower() not in _NO_UPSCALER
        return named and self.upscaling_resize != 1.0

    @property
    def can_enlarge(self) -> bool:
        """Whether what is wanted can be done."""
        return self.wants_larger and self.upscaling_resize in FACTORS


class SinglePhoto(Extras):
    """One photo."""

    image: str = Field(description="Base64, with or without a data URI before it.")


class NamedPhoto(BaseModel):
    """One of several."""

    data: str = Field(description="Base64, with or without a data URI before it.")
    name: str = Field("", description="Of no effect.")


class SeveralPhotos(Extras):
    """Several photos."""

    image_list: list[NamedPhoto] = Field(
        alias="imageList", min_length=1, max_length=_MOST_IN_A_BATCH
    )


class SingleAnswer(BaseModel):
    """The restored photo."""

    html_info: str
    image: str = Field(description="PNG in base64.")


class SeveralAnswers(BaseModel):
    """The restored photos, in the order they came."""

    html_info: str
    images: list[str]


@router.post(
    "/extra-single-image",
    response_model=SingleAnswer,
    responses=problems(401, 402, 408, 413, 415, 422, 429, 500, 503),
)
async def single(request: Request, visitor: Who, asked: SinglePhoto) -> StreamingResponse:
    """Restore one photo and wait for it."""
    jobs = await _restored(request, visitor, asked, [asked.image])
    return _answer(request, jobs, f'{{"html_info": {_info(asked)}, "image": "', '"}')


@router.post(
    "/extra-batch-images",
    response_model=SeveralAnswers,
    responses=problems(401, 402, 408, 413, 415, 422, 429, 500, 503),
)
async def batch(request: Request, visitor: Who, asked: SeveralPhotos) -> StreamingResponse:
    """Restore several photos and wait for all of them."""
    photos = [photo.data for photo in asked.image_list]
    jobs = await _restored(request, visitor, asked, photos)
    return _answer(request, jobs, f'{{"html_info": {_info(asked)}, "images": ["', '"]}')


def _info(asked: Extras) -> str:
    """What was done and what was not, as JSON has it."""
    words = "<p>Restored by resilver; every stage acts where it finds its defect.</p>"
    if asked.can_enlarge:
        words += "<p>Enlarged by resilver's own network, whatever upscaler was named.</p>"
    elif asked.wants_larger:
        words += f"<p>Not done: upscaling {asked.upscaling_resize:g} times.</p>"
    return json.dumps(words)


async def _restored(
    request: Request, visitor: Visitor, extras: Extras, photos: list[str]
) -> list[Job]:
    """The jobs of all photos, ended well; of one that did not, nothing is left of any."""
    service = service_of(request)
    jobs: list[Job] = []
    try:
        for photo in photos:
            asked = RestorationRequest.model_validate({"photo": photo, **extras.options()})
            jobs.append(
                await run_in_threadpool(
                    take_in, service, request.app.state.scratch, visitor, Sent(asked, unseen=True)
                )
            )
        return [await _waited_for(request, service, job) for job in jobs]
    except BaseException:
        for job in jobs:  # all or nothing: what was restored is not sent either
            await run_in_threadpool(service.queue.give_back, job)
        await _delete(service, jobs)
        raise


async def _waited_for(request: Request, service: Service, job: Job) -> Job:
    while True:
        current = await run_in_threadpool(find_job, service.database, job.id)
        if current is None:
            raise Refusal(500, "it was deleted")
        if current.state == SUCCEEDED and current.result is not None:
            return current
        if not current.active:
            reason = current.reason or f"it was {current.state}"
            raise Refusal(500 if reason.startswith((FAULT, GIVEN_UP)) else 422, reason)
        if await request.is_disconnected():
            raise Refusal(499, "nobody waits for it")
        await asyncio.sleep(_LOOK_EVERY_S)


def _answer(request: Request, jobs: list[Job], start: str, end: str) -> StreamingResponse:
    """The results between two pieces of JSON; never more than a part of one is in memory."""
    service = service_of(request)
    return StreamingResponse(_sent(service, jobs, start, end), media_type="application/json")


async def _sent(service: Service, jobs: list[Job], start: str, end: str) -> AsyncIterator[str]:
    try:
        yield start
        for number, job in enumerate(jobs):
            if number:
                yield '", "'
            assert job.result is not None  # it ended well
            pieces, left = service.storage.read(job.file(job.result)), b""
            while piece := await run_in_threadpool(next, pieces, b""):
                left += piece
                whole = len(left) // 3 * 3  # base64 takes three bytes at a time
                yield base64.b64encode(left[:whole]).decode("ascii")
                left = left[whole:]
            yield base64.b64encode(left).decode("ascii")
        yield end
    finally:  # these programs never come back for it
        with CancelScope(shield=True):  # also where nobody hears the answer to its end
            await _delete(service, jobs)


async def _delete(service: Service, jobs: list[Job]) -> None:
    for job in jobs:
        with suppress(OSError):  # the housekeeper deletes what could not be
            await run_in_threadpool(service.delete, job)
