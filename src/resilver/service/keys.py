"""API keys: who may send photos, in which lane, how many; and the credits of those who paid.

A key is `rsv_ID_SECRET`. Only the SHA-256 of the secret is kept: it has 256 random bits, so nobody
finds it by trying, and a slow hash as for passwords would protect nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from resilver.errors import OptionError
from resilver.reporting.words import encodable
from resilver.service.database import CREDITS, KEYS, Database
from resilver.service.refusal import Refusal

ID_BYTES = 6  # shown as twice as many digits
_KEY = re.compile(r"rsv_(?P<id>[0-9a-f]{12})_(?P<secret>[\w-]{43})", re.ASCII)
MOST_COUNTED = 1_000_000_000  # photos of one key: the databases hold up to twice as many


@dataclass(frozen=True)
class Visitor:
    """Who sent a request."""

    owner: str  # "local", "key:ID" or "guest:HASH"
    lane: str
    max_queued: int  # photos waiting at once
    max_megapixels: float  # the same, in megapixels
    key: str | None = None  # id of the API key


@dataclass(frozen=True)
class Key:
    """An API key without its secret."""

    id: str
    name: str
    lane: str
    credits: int | None  # photos left; None = not counted
    max_queued: int
    max_megapixels: float
    created_s: float
    revoked_s: float | None

    @property
    def visitor(self) -> Visitor:
        return Visitor(f"key:{self.id}", self.lane, self.max_queued, self.max_megapixels, self.id)


class Keys:
    """All API keys of a service."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        *,
        lane: str,
        photos: int | None,
        max_queued: int,
        max_megapixels: float,
    ) -> tuple[Key, str]:
        """A new key, and its text, which is shown this once.

        Args:
            photos: credits to start with; None = they are not counted.

        Raises:
            OptionError: a number that makes no sense, or a name that is no text.
        """
        if not 1 <= max_queued <= MOST_COUNTED or not max_megapixels > 0.0:
            raise OptionError(f"quotas are above 0, and photos up to {MOST_COUNTED}")
        if photos is not None and not 0 <= photos <= MOST_COUNTED:
            raise OptionError(f"credits are from 0 to {MOST_COUNTED}")
        if encodable(name) != name:
            raise OptionError(f"a key's name is text, not {encodable(name)!r}")
        secret = secrets.token_urlsafe(32)
        values: dict[str, Any] = {
            "id": secrets.token_hex(ID_BYTES),
            "name": name,
            "lane": lane,
            "credits": photos,
            "max_queued": max_queued,
            "max_megapixels": max_megapixels,
            "created_s": time.time(),
        }
        with self._database.writing() as connection:
            connection.execute(sa.insert(KEYS).values(**values, digest=_digest(secret)))
            if photos:
                _enter(self._database, connection, "granted", values["id"], values["id"], photos)
        return Key(**values, revoked_s=None), f"rsv_{values['id']}_{secret}"

    def list(self) -> list[Key]:
        """Every key, the newest last."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(KEYS).order_by(KEYS.c.created_s))
            return [_key_of(row) for row in rows]

    def revoke(self, key_id: str) -> None:
        """Lets a key open nothing from now on; its photos stay until they expire.

        Raises:
            OptionError: there is no such key.
        """
        key_id = encodable(key_id)  # no database takes bytes that are no text
        with self._database.writing() as connection:
            changed = connection.execute(
                sa.update(KEYS)
                .where(KEYS.c.id == key_id, KEYS.c.revoked_s.is_(None))
                .values(revoked_s=time.time())
            )
        if changed.rowcount == 0:
            raise OptionError(f"there is no key {key_id!r} that opens anything")

    def find(self, text: str) -> Key | None:
        """The key that a request carries, if it opens anything."""
        parts = _KEY.fullmatch(text)
        if parts is None:
            return None
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(KEYS).where(KEYS.c.id == parts["id"], KEYS.c.revoked_s.is_(None))
            ).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, _digest(parts["secret"])):
            return None
        return _key_of(row)

    def top_up(self, key_id: str, photos: int, event: str) -> int:
        """Adds credits, once for each event; returns how many there are.

        Raises:
            Refusal: there is no such key, its credits are not counted, or this event was another.
        """
        with self._database.writing(alone=f"key:{key_id}") as connection:
            found = connection.execute(
                sa.select(KEYS.c.credits).where(KEYS.c.id == key_id, KEYS.c.revoked_s.is_(None))
            ).one_or_none()
            if found is None:
                raise Refusal(404, "there is no such key")
            if found.credits is None:
                raise Refusal(409, "the credits of this key are not counted")
            if _enter(self._database, connection, "topped up", event, key_id, photos):
                _add(connection, key_id, photos)
            elif not _is_entered(connection, "topped up", event, key_id, photos):
                raise Refusal(409, "this event has added other photos, or to another key")
            return connection.execute(
                sa.select(KEYS.c.credits).where(KEYS.c.id == key_id)
            ).scalar_one()


def hold_credit(database: Database, connection: sa.Connection, key_id: str, job_id: str) -> bool:
    """Takes a credit for a photo; False if the key's credits are not counted.

    Raises:
        Refusal: none is left.
    """
    taken = connection.execute(
        sa.update(KEYS)
        .where(KEYS.c.id == key_id, KEYS.c.credits > 0)
        .values(credits=KEYS.c.credits - 1)
    )
    if taken.rowcount:
        _enter(database, connection, "held", job_id, key_id, -1)
        return True
    left = connection.execute(sa.select(KEYS.c.credits).where(KEYS.c.id == key_id)).scalar()
    if left is None:
        return False
    raise Refusal(402, "this key has no credits left")


def give_back_credit(
    database: Database, connection: sa.Connection, key_id: str, job_id: str
) -> None:
    """Returns the credit of a photo that was not restored; once."""
    if _enter(database, connection, "given back", job_id, key_id, 1):
        _add(connection, key_id, 1)


def _add(connection: sa.Connection, key_id: str, photos: int) -> None:
    connection.execute(
        sa.update(KEYS).where(KEYS.c.id == key_id).values(credits=KEYS.c.credits + photos)
    )


def _is_entered(
    connection: sa.Connection, reason: str, reference: str, key_id: str, photos: int
) -> bool:
    c = CREDITS.c
    line = sa.select(c.key, c.photos).where(c.reason == reason, c.reference == reference)
    return tuple(connection.execute(line).one()) == (key_id, photos)


def _enter(
    database: Database,
    connection: sa.Connection,
    reason: str,
    reference: str,
    key_id: str,
    photos: int,
) -> bool:
    """A line in the ledger; False if it is there already."""
    entered = connection.execute(
        database.insert_once(CREDITS)
        .values(reason=reason, reference=reference, key=key_id, photos=photos, at_s=time.time())
        .returning(CREDITS.c.photos)
    )
    return entered.first() is not None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _key_of(row: Any) -> Key:
    values = dict(row._mapping)
    del values["digest"]
    return Key(**values)
