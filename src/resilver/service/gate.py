"""How many photos one worker has in hand: by their megapixels, not by their number."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

_ROUNDING = 1e-6  # megapixels; sums of floats do not come back to the last digit


class Gate:
    """Lets photos in as long as their megapixels fit; first come, first let in.

    A photo larger than all of it is let in alone.

    Args:
        megapixels: of all photos inside at once.
    """

    def __init__(self, megapixels: float) -> None:
        self._room = megapixels
        self._all = megapixels
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def inside(self, megapixels: float) -> Generator[None]:
        """Waits for room, and holds it as long as the block runs."""
        need = min(megapixels, self._all)
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            # Nobody slips past the first in line, else a larger photo might wait for ever.
            self._changed.wait_for(
                lambda: self._line[0] is ticket and need <= self._room + _ROUNDING
            )
            self._line.popleft()
            self._room -= need
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._room += need
                self._changed.notify_all()
