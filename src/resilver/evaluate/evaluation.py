"""What an evaluation found: the figures of every picture, and what they amount to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from resilver.evaluate.values import Metric, Setting


@dataclass(frozen=True)
class Attempt:
    """One contender at one picture."""

    figures: dict[str, float]  # by name of the metric; NaN = cannot be told of this picture
    seconds: float
    megapixels: float  # of the result
    words: str = ""  # what the contender says it did
    thumbnail: bytes = b""  # WebP; empty unless asked for


@dataclass(frozen=True)
class Judged:
    """One case with all that contenders made of it."""

    name: str
    group: str
    attempts: dict[str, Attempt]  # by contender
    truth: bytes = b""  # thumbnail, WebP; empty unless asked for, or where nobody knows it


@dataclass(frozen=True)
class Summary:
    """One metric of one contender over the pictures of a group; infinite figures count as such."""

    count: int  # pictures it could be told of
    mean: float
    median: float
    lower: float  # quartiles
    upper: float
    worst: float
    worst_name: str  # of the picture


@dataclass(frozen=True)
class Comparison:
    """One metric of one contender held against the baseline, picture by picture."""

    median: float  # of the differences, or of the ratios
    better: int  # pictures with a strictly better figure
    count: int  # pictures that both have a figure of


@dataclass(frozen=True)
class Evaluation:
    """A suite that was run."""

    suite: str
    about: str  # what was measured, and how to read it
    against: str  # the contender that others are held against
    metrics: tuple[Metric[Any], ...]  # those that were measured
    judged: tuple[Judged, ...]  # in the order of the suite
    left_out: tuple[str, ...]  # contenders and metrics that could not take part, and why
    setting: Setting
    networks: Mapping[str, str]  # further contenders: their names, and the SHA-256 of their files

    @property
    def trial(self) -> bool:
        """Whether not all photos were looked at."""
        return self.setting.photos is not None

    @property
    def contenders(self) -> tuple[str, ...]:
        """Their names, in the order of the tables."""
        return tuple(self.judged[0].attempts)

    @property
    def groups(self) -> tuple[str, ...]:
        """Their names, in the order of the suite."""
        return tuple(dict.fromkeys(one.group for one in self.judged))

    def of_group(self, group: str) -> list[Judged]:
        """The cases of one group."""
        return [one for one in self.judged if one.group == group]

    def summary(self, metric: Metric[Any], contender: str, group: str) -> Summary:
        """What the figures of a group amount to; NaN throughout where there are none."""
        found = [
            (one.attempts[contender].figures[metric.name], one.name) for one in self.of_group(group)
        ]
        known = [(value, name) for value, name in found if not math.isnan(value)]
        if not known:
            return Summary(0, math.nan, math.nan, math.nan, math.nan, math.nan, "")
        values = np.array([value for value, _name in known])
        worst, name = max(known, key=lambda one: (metric.badness(one[0]), one[1]))
        # Between two figures of which one is infinite nothing can be interpolated.
        lower = float(np.percentile(values, 25, method="lower"))
        upper = float(np.percentile(values, 75, method="higher"))
        middle = float(np.median(values))
        return Summary(len(known), float(values.mean()), middle, lower, upper, worst, name)

    def comparison(self, metric: Metric[Any], contender: str, group: str) -> Comparison:
        """A contender held against the baseline over a group."""
        pairs = [
            (one.attempts[contender].figures[metric.name],
             one.attempts[self.against].figures[metric.name])
            for one in self.of_group(group)
        ]  # fmt: skip
        known = [pair for pair in pairs if not any(map(math.isnan, pair))]
        if not known:
            return Comparison(math.nan, 0, 0)
        better = sum(metric.is_better(mine, other) for mine, other in known)
        compare = _difference if metric.compared == "difference" else _ratio
        return Comparison(
            float(np.median([compare(mine, other) for mine, other in known])), better, len(known)
        )

    def seconds_per_megapixel(self, contender: str) -> float:
        """The median over all pictures: that the first one loads a network does not count."""
        attempts = [one.attempts[contender] for one in self.judged]
        return float(np.median([one.seconds / one.megapixels for one in attempts]))


def _difference(mine: float, other: float) -> float:
    return 0.0 if mine == other else mine - other  # both may be infinite


def _ratio(mine: float, other: float) -> float:
    if mine == other:  # both may be 0
        return 1.0
    return mine / other if other else math.inf
