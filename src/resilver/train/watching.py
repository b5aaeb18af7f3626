"""Looking at a network while it learns, where its loss does not tell how good it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
from torch import nn

from resilver.train.events import Events
from resilver.train.recipe import Inspected, Recipe


class Watch:
    """Looks at the running average now and then; does nothing for a recipe not `Inspected`.

    Args:
        recipe: what is trained.
        sources: the photos it is trained on.
        out: folder for the sheets, `sheet_<samples seen>.png`.
        every_s: seconds between two looks.
        events: where sheets and figures go as well; None in a process that does not write.
        log: receives one line of figures a look.
        figures: those of the last look of an earlier sitting.
    """

    def __init__(
        self,
        recipe: Recipe,
        sources: list[Path],
        out: Path,
        every_s: float,
        events: Events | None,
        log: Callable[[str], None],
        figures: dict[str, float],
    ) -> None:
        self._recipe = recipe if isinstance(recipe, Inspected) and events is not None else None
        self._sources, self._out, self._every_s = sources, out, every_s
        self._events, self._log = events, log
        self._last_s, self._looked_at = time.monotonic(), 0
        self.figures = figures

    @property
    def is_due(self) -> bool:
        return self._recipe is not None and time.monotonic() - self._last_s > self._every_s

    def look(self, average: nn.Module, step: int, samples: int) -> None:
        """Looks now, unless it did at this very step.

        Args:
            average: the running average, in eval mode.
            step: steps trained.
            samples: photos seen.
        """
        if self._recipe is None or self._events is None or step in (0, self._looked_at):
            return
        seen = self._recipe.inspect(average, self._sources)
        self.figures = seen.figures
        self._events.figures(seen.figures, step)
        self._events.sheet(seen.sheet, step)
        path = self._out / f"sheet_{samples:09d}.png"
        cv2.imwrite(str(path), seen.sheet[..., ::-1])
        shown = "  ".join(f"{name} {value:.5g}" for name, value in seen.figures.items())
        self._log(f"looked at after {samples} samples  {shown}  {path.name}")
        self._last_s, self._looked_at = time.monotonic(), step
