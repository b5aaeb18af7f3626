"""`resilver serve` and `resilver worker`: the service as processes."""

from __future__ import annotations

import logging
import math
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network

from resilver.commands.screen import Screen
from resilver.errors import OptionError, ServiceError

try:
    from resilver.service.running import Service
    from resilver.service.settings import (
        FAST,
        FREE,
        Limits,
        Settings,
        default_database,
        default_storage,
    )
except ImportError as error:
    raise ServiceError(
        f"the service needs: pip install '.[serve]' in the checkout ({error.name})"
    ) from error

_NORMAL = 0
_LOOK_UP_EVERY_S = 0.5


def settings(
    *,
    database: str | None,
    storage: str | None,
    max_megapixels: float,
    webhook_networks: tuple[str, ...],
    slots: int,
    megapixels: float,
    threads: int | None,
    keep_h: float,
    public: bool = False,
    proxy: str | None = None,
    head_start_h: float = 6.0,
    max_mb: float = 200.0,
    queued_per_owner: int = 100,
    top_up_secret: str | None = None,
) -> Settings:
    """What was asked for, as the service takes it.

    Raises:
        OptionError: a network that is none, or a number that makes no sense.
    """
    for address in map(str.strip, (proxy or "").split(",")):
        if address not in ("", "*"):
            _check_network(address, "address like 127.0.0.1")
    for network in webhook_networks:
        _check_network(network, "network like 10.0.0.0/8")
    if not 0.0 < max_mb < math.inf:
        raise OptionError(f"a request has more than 0 megabytes, and an end: not {max_mb:g}")
    limits = replace(
        Limits(),
        max_bytes=int(max_mb * 1e6),
        max_json_bytes=min(Limits().max_json_bytes, int(max_mb * 1e6)),
        max_megapixels=max_megapixels,
        queued_per_owner=queued_per_owner,
    )
    where = database or default_database()
    return Settings(
        database=where,
        # Many workers ask one server; a file is asked by one or two, who can be quicker.
        poll_s=0.1 if where.startswith("sqlite") else 0.5,
        storage=storage or default_storage(),
        head_start_s={FREE: 0.0, FAST: head_start_h * 3600.0},
        limits=limits,
        keep_s=keep_h * 3600.0,
        slots=slots,
        megapixels=megapixels,
        threads=threads,
        public=public,
        proxy=proxy,
        top_up_secret=top_up_secret,
        webhook_networks=webhook_networks,
    )


def _check_network(text: str, kind: str) -> None:
    try:
        ip_network(text)
    except ValueError as error:
        raise OptionError(f"{text!r} is no {kind}") from error


def serve(settings: Settings, *, host: str, port: int, works: bool) -> int:
    """Answers requests until it is told to stop; returns the exit code."""
    import uvicorn  # noqa: PLC0415

    from resilver.service.web.app import create_app  # noqa: PLC0415
    from resilver.service.web.serving import uvicorn_config  # noqa: PLC0415

    _log()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                Screen().line(address_of(host, port), "answers at")

    server = Server(uvicorn_config(create_app(settings, works=works), settings, host, port))
    try:
        with suppress(KeyboardInterrupt):  # uvicorn has stopped orderly, and tells it on
            server.run()
    except SystemExit as error:  # it has said why
        raise ServiceError(f"it cannot answer at {host}, port {port}: try another") from error
    return _NORMAL if server.started else 1


def address_of(host: str, port: int) -> str:
    """The URL at which a browser on this machine finds the service.

    One that answers at all addresses of the machine is asked at its own, where no key is needed.
    """
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{own}]:{port}" if ":" in own else f"http://{own}:{port}"


def work(settings: Settings) -> int:
    """Restores photos until it is told to stop; returns the exit code."""
    _log()
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: told.set())
    service = Service(settings, works=True)
    service.start()
    logging.getLogger("resilver.service").info("this worker takes photos")
    # Python runs its handlers between two steps of this thread. A signal that comes between the
    # last step and the wait, or in another thread, does not end a wait without an end.
    while not told.wait(_LOOK_UP_EVERY_S):
        pass
    service.stop()
    return _NORMAL


def _log() -> None:
    """What goes to standard error: no names, no addresses of photos, no paths of requests."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    logging.getLogger("resilver.service").setLevel(logging.INFO)
