"""The service as real processes, for the benchmarks of the queue."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket

import httpx
import sqlalchemy as sa

from resilver.errors import ServiceError

_PATIENCE_S = 60.0


@dataclass
class Fleet:
    """A server and workers on this machine, sharing a database and a folder."""

    database: str
    folder: Path
    port: int
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, *options: str, name: str = "server") -> None:
        """Starts the server, and waits until it answers."""
        self._start(name, "serve", "--port", str(self.port), *options)
        wait_until(self.answers)

    def work(self, name: str, *options: str) -> None:
        self._start(name, "worker", *options)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", timeout=1.0).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self, name: str) -> None:
        """As a power cut would."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait()
        self.running.clear()

    def memory_mb(self, name: str) -> float:
        """Resident memory of a process, MB."""
        status = Path(f"/proc/{self.running[name].pid}/status").read_text("ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024 / 1e6

    def _start(self, name: str, *command: str) -> None:
        log = (self.folder / "log").open("ab")
        self.running[name] = subprocess.Popen(
            [sys.executable, "-m", "resilver", *command, "--database", self.database,
             "--storage", str(self.folder / "photos"), "--threads", "1"],
            stdout=log, stderr=log,
        )  # fmt: skip
        log.close()


@contextmanager
def fleet(database: str | None, folder: Path) -> Iterator[Fleet]:
    """Processes to be started; all are stopped at the end.

    Args:
        database: of PostgreSQL, in which a database is made anew; None = SQLite in the folder.
    """
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    folder.mkdir(parents=True)
    url = f"sqlite:///{folder / 'queue.sqlite'}" if database is None else _fresh(database)
    made = Fleet(url, folder, port)
    try:
        yield made
    finally:
        made.stop()


def wait_until(met: Callable[[], object], seconds: float = _PATIENCE_S) -> None:
    """Raises ServiceError: it did not become true in time."""
    ends = time.monotonic() + seconds
    while not met():
        if time.monotonic() > ends:
            raise ServiceError("waited in vain; the folder's log may say why")
        time.sleep(0.1)


def _fresh(server: str) -> str:
    url = sa.make_url(server)
    name = "resilver_benchmark"
    admin = sa.create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return url.set(database=name).render_as_string(hide_password=False)
