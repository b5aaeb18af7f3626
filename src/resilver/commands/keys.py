"""`resilver keys`: makes, lists and revokes API keys."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.table import Column, Table
from rich.text import Text

from resilver.commands.screen import Screen
from resilver.errors import ServiceError
from resilver.reporting.words import printable

try:
    from resilver.service.database import Database
    from resilver.service.keys import ID_BYTES, Keys
    from resilver.service.settings import default_database
    from resilver.service.signing import webhook_secret
except ImportError as error:
    raise ServiceError(
        f"the service needs: pip install '.[serve]' in the checkout ({error.name})"
    ) from error


def create(
    database: str | None,
    name: str,
    *,
    lane: str,
    photos: int | None,
    max_queued: int,
    max_megapixels: float,
) -> int:
    """Makes a key and shows it; returns the exit code."""
    opened = Database(database or default_database())
    key, text = Keys(opened).create(
        name, lane=lane, photos=photos, max_queued=max_queued, max_megapixels=max_megapixels
    )
    screen = Screen()
    screen.line(text, "key")
    screen.line(webhook_secret(opened.fact("secret"), key.id), "webhooks")
    screen.line("Keep both: only what the key hashes to is stored. Webhooks are signed so.")
    opened.close()
    return 0


def list_keys(database: str | None) -> int:
    """Shows every key without its secret; returns the exit code."""
    opened = Database(database or default_database())
    table = Table(
        Column("id", no_wrap=True, min_width=2 * ID_BYTES),  # what `revoke` is given
        *("name", "lane", "credits", "may have waiting", "made", "revoked"),
    )
    for key in Keys(opened).list():
        table.add_row(
            key.id,
            Text(printable(key.name)),  # as it is: "[old]" is no markup
            Text(printable(key.lane)),
            "not counted" if key.credits is None else str(key.credits),
            f"{key.max_queued} photos, {key.max_megapixels:g} MP",
            _day(key.created_s),
            "" if key.revoked_s is None else _day(key.revoked_s),
        )
    Screen().show(table)
    opened.close()
    return 0


def revoke(database: str | None, key_id: str) -> int:
    """Revokes a key; returns the exit code."""
    opened = Database(database or default_database())
    try:
        Keys(opened).revoke(key_id)
    finally:
        opened.close()
    Screen().line(key_id, "revoked")
    return 0


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
