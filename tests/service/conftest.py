"""Fixtures of the service's tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos", reason="the service needs the extra 'serve'")

from driving import DESK, OWN
from running_services import (
    Databases,
    databases,
    photo_bytes,
    served,
    served_idle,
    settings_in,
    wait_until,
)

from resilver.service.forecast import Forecast
from resilver.service.running import Service
from resilver.service.settings import Settings


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def source(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    """A source of databases, of each kind."""
    with databases(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


@pytest.fixture
def settings(source: Databases, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a new service, on each kind of database."""
    with source.fresh(tmp_path) as url:
        yield settings_in(tmp_path, url)


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    """A service without a worker."""
    made = Service(settings, works=False)
    made.forecast = Forecast(made.database, settings, keep_s=0.0)  # nothing is a second old
    yield made
    made.dispatch.close()
    made.database.close()


# Of one module only: its threads use `random`, which Hypothesis takes for a test that is not the
# same twice; by the next module's tests they are gone.
@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with a worker, on SQLite."""
    folder = tmp_path_factory.mktemp("server")
    settings = settings_in(folder, f"sqlite:///{folder / 'queue.sqlite'}")
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server without a worker: whatever is sent stays in line."""
    with served_idle(tmp_path_factory.mktemp("idle")) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser; the tests that ask for it are skipped where there is none."""
    from browsing import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page of a fresh browser."""
    from browsing import opened_page

    with opened_page(browser, OWN, viewport=DESK) as page:
        yield page


@pytest.fixture
def photo(tmp_path: Path) -> bytes:
    """A small photo as a file's content."""
    return photo_bytes(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def nothing_runs_on() -> Iterator[None]:
    """What a module started has ended with it (first to come, this is the last to go)."""
    before = set(threading.enumerate())
    yield
    wait_until(lambda: not set(threading.enumerate()) - before, 10.0)
