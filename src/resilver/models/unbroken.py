"""Imports of compiled modules that Ctrl-C does not tear apart."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def unbroken() -> Generator[None]:
    """Holds Ctrl-C back until the end, where it counts.

    Amid the import of a compiled module it is lost, and the half-loaded module fails every photo.
    """
    if threading.current_thread() is not threading.main_thread():  # only there does Ctrl-C arrive
        yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        signal.raise_signal(signal.SIGINT)
