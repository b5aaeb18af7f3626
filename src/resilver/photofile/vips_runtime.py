"""libvips, set up once: no cache, no chatter, and its errors in words."""

from __future__ import annotations

import logging
from pathlib import Path

import pyvips

from resilver.errors import PhotoUnreadable

# libvips keeps the last 100 operations, and with them their pixels and an old state of a file that
# has changed since; each photo is read once, so a cache only holds memory.
pyvips.cache_set_max(0)

# pyvips passes libvips warnings to Python's logging, which prints them to stderr when a program has
# set up no logging. They stay available to a program that has.
logging.getLogger("pyvips").addHandler(logging.NullHandler())

_CUT_SHORT = (
    "premature end",
    "read error",
    "seek error",
    "bad seek",
    "unexpected end",
    "end of file",
    "end of data",
    "outside of file bounds",
    "not enough data",
)


def unreadable(path: Path, error: Exception, format_name: str) -> PhotoUnreadable:
    """The one-line error for what libvips said (its own text runs over many lines)."""
    said = str(error).lower()
    if any(words in said for words in _CUT_SHORT):
        return PhotoUnreadable(path, f"the {format_name.upper()} file is truncated or damaged")
    return PhotoUnreadable(path, f"the {format_name.upper()} data is damaged beyond decoding")
