"""What stands before every request: limits while it arrives, strict headers when it is answered."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resilver.service.settings import Limits

LOG = logging.getLogger("resilver.service")

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
_PATIENT = "/sdapi/"
_LATER_S = 10
_FAILED_LATER_S = 60  # a full disk, or a database that is gone, takes somebody to mend it
_NOTICE, _MOST_OF_A_NOTICE = "/v1/credits", 64_000  # signed, but read before that is known


class _Refused(HTTPException):
    """While a request is read: Starlette's kind, which FastAPI does not take for a fault in it."""

    def __init__(self, status: int, words: str, retry_after_s: int | None = None) -> None:
        # The rest of the request is not waited for.
        later = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        super().__init__(status, words, {"Connection": "close", **later})


@dataclass
class _Counted:
    """What one request holds in memory, bytes."""

    held: int = 0


def _failed(error: Exception) -> JSONResponse:
    """What is answered where the service fails: by its surroundings, or by a fault of its own."""
    if isinstance(error, OSError | SQLAlchemyError):
        words = "its disk or its database does not do what it should: try again later"
        return JSONResponse({"detail": words}, 503, {"Retry-After": str(_FAILED_LATER_S)})
    return JSONResponse({"detail": "a fault in resilver; its log says more"}, 500)


def _is_patient(scope: Scope) -> bool:
    """Whether a request is answered only when its photos are restored."""
    return scope["path"].startswith(_PATIENT)


class Guard:
    """ASGI middleware: bounds requests in size and time, and keeps browsers strict by headers.

    A request is refused as soon as it says or shows that it is too large, before it is read. What
    fails in answering it is answered too, and only its kind and place are logged: the words may
    hold the id of a photo, which is all that a guest needs to fetch it.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        # Bytes of all requests that are held in memory now; of those that are held until a photo is
        # restored, apart, since nobody else is to wait for that.
        self._held = dict.fromkeys((False, True), 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answered = False
        counted = _Counted()

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
            bounded = self._bounded(scope, receive, counted)

            async def heard() -> Message:
                # Once it is answered, all that may come is that nobody listens any more.
                return await (receive() if answered else bounded())

            await self._app(scope, heard, strictly)
        except _Refused as refusal:
            if answered:
                raise
            answer = JSONResponse({"detail": refusal.detail}, refusal.status_code, refusal.headers)
            await answer(scope, receive, strictly)
        except ClientDisconnect:
            pass  # nobody listens
        except Exception as error:
            places = "".join(traceback.format_tb(error.__traceback__)[-3:])
            LOG.error("an answer failed: %s\n%s", type(error).__name__, places)
            if not answered:
                await _failed(error)(scope, receive, strictly)
        finally:
            self._held[_is_patient(scope)] -= counted.held

    def _bounded(self, scope: Scope, receive: Receive, counted: _Counted) -> Receive:
        limits, headers = self._limits, Headers(scope=scope)
        # Only a form of photos is laid down in files as it arrives; all else is held in memory.
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        in_files = scope["path"] == _PHOTOS and kind == "multipart/form-data"
        most = limits.max_bytes if in_files else limits.max_json_bytes
        if scope["path"] == _NOTICE:
            most = min(most, _MOST_OF_A_NOTICE)
        claimed = headers.get("content-length", "0")
        too_large = _Refused(413, f"a request has at most {most / 1e6:g} MB")
        if not claimed.isdigit() or int(claimed) > most:
            raise too_large
        ends = time.monotonic() + limits.upload_s
        seen, complete = 0, False

        async def bounded() -> Message:
            nonlocal seen, complete
            if complete:
                return await receive()
            patience = min(limits.idle_s, ends - time.monotonic())
            try:
                message = await asyncio.wait_for(receive(), max(0.0, patience))
            except TimeoutError as error:
                raise _Refused(408, "the request did not arrive in time") from error
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                seen += size
                complete = not message.get("more_body", False)
                if seen > most:
                    raise too_large
                if not in_files and scope["path"] != _NOTICE:
                    patient = _is_patient(scope)
                    if self._held[patient] + size > limits.held_bytes // 2:
                        raise _Refused(
                            503,
                            "too much is being sent at once: try again, or send forms",
                            retry_after_s=_LATER_S,
                        )
                    self._held[patient] += size
                    counted.held += size
            return message

        return bounded
