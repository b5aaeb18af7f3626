"""How much of a worker's time a photo took, while it had others in hand as well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Share:
    """Of one photo."""

    worker_s: float = 0.0  # of the worker's time; set at the end
    wall_s: float = 0.0  # from its beginning to its end; set at the end


class Shares:
    """Shares a worker's time out evenly among the photos in hand.

    What a photo takes on the wall clock depends on what else is in hand; its share does not, so
    that shares can be added up. A clock that goes 1/n as fast while n photos are in hand measures
    it (virtual time; Parekh and Gallager 1993).

    Args:
        alone: the share of the worker that a single photo can use, 0..1.
        now: seconds.
    """

    def __init__(self, alone: float = 1.0, now: Callable[[], float] = time.monotonic) -> None:
        self._alone = alone
        self._now = now
        self._lock = threading.Lock()
        self._in_hand = 0
        self._virtual_s = 0.0
        self._told_s = now()

    @contextmanager
    def taken(self) -> Generator[Share]:
        """A photo is in hand while the block runs."""
        share = Share()
        began_s, virtual_s = self._changed(1)
        try:
            yield share
        finally:
            ended_s, ended_virtual_s = self._changed(-1)
            share.wall_s = ended_s - began_s
            share.worker_s = ended_virtual_s - virtual_s

    def _changed(self, by: int) -> tuple[float, float]:
        with self._lock:
            now_s = self._now()
            if self._in_hand:
                self._virtual_s += (now_s - self._told_s) * min(self._alone, 1.0 / self._in_hand)
            self._told_s = now_s
            self._in_hand += by
            return now_s, self._virtual_s
