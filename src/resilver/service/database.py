"""The tables of the service, beside those of DBOS in the same database: SQLite or PostgreSQL."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from resilver.errors import ServiceError

SCHEMA = "3"  # of these tables; a database of another one is refused
_CREATION_LOCK = 7_381_240_116  # PostgreSQL advisory lock: one process makes the tables

METADATA = sa.MetaData()

JOBS = sa.Table(
    "resilver_jobs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),  # unguessable; who knows it may ask for it
    sa.Column("workflow", sa.Text, nullable=False, unique=True),  # DBOS's id of it
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("priority", sa.Integer, nullable=False),  # arrival less head start, see lanes.py
    sa.Column("submitted_s", sa.Float, nullable=False),
    sa.Column("started_s", sa.Float),
    sa.Column("finished_s", sa.Float),
    sa.Column("expires_s", sa.Float),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("megapixels", sa.Float, nullable=False),
    sa.Column("room", sa.Float, nullable=False),  # megapixels, of the result if it is larger
    sa.Column("options", sa.Text, nullable=False),  # JSON, as the API takes them
    sa.Column("stages", sa.Text, nullable=False),  # those that are wanted, by comma
    sa.Column("photo", sa.Text, nullable=False),  # name in the storage folder of the job
    sa.Column("mask", sa.Text),
    sa.Column("result", sa.Text),
    sa.Column("tries", sa.Integer, nullable=False, default=0),
    sa.Column("deaths", sa.Integer, nullable=False, default=0),
    sa.Column("worker", sa.Text),
    sa.Column("stage", sa.Text),
    sa.Column("fraction", sa.Float, nullable=False, default=0.0),
    sa.Column("idempotency", sa.Text),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("webhook", sa.Text),
    sa.Column("paid", sa.Boolean, nullable=False, default=False),
    sa.UniqueConstraint("owner", "idempotency", name="resilver_jobs_once"),
    # Covers place and work ahead without a look at the rows.
    sa.Index(
        "resilver_jobs_waiting",
        *("state", "queue", "priority", "submitted_s", "stages", "megapixels", "room", "lane"),
    ),
    # Covers who came in the last while.
    sa.Index("resilver_jobs_came", "lane", "submitted_s", "queue", "stages", "megapixels"),
    sa.Index("resilver_jobs_owned", "owner", "submitted_s"),
    sa.Index("resilver_jobs_expiring", "expires_s"),
)

KEYS = sa.Table(
    "resilver_keys",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),  # SHA-256 of the secret
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("credits", sa.Integer),  # photos left; null = not counted
    sa.Column("max_queued", sa.Integer, nullable=False),
    sa.Column("max_megapixels", sa.Float, nullable=False),
    sa.Column("created_s", sa.Float, nullable=False),
    sa.Column("revoked_s", sa.Float),
)

CREDITS = sa.Table(
    "resilver_credits",
    METADATA,
    sa.Column("reason", sa.Text, primary_key=True),  # "granted", "topped up", "held", "given back"
    sa.Column("reference", sa.Text, primary_key=True),  # job or event: each counts once
    sa.Column("key", sa.Text, nullable=False, index=True),
    sa.Column("photos", sa.Integer, nullable=False),
    sa.Column("at_s", sa.Float, nullable=False),
)

COSTS = sa.Table(
    "resilver_costs",
    METADATA,
    sa.Column("stage", sa.Text, primary_key=True),
    *(sa.Column(name, sa.Float, nullable=False) for name in ("n", "x", "y", "xx", "xy")),
)

FINISHED = sa.Table(
    "resilver_finished",
    METADATA,
    sa.Column("lane", sa.Text, primary_key=True),
    sa.Column("minute", sa.Integer, primary_key=True),  # since 1970
    sa.Column("photos", sa.Integer, nullable=False),
    sa.Column("megapixels", sa.Float, nullable=False),
)

WORKERS = sa.Table(
    "resilver_workers",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("seen_s", sa.Float, nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("megapixels", sa.Float, nullable=False),
    sa.Column("alone", sa.Float, nullable=False),  # share of itself that a single photo can use
)

FACTS = sa.Table(
    "resilver_facts",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


class Database:
    """Connections to one database.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`.

    Raises:
        ServiceError: it cannot be reached, or belongs to another version.
    """

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
            self.url = self.engine.url.render_as_string(hide_password=False)
            self._make_tables()
        except OSError as error:  # of the folder of a file
            what = f"{error.filename}: {error.strerror}" if error.filename else type(error).__name__
            raise ServiceError(f"the database cannot be used ({what})") from error
        except (ArgumentError, ImportError, SQLAlchemyError) as error:
            # What the driver says may hold the password, so it is not repeated.
            raise ServiceError(f"the database cannot be used ({type(error).__name__})") from error
        found = self.fact("schema")
        if found != SCHEMA:
            self.close()
            raise ServiceError(f"the database is of version {found}, this resilver of {SCHEMA}")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def clock(self) -> sa.ColumnElement[float]:
        """Seconds since 1970 by the database's clock: one for all hosts, whatever theirs say."""
        if self.is_sqlite:
            return sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Float)
        return sa.literal_column(
            "CAST(extract(epoch FROM clock_timestamp()) AS double precision)", sa.Float
        )

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """A connection that changes nothing."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: str | None = None) -> Generator[sa.Connection]:
        """A transaction, committed at the end.

        Args:
            alone: nobody else who names the same thing is in here at the same time.
        """
        with self.engine.begin() as connection:
            if alone is not None:
                _lock(connection, alone)
            yield connection

    def fact(self, name: str) -> str:
        """What is the same for all processes of this service."""
        with self.reading() as connection:
            return connection.execute(
                sa.select(FACTS.c.value).where(FACTS.c.name == name)
            ).scalar_one()

    def insert_once(self, table: sa.Table) -> Any:
        """An insert that leaves a row that is already there as it is."""
        from sqlalchemy.dialects import postgresql, sqlite  # noqa: PLC0415

        dialect = sqlite if self.is_sqlite else postgresql
        return dialect.insert(table).on_conflict_do_nothing()

    def close(self) -> None:
        self.engine.dispose()

    def _make_tables(self) -> None:
        with self.engine.begin() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATION_LOCK)))
            METADATA.create_all(connection)
            for name, value in (("schema", SCHEMA), ("secret", secrets.token_hex(32))):
                connection.execute(self.insert_once(FACTS).values(name=name, value=value))


# Errors do not quote what was asked for: ids of photos, which open them, would stand in the logs.
_POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 20, "hide_parameters": True}


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed, pool_pre_ping=True, **_POOL)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise ServiceError("a database is sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME")
    file = Path(parsed.database)
    # Ids in it open photos, and its secret signs: nobody else on this machine has business here.
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        file.touch(mode=0o600)
    engine = sa.create_engine(parsed, **_POOL)
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Writers queue up instead of failing halfway (IMMEDIATE); readers do not wait for them (WAL);
    # what was answered survives a power cut (FULL).
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _lock(connection: sa.Connection, name: str) -> None:
    if connection.engine.dialect.name == "sqlite":  # the first write takes the only lock there is
        connection.execute(
            sa.update(FACTS).where(FACTS.c.name == "schema").values(value=FACTS.c.value)
        )
    else:
        connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0)))
        )
