"""What the stages changed: measured stage by stage, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from resilver.imaging.enlarging import plainly_enlarged
from resilver.imaging.tiles import Pixels
from resilver.photofile.depth import ONE_LEVEL, widen
from resilver.stages.draft import Mark

_STRIP_PX = 256


@dataclass(frozen=True, eq=False)
class ChangeMap:
    """The largest change of each area of a photo, at the size of the report's pictures."""

    size: tuple[int, int]  # of the photo, (height, width)
    preview: NDArray[np.uint8]  # (h, w): largest change in the area, grey levels of 255

    @classmethod
    def empty(cls, size: tuple[int, int], longest_px: int) -> ChangeMap:
        """Of a photo that nothing has changed; its areas make a picture of at most `longest_px`."""
        return cls(size, np.zeros(_preview_size(size, longest_px), np.uint8))

    def enlarged(self, factor: int, longest_px: int) -> ChangeMap:
        """The same changes of the photo made `factor` times as large."""
        size = factor * self.size[0], factor * self.size[1]
        height, width = _preview_size(size, longest_px)
        preview = cv2.resize(self.preview, (width, height), interpolation=cv2.INTER_NEAREST)
        return ChangeMap(size, np.asarray(preview, np.uint8))

    def add(self, old: Pixels, new: Pixels, marks: NDArray[np.uint8]) -> tuple[float, float]:
        """Notes what changed from `old` to `new`, both (H, W, 3); sets `Mark.CHANGED` in marks.

        Where the new picture is larger it is held against the old one plainly enlarged.

        Returns:
            (share of pixels of which a channel moved by more than one grey level of 255, their
            mean absolute change over all channels in grey levels of 255).
        """
        height, width = self.size
        factor = height // old.shape[0]
        changed, total = 0, 0.0
        for top in range(0, height, _STRIP_PX):
            rows = slice(top, min(top + _STRIP_PX, height))
            before = old[rows] if factor == 1 else plainly_enlarged(old, factor, rows)
            apart = np.abs(widen(before).astype(np.int32) - widen(new[rows]))
            moved = apart.max(axis=2)
            over = moved > ONE_LEVEL
            changed += int(np.count_nonzero(over))
            total += float(apart[over].mean(axis=1).sum())
            marks[rows][over] |= np.uint8(Mark.CHANGED)
            levels = np.minimum(moved / ONE_LEVEL, 255).astype(np.uint8)
            _raise_to(self.preview, _cells(rows, height, self.preview.shape[0]), levels)
        mean = total / changed / ONE_LEVEL if changed else 0.0
        return changed / (height * width), mean

    def shrink_flag(self, marks: NDArray[np.uint8], flag: Mark) -> NDArray[np.uint8]:
        """(h, w) at preview size: 255 where any pixel of the area carries the flag."""
        out = np.zeros_like(self.preview)
        for top in range(0, self.size[0], _STRIP_PX):
            rows = slice(top, min(top + _STRIP_PX, self.size[0]))
            flagged = ((marks[rows] & np.uint8(flag)) != 0).astype(np.uint8) * np.uint8(255)
            _raise_to(out, _cells(rows, self.size[0], out.shape[0]), flagged)
        return out

    def shrink_flags(self, marks: NDArray[np.uint8], flags: tuple[Mark, ...]) -> NDArray[np.uint8]:
        """(h, w) at preview size: every flag that a pixel of the area carries."""
        out = np.zeros_like(self.preview)
        for flag in flags:
            out |= np.where(self.shrink_flag(marks, flag) > 0, np.uint8(flag), np.uint8(0))
        return out


def _preview_size(size: tuple[int, int], longest_px: int) -> tuple[int, int]:
    """As `Photo.preview` makes it."""
    scale = min(longest_px / max(size), 1.0)
    return max(round(scale * size[0]), 1), max(round(scale * size[1]), 1)


def _cells(rows: slice, height: int, cells: int) -> NDArray[np.intp]:
    """The preview row under which each row of the photo falls."""
    return np.arange(rows.start, rows.stop) * cells // height


def _raise_to(
    preview: NDArray[np.uint8], cells: NDArray[np.intp], strip: NDArray[np.uint8]
) -> None:
    """Raises preview cells to the maximum of the strip's pixels that fall under them."""
    width = preview.shape[1]
    columns = np.arange(strip.shape[1]) * width // strip.shape[1]
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    across = np.maximum.reduceat(strip, starts, axis=1)
    row_starts = np.flatnonzero(np.diff(cells, prepend=-1))
    peaks = np.maximum.reduceat(across, row_starts, axis=0)
    for cell, peak in zip(cells[row_starts], peaks, strict=True):
        preview[cell] = np.maximum(preview[cell], peak)
