"""uvicorn, set up for the service: quiet about who asked for what, impatient with dawdlers."""

from __future__ import annotations

import asyncio

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from resilver.service.settings import Settings

_HEADER_S = 10.0  # from the connection, or an answer, to the end of the next request's header
_STALLED_S = 60.0  # longest time in which next to nothing of an answer is read
_HEADER_BYTES = 32_768
_CONNECTIONS = 2_000


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on whoever does not say what he wants, or does not listen.

    uvicorn waits for the first header for ever, for the rest of a later one, for a body that nobody
    reads since the answer is out, and for whoever does not read that; a few thousand such
    connections would be all it takes to keep everybody else out ("Slowloris").
    """

    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = self.loop.call_later(_HEADER_S, self._look)

    def on_response_complete(self) -> None:
        self._patience.cancel()
        self._patience = self.loop.call_later(_HEADER_S, self._look)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        # Closed in good order it would wait until the rest was read.
        self._stalled = self.loop.call_later(_STALLED_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._listens()
        super().resume_writing()

    def _listens(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.cancel()
        self._listens()
        super().connection_lost(exc)

    def _look(self) -> None:
        in_hand = self.cycle and not self.cycle.response_complete  # None before the first one
        if not in_hand and not self.transport.is_closing():
            self.transport.close()


def uvicorn_config(app: ASGIApp, settings: Settings, host: str, port: int) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=ImpatientProtocol,
        ws="none",
        log_level="warning",
        access_log=False,  # paths hold the ids of photos
        server_header=False,
        proxy_headers=settings.proxy is not None,
        forwarded_allow_ips=settings.proxy,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_HEADER_BYTES,
        timeout_graceful_shutdown=5,
    )
