"""TensorBoard's events of a run: its figures and sheets over the steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter


class Events:
    """Written as long as that is possible: a full disk ends the events, not the run.

    Args:
        folder: where the files go; it is made.
        log: told once why no more is written.
    """

    def __init__(self, folder: Path, log: Callable[[str], None]) -> None:
        self._folder, self._log = folder, log
        self._writer: SummaryWriter | None = None
        with self._while_possible():
            self._writer = SummaryWriter(str(folder))

    def figures(self, figures: dict[str, float], step: int) -> None:
        """One value of each figure."""
        with self._while_possible():
            for name, value in figures.items():
                if self._writer is not None:
                    self._writer.add_scalar(name, value, step)

    def sheet(self, picture: NDArray[np.uint8], step: int) -> None:
        """A picture (H, W, 3)."""
        with self._while_possible():
            if self._writer is not None:
                self._writer.add_image("sheet", picture, step, dataformats="HWC")

    def close(self) -> None:
        """Writes what is held back."""
        with self._while_possible():
            if self._writer is not None:
                self._writer.close()

    @contextmanager
    def _while_possible(self) -> Generator[None]:
        try:
            yield
        except OSError as error:  # of this call, or of an earlier one that was held back
            self._writer = None
            self._log(f"{self._folder}: no more events are written ({error.strerror or error})")
