"""What a stage costs: seconds for a photo, and seconds for each of its megapixels, as measured.

Seconds are of a worker's whole time: two photos that it has in hand together share them.

Each finished photo moves both a little (weighted recursive least squares with forgetting; Haykin,
"Adaptive Filter Theory"), so that the figures follow the machine, the photos and the load of today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from resilver.service.database import COSTS, Database

FILE = "file"  # fetching, opening, saving and storing, counted like a stage
_FORGETTING = 0.99  # weight of what was known, with each new photo: the last hundred or so count
_FIRST_GUESS = (0.2, 1.5)  # seconds for a photo and for a megapixel, before anything was measured
_OWN_MEGAPIXELS = 0.5  # what a photo takes, however small, varies as if it had these as well
_SAME_SIZE = 1e-3  # photos whose sizes differ less than this (squared, relative) are of one size


@dataclass(frozen=True)
class Cost:
    """What one stage takes."""

    photo_s: float  # seconds for any photo, however small
    megapixel_s: float  # seconds for each megapixel

    def seconds(self, photos: float, megapixels: float) -> float:
        """For so many photos of so many megapixels in all."""
        return self.photo_s * photos + self.megapixel_s * megapixels


def measured_costs(database: Database) -> dict[str, Cost]:
    """What is known of each stage."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(COSTS)).all()
    return {row.stage: _fit(row.n, row.x, row.y, row.xx, row.xy) for row in rows}


def note_costs(database: Database, megapixels: float, seconds: Mapping[str, float]) -> None:
    """Learns from one photo.

    Args:
        megapixels: of the photo.
        seconds: of a worker's time, that each stage took.
    """
    # The larger photos are, the more those of one size differ, and the less one says.
    weight = 1.0 / (megapixels + _OWN_MEGAPIXELS)
    with database.writing(alone="costs") as connection:
        for stage, taken in sorted(seconds.items()):
            c = COSTS.c
            changed = connection.execute(
                sa.update(COSTS)
                .where(c.stage == stage)
                .values(
                    n=c.n * _FORGETTING + weight,
                    x=c.x * _FORGETTING + weight * megapixels,
                    y=c.y * _FORGETTING + weight * taken,
                    xx=c.xx * _FORGETTING + weight * megapixels**2,
                    xy=c.xy * _FORGETTING + weight * megapixels * taken,
                )
            )
            if changed.rowcount == 0:
                sums = {
                    "n": weight,
                    "x": weight * megapixels,
                    "y": weight * taken,
                    "xx": weight * megapixels**2,
                    "xy": weight * megapixels * taken,
                }
                connection.execute(database.insert_once(COSTS).values(stage=stage, **sums))


def seconds_of(
    costs: Mapping[str, Cost], stages: Iterable[str], photos: float, megapixels: float
) -> float:
    """What photos with these stages take, one after another.

    A stage that was never measured is taken to cost as much as the others do.
    """
    unknown = Cost(*_FIRST_GUESS)
    if costs:
        unknown = Cost(
            sum(cost.photo_s for cost in costs.values()) / len(costs),
            sum(cost.megapixel_s for cost in costs.values()) / len(costs),
        )
    return sum(costs.get(stage, unknown).seconds(photos, megapixels) for stage in (FILE, *stages))


def paced(
    costs: Mapping[str, Cost], stages: Sequence[str], megapixels: float
) -> Callable[[float], float]:
    """From the share of the stages that is done (0..1) to the share of the time that they take.

    The same as long as one of them was never measured.
    """
    taken = [costs[stage].seconds(1, megapixels) for stage in stages if stage in costs]
    if len(taken) < len(stages) or sum(taken) == 0.0:
        return lambda share: share
    ends = np.cumsum([0.0, *taken]) / sum(taken)
    even = np.linspace(0.0, 1.0, len(ends))
    return lambda share: float(np.interp(share, even, ends))


def _fit(n: float, x: float, y: float, xx: float, xy: float) -> Cost:
    """The line through weighted points (megapixels, seconds); neither part is below zero."""
    spread = n * xx - x * x
    if spread <= _SAME_SIZE * n * xx:
        # Of one size alone nobody can tell the parts; all of it for each megapixel would make days
        # of the seconds that a thumbnail took.
        slope = y / (x + n * _OWN_MEGAPIXELS)
        return Cost(_OWN_MEGAPIXELS * slope, slope)
    slope = (n * xy - x * y) / spread
    if slope <= 0.0:
        return Cost(y / n, 0.0)
    base = (y - slope * x) / n
    return Cost(base, slope) if base >= 0.0 else Cost(0.0, xy / xx)
