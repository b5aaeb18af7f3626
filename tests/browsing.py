"""Pages in a real Chromium, driven by Playwright; fails when a page complains or asks elsewhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="part of the extra 'dev'")

LONG_MS = 60_000


@contextmanager
def chromium() -> Iterator[Any]:
    """The system's Chromium, headless; skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        # Inside a container there is no sandbox to be had; it opens nothing but our own pages.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened_page(browser: Any, own: str, **context: Any) -> Iterator[Any]:
    """A page of a fresh browser, that must not complain and not ask for anything elsewhere.

    Args:
        own: a regular expression that matches what the page may ask for.
        context: as Playwright's `new_context` takes it.
    """
    made = browser.new_context(**context)
    complaints: list[str] = []
    asked: list[str] = []

    def hear(message: Any) -> None:
        # An answer of 4xx is told by the browser as well; our page has said it in words.
        told = "the server responded with a status of 4" in message.text
        told = told or "net::ERR_CONNECTION_RESET" in message.text  # a test's own doing
        if message.type == "error" and not told:
            complaints.append(message.text)

    page = made.new_page()
    page.set_default_timeout(LONG_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", hear)
    page.on("request", lambda request: asked.append(request.url))
    yield page
    made.close()
    assert complaints == [], complaints
    assert [url for url in asked if not re.match(own, url)] == [], "asked for from elsewhere"
