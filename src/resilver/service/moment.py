"""A service at one moment: costs, workers, what waits and what runs; the same for everybody."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resilver.service.ahead import Part, Stretch, photos_of, room_of
from resilver.service.costs import Cost, seconds_of
from resilver.service.lanes import LARGE, SMALL
from resilver.service.turns import Line, Load, evenly, turn_of

PLAYED = 64  # photos before a turn that are played through one by one


@dataclass(frozen=True)
class LiveWorker:
    slots: int
    megapixels: float
    alone: float  # share of it that a single photo can use


@dataclass(frozen=True)
class Moment:
    """What is the same for everybody in line."""

    costs: dict[str, Cost]
    workers: tuple[LiveWorker, ...]
    line: dict[str, tuple[Stretch, ...]]  # by queue, all that wait
    running: dict[str, tuple[Load, ...]]  # by queue, one each
    coming: dict[tuple[str, str], float]  # (lane, queue) -> seconds of work that come in a second

    def waiting(self, queue: str) -> tuple[Part, ...]:
        """All that wait in a queue."""
        line = self.line[queue]
        return line[-1].upto if line else ()

    def seconds(self, parts: Iterable[Part]) -> float:
        """What photos take of a worker's time."""
        return sum(
            seconds_of(self.costs, part.stages.split(","), part.photos, part.megapixels)
            for part in parts
        )

    def load(self, stages: str, megapixels: float, room: float, left: float = 1.0) -> Load:
        """One photo, of which a share is left to be done."""
        return Load(left * self.seconds([Part(stages, 1, megapixels, room)]), room)

    def turn(
        self, queue: str, ahead: Sequence[Part], last: Sequence[Load], own: Load
    ) -> tuple[float, float] | None:
        """(begun, finished) of a photo, seconds from now; None if no worker is alive.

        Args:
            last: the last ones of those ahead, in order; if not all, as they are in the mean.
        """
        if not self.workers:
            return None
        other = LARGE if queue == SMALL else SMALL
        photos, ahead_s, waiting = photos_of(ahead), self.seconds(ahead), self.waiting(queue)
        behind = max(0, photos_of(waiting) - photos - 1)
        behind_s = self.seconds(waiting) - ahead_s - own.work_s
        behind_room = room_of(waiting) - room_of(ahead) - own.room
        places, room = self._capacity(queue)
        line = Line(
            in_hand=self.running[queue],
            beside=self._beside(other),
            earlier_s=ahead_s * (1.0 - len(last) / max(1, photos)),
            ahead=tuple(last),
            behind=evenly(max(0.0, behind_s), max(0.0, behind_room), behind, places),
            places=places,
            room=room,
            workers=len(self.workers),
            alone=self._alone,
        )
        return turn_of(line, own)

    def mean(self, parts: Sequence[Part]) -> tuple[Load, ...]:
        """As many of these photos as are played through, each as they are in the mean."""
        return evenly(self.seconds(parts), room_of(parts), photos_of(parts), PLAYED)

    def left_s(self, own: Load) -> float:
        """Until a photo that is being worked on is finished."""
        in_hand = sum(len(loads) for loads in self.running.values())
        return own.work_s / min(self._alone, max(1, len(self.workers)) / max(1, in_hand))

    @property
    def _alone(self) -> float:
        if not self.workers:
            return 1.0
        return sum(worker.alone for worker in self.workers) / len(self.workers)

    def _beside(self, queue: str) -> tuple[float, ...]:
        """All work of a queue, over the places in which it will be done."""
        running, waiting = self.running[queue], self.waiting(queue)
        work_s = sum(load.work_s for load in running) + self.seconds(waiting)
        places = min(self._capacity(queue)[0], len(running) + photos_of(waiting))
        return (work_s / places,) * places if places else ()

    def _capacity(self, queue: str) -> tuple[int, float]:
        """How many photos of a queue, and megapixels of them, are in hand at once at most."""
        if queue == LARGE:  # one a worker, however large
            return len(self.workers), math.inf
        return (
            sum(worker.slots for worker in self.workers),
            sum(worker.megapixels for worker in self.workers),
        )
