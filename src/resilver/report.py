"""Report: what was found, what was done, what was invented; as JSON, terminal table, HTML page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resilver.stages.draft import Face, Finding


@dataclass(frozen=True)
class StageRecord:
    """What one stage found and did."""

    finding: Finding
    strength: float  # 0 = did not act; (0, 1] = acted this strongly
    # "found", "asked for", "forced", "nothing to do", "switched off", "not possible"
    why: str
    seconds: float  # wall-clock of diagnosis and deed together
    models: tuple[
        tuple[str, str, str], ...
    ]  # (name, sha256, licence class) of the networks it has, used or not
    changed_share: float  # share of pixels that moved by more than 1/255, 0..1
    mean_change_255: float  # mean absolute change over those pixels, grey levels of 255

    @property
    def acted(self) -> bool:
        """Whether it ran; a forced stage may run and find nothing to change."""
        return self.strength > 0.0

    @property
    def changed(self) -> bool:
        """Whether any pixel moved by more than one grey level of 255, or there are more of them."""
        return self.changed_share > 0.0 or (self.acted and self.finding.stage == "upscale")


@dataclass(frozen=True, eq=False)
class Report:
    """The whole account of one restoration."""

    source: str  # file name as given, or "array"
    size: tuple[int, int]  # (height, width) in pixels, as it came
    bit_depth: int
    grey: bool  # as it came: a result in colour may be of a grey scan
    format: str
    stages: tuple[StageRecord, ...]  # in running order
    notices: tuple[str, ...]  # of the file (multi-page, CMYK, ...) and of the stages
    seconds: float  # the whole run, opening and saving not counted
    changed_share: float  # share of pixels that some stage moved by more than 1/255
    invented_share: float  # share of pixels whose value was made up
    # share of pixels per kind of damage: scratch, missing, stain, dust, painted (marked by hand);
    # without the kinds that nobody looked for
    damage_share: dict[str, float]
    software: str  # "resilver 0.1.0"
    # (h, w, 3) preview of the result, longest side at most 1600 px ...
    after: NDArray[np.uint8]
    before: NDArray[np.uint8]  # ... and of the input, plainly made as large as that
    changed: NDArray[np.uint8]  # (h, w) preview: largest change in the area, grey levels of 255
    invented: NDArray[np.uint8]  # (h, w) preview: 255 where any pixel of the area was made up
    damage: NDArray[np.uint8]  # (h, w) preview of Mark flags found in the area
    faces: tuple[Face, ...] = ()  # from left to right
    left_out: tuple[str, ...] = ()  # stages that would have run, had they not been left out
    coloured_share: float = 0.0  # share of pixels whose colour is a guess; their lightness is not
    enlarged: int = 1  # the result is so many times as high and as wide

    @property
    def result_size(self) -> tuple[int, int]:
        """(height, width) of the result; what is said of places is said of its pixels."""
        return self.enlarged * self.size[0], self.enlarged * self.size[1]
