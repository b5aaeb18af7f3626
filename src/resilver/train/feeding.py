"""Batches of samples for the training loop, made by worker processes beside it."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from resilver.errors import RecipeError, ResilverError
from resilver.train.recipe import Batch, Recipe, Sample


class _Stream(IterableDataset[Sample]):
    def __init__(self, recipe: Recipe, sources: list[Path], seed: int) -> None:
        self._recipe, self._sources, self._seed = recipe, sources, seed

    def __iter__(self) -> Iterator[Sample]:
        worker = get_worker_info()
        return self._recipe.samples(
            self._sources, self._seed * 1009 + (0 if worker is None else worker.id)
        )


def collate(samples: list[Sample]) -> Batch:
    """Stacks samples; at module level, so that worker processes can find it."""
    return {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}


def batches(recipe: Recipe, sources: list[Path], seed: int, workers: int) -> Iterator[Batch]:
    """Batches without end, in the order of the seed; the worker processes begin at once.

    Raises:
        RecipeError: while they are drawn, what a worker refuses, in one sentence.
    """
    loader = DataLoader(
        _Stream(recipe, sources, seed),
        batch_size=recipe.info.batch,
        num_workers=workers,
        collate_fn=collate,
        prefetch_factor=6 if workers else None,
        worker_init_fn=_quiet_worker if workers else None,
    )
    with _opencv_alone():
        return _in_one_sentence(iter(loader))


@contextmanager
def _opencv_alone() -> Generator[None]:
    """Without OpenCV's threads: a process that is forked amid them waits for them for ever."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def _in_one_sentence(drawn: Iterator[Batch]) -> Iterator[Batch]:
    """The batches; what a worker process refuses comes with its traceback, which is taken off."""
    try:
        yield from drawn
    except ResilverError as error:
        last = str(error).strip().splitlines()[-1]
        kind = f"{type(error).__module__}.{type(error).__name__}: "
        raise RecipeError(last.removeprefix(kind)) from error


def _quiet_worker(_worker: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # it is told to end so, and has nothing to tidy
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if hasattr(os, "nice"):  # Windows has none
        os.nice(2)
