"""Calls that must not run side by side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


def one_at_a_time(call: Callable[Given, Answer], pause_s: float) -> Callable[Given, Answer]:
    """The same call, a little slower, which fails while another one is under way."""
    alone = threading.Lock()

    def guarded(*given: Given.args, **named: Given.kwargs) -> Answer:
        assert alone.acquire(blocking=False), "another one is under way"
        try:
            time.sleep(pause_s)
            return call(*given, **named)
        finally:
            alone.release()

    return guarded
