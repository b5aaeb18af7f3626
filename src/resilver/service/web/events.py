"""How one photo goes on, until it is over, as server-sent events (WHATWG HTML, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from resilver.service.jobs import QUEUED, Job, find_job
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.web.models import Restoration

_RUNNING_EVERY_S = 0.5
_QUEUED_EVERY_S = 2.0
_STILL_HERE_EVERY_S = 15.0  # a comment, so that proxies do not close a quiet connection


def events_of(request: Request, service: Service, job: Job) -> StreamingResponse:
    """Follows a job.

    Raises:
        Refusal: 503, too many are following already.
    """
    state = request.app.state
    if state.listeners >= service.settings.limits.listeners:
        raise Refusal(503, "too many are listening; ask for the status instead", retry_after_s=10)
    return StreamingResponse(
        _events(request, service, job),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},  # nginx would collect them first
    )


async def _events(request: Request, service: Service, job: Job) -> AsyncIterator[str]:
    state = request.app.state
    state.listeners += 1
    try:
        told, quiet_s = "", 0.0
        while True:
            current = await run_in_threadpool(find_job, service.database, job.id)
            if current is None:
                yield "event: deleted\ndata: {}\n\n"
                return
            outlook = await run_in_threadpool(service.forecast.of, current)
            text = Restoration.of(current, outlook).model_dump_json()
            if text != told:
                told, quiet_s = text, 0.0
                yield f"event: restoration\ndata: {text}\n\n"
            elif quiet_s >= _STILL_HERE_EVERY_S:
                quiet_s = 0.0
                yield ": still here\n\n"
            if not current.active:
                return
            pause_s = _QUEUED_EVERY_S if current.state == QUEUED else _RUNNING_EVERY_S
            await asyncio.sleep(pause_s)
            quiet_s += pause_s
    finally:
        state.listeners -= 1
