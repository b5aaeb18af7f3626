"""`/v1/queue` for everybody; `/healthz`, `/readyz` and `/metrics` for those who run the service."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resilver.service.jobs import count_jobs
from resilver.service.refusal import Refusal
from resilver.service.running import Service
from resilver.service.web.models import QueueFacts, Readiness, problems
from resilver.service.web.visitors import is_from_inside, service_of

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

router = APIRouter(tags=["service"])


@router.get("/v1/queue", response_model=QueueFacts)
def queue(request: Request) -> QueueFacts:
    """How long the queue is, how long one waits, what a photo costs."""
    return QueueFacts.of(service_of(request).forecast.traffic())


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
def readyz(request: Request, response: Response) -> Readiness:
    """Photos are taken, and somebody restores them."""
    try:
        workers = service_of(request).forecast.workers()
    except SQLAlchemyError:
        workers = 0
    response.status_code = 200 if workers else 503
    return Readiness(ready=workers > 0, workers=workers)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems(404)},
)
def metrics(request: Request) -> Response:
    """Prometheus metrics; for callers inside the house only."""
    if not is_from_inside(request):
        raise Refusal(404, "there is nothing here")
    return Response(generate_latest(request.app.state.registry), media_type=CONTENT_TYPE_LATEST)


class Counting:
    """ASGI middleware: counts answers by route and status; never by path, which holds ids."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._counter = Counter(
            "resilver_answers", "Answers", ("method", "route", "status"), registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                # A word that somebody made up does not make a new row.
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._counter.labels(method, route, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counted if scope["type"] == "http" else send)


class TrafficCollector(Collector):
    """The queue as gauges, read when they are asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[GaugeMetricFamily]:
        traffic = self._service.forecast.traffic()
        jobs = GaugeMetricFamily("resilver_jobs", "Restorations by state", labels=["state"])
        for state, number in count_jobs(self._service.database).items():
            jobs.add_metric([state], number)
        yield jobs
        families = {
            "photos": GaugeMetricFamily(
                "resilver_waiting_photos", "Photos in line", labels=["lane", "queue"]
            ),
            "megapixels": GaugeMetricFamily(
                "resilver_waiting_megapixels", "Megapixels in line", labels=["lane", "queue"]
            ),
            "oldest_s": GaugeMetricFamily(
                "resilver_waiting_oldest_seconds", "Longest wait", labels=["lane", "queue"]
            ),
        }
        for part in traffic.waiting:
            for name, family in families.items():
                family.add_metric([part.lane, part.queue], float(getattr(part, name)))
        yield from families.values()
        yield GaugeMetricFamily("resilver_workers", "Workers alive", value=traffic.workers)
        costs = GaugeMetricFamily(
            "resilver_stage_seconds_per_megapixel", "As measured", labels=["stage"]
        )
        for stage, cost in traffic.costs.items():
            costs.add_metric([stage], cost.megapixel_s)
        yield costs
