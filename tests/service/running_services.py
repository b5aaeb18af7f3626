"""Services to test: on SQLite always, on PostgreSQL where RESILVER_TEST_POSTGRES names a server."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

pytest.importorskip("dbos", reason="the service needs the extra 'serve'")

import sqlalchemy as sa
import uvicorn
from starlette.types import ASGIApp

from making_photos import picture
from resilver.photo import Photo
from resilver.service.arrivals import Arrival, new_job_id
from resilver.service.database import Database
from resilver.service.dispatch import Dispatch
from resilver.service.keys import Visitor
from resilver.service.settings import Limits, Settings
from resilver.service.web.app import create_app
from resilver.service.web.serving import uvicorn_config

POSTGRES = "RESILVER_TEST_POSTGRES"  # postgresql://USER@HOST/NAME, allowed to make databases
WEBHOOK_HOME = "127.0.0.0/8"
TOP_UP_SECRET = "between the payment provider and us"


@dataclass(frozen=True)
class Databases:
    """Makes databases of one kind, as copies of one that has its tables already."""

    kind: str  # "sqlite" or "postgresql"
    template: str  # a file, or the name of a database

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """The URL of a database without a job."""
        if self.kind == "sqlite":
            shutil.copy(self.template, folder / "queue.sqlite")
            yield f"sqlite:///{folder / 'queue.sqlite'}"
            return
        with _postgres_database(self.template) as url:
            yield url


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Databases]:
    """A source of databases; skips where there is no server for them."""
    if kind == "sqlite":
        _make_tables(f"sqlite:///{folder / 'template.sqlite'}")
        yield Databases(kind, str(folder / "template.sqlite"))
        return
    if POSTGRES not in os.environ:
        pytest.skip(f"needs a PostgreSQL server; name one in {POSTGRES}")
    with _postgres_database("template1") as url:
        _make_tables(url)
        yield Databases(kind, str(sa.make_url(url).database))


@contextmanager
def _postgres_database(template: str) -> Iterator[str]:
    server = sa.make_url(os.environ[POSTGRES])
    name = f"resilver_{secrets.token_hex(6)}"
    admin = sa.create_engine(
        server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def _make_tables(url: str) -> None:
    database = Database(url)
    Dispatch(database).close()
    database.close()


def settings_in(folder: Path, database: str) -> Settings:
    """A service in a folder, impatient enough for tests."""
    return Settings(
        database=database,
        storage=str(folder / "photos"),
        scratch=folder / "scratch",
        lease_s=2.0,
        grace_s=20.0,
        poll_s=0.05,
        threads=1,
        top_up_secret=TOP_UP_SECRET,
        webhook_networks=(WEBHOOK_HOME,),
        limits=replace(Limits(), max_bytes=2_000_000, max_json_bytes=2_000_000, max_megapixels=9.0),
    )


def hasty_settings_in(folder: Path, database: str) -> Settings:
    """The same, with little patience and little room for what strangers send."""
    settings = settings_in(folder, database)
    limits = replace(settings.limits, idle_s=0.5, upload_s=2.0, max_json_bytes=1_000_000)
    return replace(settings, limits=limits)


@contextmanager
def served(settings: Settings, *, works: bool = True) -> Iterator[str]:
    """A real server at a free port; gives its address."""
    with listening(create_app(settings, works=works), settings) as address:
        yield address


@contextmanager
def listening(app: ASGIApp, settings: Settings) -> Iterator[str]:
    """Any application, served as the service is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn_config(app, settings, "127.0.0.1", port))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, 30.0)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def served_idle(folder: Path, *, public: bool = False, proxy: str | None = None) -> Iterator[str]:
    """A real server without a worker, on SQLite: whatever is sent stays in line."""
    with (
        databases("sqlite", folder) as source,
        source.fresh(folder) as url,
        served(
            replace(settings_in(folder, url), public=public, proxy=proxy), works=False
        ) as address,
    ):
        yield address


def photo_bytes(
    folder: Path, height: int = 64, width: int = 80, seed: int = 1, suffix: str = ".png"
) -> bytes:
    """A small photo as a file's content."""
    path = folder / f"made-{height}-{width}-{seed}{suffix}"
    if not path.exists():
        Photo.from_array(picture(height, width, seed)).save(path)
    return path.read_bytes()


def wait_until(met: Callable[[], object], seconds: float) -> None:
    """Waits for something to become true; fails if it does not."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.02)


def a_visitor(owner: str = "local", lane: str = "free", most: int = 100_000) -> Visitor:
    """Somebody who sends photos."""
    key = owner.removeprefix("key:") if owner.startswith("key:") else None
    return Visitor(owner, lane, most, 1e9, key)


def a_photo(
    size: tuple[int, int] = (1000, 2000),
    *,
    stages: tuple[str, ...] = ("repair", "denoise"),
    idempotency: str | None = None,
    fingerprint: str = "of the photo",
    webhook: str | None = None,
) -> Arrival:
    """A photo of 2 megapixels that has passed all checks."""
    return Arrival(
        id=new_job_id(),
        photo="photo.png",
        mask=None,
        format="png",
        size=size,
        options="{}",
        stages=stages,
        fingerprint=fingerprint,
        idempotency=idempotency,
        webhook=webhook,
    )
