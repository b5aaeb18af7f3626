"""What stands before every request: limits while it arrives, strict headers when it is answered."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resilver.service.settings import Limits

_STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# What the API answers is data; nothing in it may load or run anything.
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

_PHOTOS = "/v1/restorations"
_NOTICE, _MOST_OF_A_NOTICE = "/v1/credits", 64_000  # signed, but read before that is known


class _Refused(HTTPException):
    """While a request is read: Starlette's kind, which FastAPI does not take for a fault in it."""

    def __init__(self, status: int, words: str) -> None:
        # The rest of the request is not waited for.
        super().__init__(status, words, {"Connection": "close"})


class Guard:
    """ASGI middleware: bounds requests in size and time, and keeps browsers strict by headers.

    A request is refused as soon as it says or shows that it is too large, before it is read.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False

        async def strictly(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = MutableHeaders(scope=message)
                for name, value in _STRICT.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", _POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, self._bounded(scope, receive), strictly)
        except _Refused as refusal:
            if answered:
                raise
            answer = JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
            await answer(scope, receive, strictly)

    def _most(self, path: str, content_type: str) -> int:
        """Bytes that a request may have."""
        kind = content_type.partition(";")[0].strip().lower()
        # Only there is a form laid down in files as it arrives; all else is held in memory.
        if path == _PHOTOS and kind == "multipart/form-data":
            return self._limits.max_bytes
        most = self._limits.max_json_bytes
        return min(most, _MOST_OF_A_NOTICE) if path == _NOTICE else most

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        limits, headers = self._limits, Headers(scope=scope)
        most = self._most(scope["path"], headers.get("content-type", ""))
        claimed = headers.get("content-length", "0")
        too_large = _Refused(413, f"a request has at most {most / 1e6:g} MB")
        ends = time.monotonic() + limits.upload_s
        seen, complete = 0, False

        async def bounded() -> Message:
            nonlocal seen, complete
            if complete:
                return await receive()
            if not claimed.isdigit() or int(claimed) > most:
                raise too_large
            patience = min(limits.idle_s, ends - time.monotonic())
            try:
                message = await asyncio.wait_for(receive(), max(0.0, patience))
            except TimeoutError as error:
                raise _Refused(408, "the request did not arrive in time") from error
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if seen > most:
                    raise too_large
            return message

        return bounded
