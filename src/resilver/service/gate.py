"""How many photos one worker has in hand: by their megapixels, not by their number."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_PASSES = 8  # so many that came later may slip past a photo for which there is no room yet
_ROUNDING = 1e-6  # megapixels; sums of floats do not come back to the last digit


@dataclass(eq=False)
class _Ticket:
    """A photo that waits for room."""

    need: float  # megapixels
    passed: int = 0  # by how many


class Gate:
    """Lets photos in as long as their megapixels fit, in the order in which they come.

    One that has to wait for room does not hold up smaller ones that fit, up to a few: it must not
    wait for ever. A photo larger than all of it is let in alone.

    Args:
        megapixels: of all photos inside at once.
    """

    def __init__(self, megapixels: float) -> None:
        self._room = megapixels
        self._all = megapixels
        self._line: list[_Ticket] = []
        self._changed = threading.Condition()

    @contextmanager
    def inside(self, megapixels: float) -> Generator[None]:
        """Waits for room, and holds it as long as the block runs."""
        ticket = _Ticket(min(megapixels, self._all))
        with self._changed:
            self._line.append(ticket)
            self._changed.wait_for(lambda: self._may_enter(ticket))
            for earlier in self._before(ticket):
                earlier.passed += 1
            self._line.remove(ticket)
            self._room -= ticket.need
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._room += ticket.need
                self._changed.notify_all()

    def _may_enter(self, ticket: _Ticket) -> bool:
        # One before it that fits as well goes first; it has been told, and is on its way.
        return self._fits(ticket) and not any(
            self._fits(earlier) or earlier.passed >= MOST_PASSES for earlier in self._before(ticket)
        )

    def _fits(self, ticket: _Ticket) -> bool:
        return ticket.need <= self._room + _ROUNDING

    def _before(self, ticket: _Ticket) -> list[_Ticket]:
        return self._line[: self._line.index(ticket)]
