"""Runs a suite: every contender over every case, one picture in memory at a time."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from resilver.errors import ModelError, OptionError, ResilverError
from resilver.evaluate.evaluation import Attempt, Evaluation, Judged
from resilver.evaluate.values import (
    Case,
    Metric,
    Open,
    Restore,
    Sample,
    Setting,
    Suite,
    eight_bits,
)
from resilver.imaging.measures import Picture
from resilver.imaging.resizing import shrunk
from resilver.models.digest import file_sha256

THUMBNAIL_PX = 320  # longest side
_QUALITY = 82  # of WebP

Progress = Callable[[float, str], None]  # (share done 0..1, what is going on)
Opened = TypeVar("Opened")


def evaluate(
    suite: Suite[Any],
    setting: Setting,
    *,
    against: str | None = None,
    networks: Mapping[str, Path] | None = None,
    thumbnails: bool = False,
    progress: Progress = lambda _share, _words: None,
) -> Evaluation:
    """Runs a suite.

    Contenders and metrics whose network is not there are left out, and said so.

    Args:
        suite: what is measured.
        setting: where things lie, and how much of them is looked at.
        against: the contender that others are held against; None = the suite's own baseline.
        networks: further contenders: the names they get, and their weight files.
        thumbnails: keep a small picture of everything, for a contact sheet.
        progress: told after every case.

    Raises:
        OptionError: no such contender, a suite that takes no further networks, or no picture.
        PhotoError: a folder is missing or cannot be read.
        ResilverError: a picture is missing or cannot be read, or a network cannot compute it.
        ModelError: a network that was named cannot be opened, or nothing is left to be run.
    """
    networks = networks or {}
    makers = _with_networks(suite, networks)
    against = suite.baseline if against is None else against
    if against not in makers:
        raise OptionError(
            f"suite {suite.name!r} has no contender {against!r}; there are: {', '.join(makers)}"
        )
    cases = suite.cases(setting)
    if not cases:
        raise OptionError(f"suite {suite.name!r} finds nothing to look at in {setting.data}")
    asked = {against, *networks}
    contenders, absent = _opened(makers, setting)
    for name in asked & set(absent):
        raise ModelError(f"{name}: {absent[name]}")
    by_name: dict[str, Metric[Any]] = {metric.name: metric for metric in suite.metrics}
    measures, unmeasured = _opened({name: m.open for name, m in by_name.items()}, setting)
    digests = {name: file_sha256(path) for name, path in networks.items()}
    judged: list[Judged] = []
    for number, case in enumerate(cases):
        progress(number / len(cases), f"{case.group} {case.name}".strip())
        with _named(case):
            judged.append(_judged(case, contenders, measures, thumbnails=thumbnails))
    return Evaluation(
        suite=suite.name,
        about=f"{suite.sentence} {suite.notes}".strip(),
        against=against,
        metrics=tuple(metric for name, metric in by_name.items() if name in measures),
        judged=tuple(judged),
        left_out=tuple(f"{name}: {why}" for name, why in (absent | unmeasured).items()),
        setting=setting,
        networks=digests,
    )


def thumbnail(picture: Picture) -> bytes:
    """A picture (H, W, 3) in [0, 1] as a small WebP."""
    file = io.BytesIO()
    Image.fromarray(shrunk(eight_bits(picture), THUMBNAIL_PX)).save(file, "WEBP", quality=_QUALITY)
    return file.getvalue()


def _with_networks(suite: Suite[Any], networks: Mapping[str, Path]) -> dict[str, Open[Any]]:
    makers = dict(suite.contenders)
    for name, path in networks.items():
        if suite.candidate is None:
            raise OptionError(f"suite {suite.name!r} takes no further networks")
        if name in makers:
            raise OptionError(f"suite {suite.name!r} has a contender {name!r} already")
        makers[name] = suite.candidate(path)
    return makers


def _opened(
    makers: Mapping[str, Callable[[Setting], Opened]], setting: Setting
) -> tuple[dict[str, Opened], dict[str, str]]:
    """What could be opened, and why the rest could not; both by name."""
    opened: dict[str, Opened] = {}
    absent: dict[str, str] = {}
    for name, make in makers.items():
        try:
            opened[name] = make(setting)
        except ModelError as error:
            absent[name] = str(error)
    return opened, absent


@contextmanager
def _named(case: Case[Any]) -> Generator[None]:
    """What goes wrong with one picture of many is told with its name.

    Raises:
        ResilverError: instead of whatever error of ours.
    """
    try:
        yield
    except ResilverError as error:
        group = f" ({case.group})" if case.group else ""
        raise ResilverError(f"{case.name}{group}: {error}") from error


def _judged(
    case: Case[Any],
    contenders: Mapping[str, Restore[Any]],
    measures: Mapping[str, Callable[[Any, Picture], float]],
    *,
    thumbnails: bool,
) -> Judged:
    sample: Sample = case.read()
    attempts: dict[str, Attempt] = {}
    for name, restore in contenders.items():
        started = time.perf_counter()
        made = restore(sample)
        seconds = time.perf_counter() - started
        height, width = made.picture.shape[:2]
        attempts[name] = Attempt(
            figures={metric: measure(sample, made.picture) for metric, measure in measures.items()},
            seconds=seconds,
            megapixels=height * width / 1e6,
            words=made.words,
            thumbnail=thumbnail(made.picture) if thumbnails else b"",
        )
    truth = thumbnail(sample.truth) if thumbnails and sample.truth is not None else b""
    return Judged(case.name, case.group, attempts, truth)
