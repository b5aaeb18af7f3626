"""The HTTP API as an ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.scratch import Scratch
from resilver.service.settings import Settings
from resilver.service.web import compatible, files, restorations, studio, topping_up, traffic
from resilver.service.web.guard import Guard
from resilver.service.web.models import first_fault
from resilver.service.web.visitors import service_of
from resilver.version import __version__

LOG = logging.getLogger("resilver.service")
_TRY_AGAIN_S = 60.0
_LONGEST_PAUSE_S = 3600.0


def create_app(settings: Settings, *, works: bool = True) -> FastAPI:
    """The application.

    Args:
        settings: of the service.
        works: restore photos in this process as well; else some other process must.

    Raises:
        ServiceError: the database or the storage cannot be used.
    """
    service = Service(settings, works=works)
    registry = CollectorRegistry()
    registry.register(traffic.TrafficCollector(service))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        app.state.scratch = Scratch(settings.scratch)
        await run_in_threadpool(service.start)
        try:
            yield
        finally:
            await run_in_threadpool(service.stop)
            app.state.scratch.close()

    app = FastAPI(
        title="resilver",
        version=__version__,
        description="Brings old photographs back, and says honestly what it changed.",
        docs_url=None,  # both pages would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.state.registry = registry
    app.state.listeners = 0
    for part in (restorations, files, traffic, topping_up, compatible, studio):
        app.include_router(part.router)
    app.mount("/page", studio.page_files)
    _answer_plainly(app)
    app.add_middleware(Guard, limits=settings.limits)
    app.add_middleware(traffic.Counting, registry=registry)
    return app


def _answer_plainly(app: FastAPI) -> None:
    """Every refusal is {"detail": one sentence}."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        headers: dict[str, str] = {}
        if error.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if error.status in (429, 503):
            seconds = error.retry_after_s or await run_in_threadpool(_free_in_s, request)
            headers["Retry-After"] = str(round(min(max(seconds, 1.0), _LONGEST_PAUSE_S)))
        return JSONResponse({"detail": str(error)}, error.status, headers)

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return JSONResponse({"detail": first_fault(error.errors())}, 422)

    async def http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"detail": str(error.detail)}, error.status_code, error.headers)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _free_in_s(request: Request) -> float:
    """Until the visitor has room for another photo."""
    visitor = getattr(request.state, "visitor", None)
    if visitor is None:
        return _TRY_AGAIN_S
    return service_of(request).forecast.next_free_s(visitor.owner) or _TRY_AGAIN_S
